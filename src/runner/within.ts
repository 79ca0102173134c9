/** Waiting for what may never come. */

import type { Clock, Timer } from '../host/host.ts'

/** Waits for `work`, but not for ever: a store that hangs must not keep a process from ending. Never rejects. */
export async function within(
  clock: Clock,
  ms: number,
  work: Promise<unknown>,
  onError: (error: unknown) => void,
): Promise<void> {
  let timer: Timer | undefined
  const timeout = new Promise<void>((resolve) => (timer = clock.after(ms, resolve)))
  await Promise.race([work.catch(onError), timeout])
  timer?.cancel()
}
