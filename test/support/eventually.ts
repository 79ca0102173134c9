/** Waiting for what has no signal. */

/** Options of {@link eventually}. */
export interface EventuallyOptions {
  /** When waiting is given up. Default: 10,000 ms. */
  readonly withinMs?: number
  /** How long to wait between two looks. Default: 10 ms. */
  readonly everyMs?: number
}

/** Calls `look` until it answers something other than false, null or undefined, and answers that; throws after the deadline. */
export async function eventually<T>(
  look: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 10 }: EventuallyOptions = {},
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = await look()
    // The three refused values are exactly what the answer's type leaves out.
    if (found !== false && found !== null && found !== undefined) return found as NonNullable<Exclude<T, false>>
    if (performance.now() > deadline) throw new Error(`did not come true within ${withinMs} ms: ${look.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}
