/** How late the event loop is: a timer that looks at its own lateness, often enough to see what holds the loop up. */

import type { Clock, Timer } from './clock.ts'

/** Anything that holds the loop up for longer is seen, for all but this much. */
const EVERY_MS = 50

/** Watches the loop from `start` to `stop`. It does not keep the process alive. */
export class LoopLag {
  readonly #clock: Clock
  #timer: Timer | undefined
  #mostMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  start(): void {
    if (this.#timer === undefined) this.#look()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** The most that the loop was late since the last call, in milliseconds. */
  takeMostMs(): number {
    const most = this.#mostMs
    this.#mostMs = 0
    return most
  }

  #look(): void {
    const dueAt = this.#clock.monotonic() + EVERY_MS
    this.#timer = this.#clock.after(
      EVERY_MS,
      () => {
        this.#mostMs = Math.max(this.#mostMs, this.#clock.monotonic() - dueAt)
        this.#look()
      },
      { keepAlive: false },
    )
  }
}
