/**
 * How long a process has been busy: in callbacks, or waiting for their promises. Asking the clock costs a good part of what a
 * small message costs, so not every run is measured. One that is stands for those that passed since the one before:
 *
 *     quick runs   ·─·─·─·─·─[measured]─·─·─·─·─·─[measured]   at most one in MOST_PASSED + 1, about one in 50 µs
 *     slow runs    [measured]──────[measured]──────[measured]  all of them
 *
 * Waiting for a promise is always measured. The total is therefore exact for whoever runs less often than every 50 µs, and an
 * estimate for the others. It knows no clock: times are passed in, on a clock that never goes back.
 */

/** Runs that follow each other more slowly than this are measured one and all. */
const MEASURE_EVERY_MS = 0.05
/** Together with the measured one an odd number, so that runs of two sorts that take turns are both measured. */
const MOST_PASSED = 250

/** What {@link BusyMeter.reading} answers. */
export interface BusyReading {
  /** How long the process was busy in all, without what still goes on. */
  readonly busyMs: number
  /** How much of that it waited for promises. */
  readonly awaitedMs: number
  /** Since when it waits for a promise. */
  readonly awaitingSinceMs: number | undefined
}

/** The time of one process. */
export class BusyMeter {
  #busyMs = 0
  #awaitedMs = 0
  #awaitingSinceMs: number | undefined
  /** Runs to let pass, and let pass, before the next one that is measured. */
  #passing = 0
  #measuredAtMs = Number.NEGATIVE_INFINITY

  /**
   * A run was measured, after as many had passed as the last answer said.
   *
   * @returns How many runs to let pass before the next one is measured.
   */
  measured(startedMs: number, endedMs: number): number {
    const runs = this.#passing + 1
    this.#busyMs += (endedMs - startedMs) * runs
    const inReach = Math.min(MOST_PASSED, (runs * MEASURE_EVERY_MS) / (endedMs - this.#measuredAtMs))
    // Even, so that the period is odd; and an integer to the engine as well, for the process counts it down on every run.
    this.#passing = (inReach >> 1) << 1
    this.#measuredAtMs = endedMs
    return this.#passing
  }

  /** The process waits for a promise. */
  beginWait(nowMs: number): void {
    this.#awaitingSinceMs = nowMs
  }

  /** The promise is settled. */
  endWait(nowMs: number): void {
    const waitedMs = Math.max(0, nowMs - (this.#awaitingSinceMs ?? nowMs))
    this.#awaitingSinceMs = undefined
    this.#busyMs += waitedMs
    this.#awaitedMs += waitedMs
  }

  reading(): BusyReading {
    return { busyMs: this.#busyMs, awaitedMs: this.#awaitedMs, awaitingSinceMs: this.#awaitingSinceMs }
  }
}
