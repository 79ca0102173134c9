/** The job of `millrace demo --kill`, and how each of its workers runs it. */

import { nodeClock } from '../../host/clock.ts'

const clock = nodeClock()

/** Works for that long. */
async function work(ms: number): Promise<number> {
  await new Promise<void>((resolve) => void clock.after(ms, resolve))
  return ms
}

export const KILL_JOBS: { readonly demo: { readonly work: typeof work } } = { demo: { work } }

export const KILL_QUEUES: { readonly default: { readonly concurrency: number } } = { default: { concurrency: 4 } }
