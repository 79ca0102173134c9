/** Time that really passes. */

import { eventually } from './eventually.ts'

/** Answers when the clock of this machine has gone on by at least so much: the condition is the time itself. */
export async function passRealTime(ms: number): Promise<void> {
  const until = Date.now() + ms
  await eventually(() => Date.now() >= until, { everyMs: Math.max(1, ms) })
}
