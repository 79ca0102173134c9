/** What attempts of jobs came to: how many ended how, and how long they waited and ran. */

import { Histogram } from './histogram.ts'

/** Every way in which an attempt ends: the outcomes of the events `job:stop` and `job:exception`. */
export const OUTCOMES = ['completed', 'snoozed', 'cancelled', 'discarded', 'retry', 'failed'] as const

/** One of {@link OUTCOMES}. */
export type AttemptOutcome = (typeof OUTCOMES)[number]

/** How many attempts ended how. */
export type OutcomeCounts = Readonly<Record<AttemptOutcome, number>>

/** Totals in the form in which they are stored and added up. */
export interface StoredTotals {
  readonly counts: OutcomeCounts
  /** How long all of them together waited and ran, in milliseconds. */
  readonly waitMs: number
  readonly runMs: number
  /** Counts by bucket; see `histogram.ts`. Attempts whose handler never began are in `wait` alone. */
  readonly wait: Readonly<Record<string, number>>
  readonly run: Readonly<Record<string, number>>
}

/** Totals that grow. */
export class AttemptTotals {
  readonly #counts: Record<AttemptOutcome, number> = {
    completed: 0,
    snoozed: 0,
    cancelled: 0,
    discarded: 0,
    retry: 0,
    failed: 0,
  }
  readonly wait: Histogram = new Histogram()
  readonly run: Histogram = new Histogram()
  #waitMs = 0
  #runMs = 0

  get counts(): OutcomeCounts {
    return this.#counts
  }

  get waitMs(): number {
    return this.#waitMs
  }

  get runMs(): number {
    return this.#runMs
  }

  /** An attempt ended; `runMs` is null when its handler never began. */
  record(outcome: AttemptOutcome, waitMs: number, runMs: number | null): void {
    this.#counts[outcome] += 1
    this.#waitMs += waitMs
    this.wait.record(waitMs)
    if (runMs === null) return
    this.#runMs += runMs
    this.run.record(runMs)
  }

  add(stored: StoredTotals): void {
    for (const outcome of OUTCOMES) this.#counts[outcome] += stored.counts[outcome]
    this.#waitMs += stored.waitMs
    this.#runMs += stored.runMs
    this.wait.add(stored.wait)
    this.run.add(stored.run)
  }

  toStored(): StoredTotals {
    return {
      counts: { ...this.#counts },
      waitMs: this.#waitMs,
      runMs: this.#runMs,
      wait: this.wait.toCounts(),
      run: this.run.toCounts(),
    }
  }
}
