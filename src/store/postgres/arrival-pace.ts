/**
 * How often jobs arrive, judged by what claims bring: whether this process wants to be notified, and when it looks again by
 * itself. A notification costs every enqueue a lock of the whole server, so a process that is busy anyway asks instead.
 *
 *     fewer than 200 jobs a second   notified; after it has said so it looks a few times more, for what came in between
 *     more than 350                  not notified; looks again every 5 ms
 *     between                        as before
 *
 * Pure: times are passed in. The two limits and the pause are those of the prototype in the measurements.
 */

const CALM_PER_S = 200
const BUSY_PER_S = 350
const BUSY_LOOK_MS = 5
/** After it has said that it is idle: enqueues under way may not have seen it. */
const FIRST_LOOKS_MS = [5, 20, 100] as const
/** Without notifications that arrive. */
const DEAF_LOOK_MS = 500
const DEAF_BUSY_LOOK_MS = 20

const WINDOW_MS = 500

/** See the head of this file. */
export class ArrivalPace {
  #windowStart = -Infinity
  #inWindow = 0
  #perSecond = 0
  #looks = 0

  /** Jobs were claimed. */
  arrived(count: number, now: number): void {
    const age = now - this.#windowStart
    if (age >= WINDOW_MS) {
      // After a pause the old window says nothing.
      this.#perSecond = age > 4 * WINDOW_MS ? 0 : (this.#inWindow * 1_000) / age
      this.#windowStart = now
      this.#inWindow = 0
    }
    this.#inWindow += count
    if (count > 0) this.#looks = 0
  }

  /** Jobs a second: of the last window, or of the one under way when that has more already. */
  perSecond(now: number): number {
    const age = Math.max(now - this.#windowStart, WINDOW_MS)
    return Math.max(age > 2 * WINDOW_MS ? 0 : this.#perSecond, (this.#inWindow * 1_000) / age)
  }

  /** Whether enqueues should notify this process, which is `isIdle` now in their eyes. */
  wantsNotice(isIdle: boolean, now: number): boolean {
    const rate = this.perSecond(now)
    return isIdle ? rate <= BUSY_PER_S : rate < CALM_PER_S
  }

  /** After a claim that found less than it wanted: when to look again by itself; null at the caller's leisure. */
  lookAgainInMs(state: { readonly isIdle: boolean; readonly isHeard: boolean }, now: number): number | null {
    if (!state.isHeard) return this.perSecond(now) > 0 ? DEAF_BUSY_LOOK_MS : DEAF_LOOK_MS
    if (!state.isIdle) return BUSY_LOOK_MS
    const pause = FIRST_LOOKS_MS[this.#looks] ?? null
    this.#looks += 1
    return pause
  }

  /** The process has just said that it is idle. */
  saidIdle(): void {
    this.#looks = 0
  }
}
