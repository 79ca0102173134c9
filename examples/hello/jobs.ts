import { job } from 'millrace'

export async function hello(name: string) {
  return `hello, ${name}`
}

/** Fails in every attempt, so it ends among the dead letters. */
export const failing = job({ maxAttempts: 3, backoff: { base: '10ms' } }, async (service: string) => {
  throw new Error(`${service} does not answer`)
})

/** Computes, and blocks the event loop while it does. In a queue of its own, so that it blocks one consumer at most. */
export const heavy = job({ queue: 'cpu', timeout: '1m' }, async (n: number) => fibonacci(n))

function fibonacci(n: number): number {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2)
}
