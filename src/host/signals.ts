/** The signals by which an operating system or a terminal asks a process to end. */

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * Calls `handler` for each SIGINT and SIGTERM from now on, with its number: 1 for the first.
 *
 * @returns A function that ends this; the signals then do again what they did before.
 */
export function onEndSignals(handler: (count: number) => void): () => void {
  let count = 0
  const listener = (): void => handler(++count)
  for (const signal of SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener)
  }
}

/** Ends the process at once. */
export function quit(code: number): never {
  process.exit(code)
}
