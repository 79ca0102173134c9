/**
 * Counts the calls of a node for its circuit breakers, and reports them to the store, where the counts of all nodes come
 * together: soon after a failure, at once when those of this node alone would open the breaker, and otherwise once in a slice
 * of the window, so that calls that pass cost next to nothing.
 *
 *     ended ──▶ counts by breaker ──timer──▶ countCalls ──▶ breakers that opened: told at once
 *                   ▲                            │ the store failed
 *                   └────────────────────────────┘ counted again with the next report
 *
 * A crash loses what was not reported: a breaker opens a little later.
 */

import type { Host, Timer } from '../host/host.ts'
import { breakerKey, WINDOW_SLICES, type BreakerId, type CallOutcome } from '../job/breaker.ts'
import type { BreakerRecord, CallReport, Store } from '../store/store.ts'
import type { QueueBreaker } from './breaker-verdict.ts'

/** What a meter needs. */
export interface BreakerMeterOptions {
  readonly store: Pick<Store, 'countCalls'>
  /** Breakers opened. */
  readonly onOpened: (breakers: readonly BreakerRecord[]) => void
  readonly onError: (error: unknown) => void
}

/** Failures are reported together, but no later than this. */
const FAILURE_WAIT_MS = 100
/** Calls that passed wait no longer than this. */
const LONGEST_WAIT_MS = 5_000
/** So many breakers are reported in one call. */
const MOST_REPORTS = 500

interface Count {
  readonly id: BreakerId
  breaker: QueueBreaker
  calls: number
  failures: number
}

/** See the head of this file. One per node. */
export class BreakerMeter {
  readonly #host: Host
  readonly #options: BreakerMeterOptions
  readonly #counts = new Map<string, Count>()
  #timer: Timer | undefined
  #timerAt = Infinity
  #underWay: Promise<void> | undefined
  #isStopped = false

  constructor(host: Host, options: BreakerMeterOptions) {
    this.#host = host
    this.#options = options
  }

  /** A call ended. */
  count(id: BreakerId, breaker: QueueBreaker, outcome: CallOutcome): void {
    if (outcome === 'none' || this.#isStopped) return
    const key = breakerKey(id)
    let count = this.#counts.get(key)
    if (count === undefined) this.#counts.set(key, (count = { id, breaker, calls: 0, failures: 0 }))
    count.breaker = breaker
    count.calls += 1
    if (outcome === 'failed') count.failures += 1
    if (outcome === 'failed') return this.#reportIn(isEnough(count) ? 0 : FAILURE_WAIT_MS)
    this.#reportIn(Math.min(LONGEST_WAIT_MS, breaker.settings.windowMs / WINDOW_SLICES))
  }

  /** Reports what was counted, and counts no more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#underWay
    await this.#report()
  }

  #reportIn(ms: number): void {
    const at = this.#host.clock.monotonic() + ms
    if (at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#host.clock.after(
      ms,
      () => {
        this.#timerAt = Infinity
        // One report after the other, so that what failed is not lost behind what did not.
        this.#underWay = (this.#underWay ?? Promise.resolve()).then(() => this.#report())
      },
      { keepAlive: false },
    )
  }

  async #report(): Promise<void> {
    const taken = [...this.#counts].slice(0, MOST_REPORTS)
    if (taken.length === 0) return
    for (const [key] of taken) this.#counts.delete(key)
    const reports = taken.map(([, { id, breaker, calls, failures }]): CallReport => {
      return { id, settings: breaker.settings, calls, failures }
    })
    try {
      const opened = await this.#options.store.countCalls(reports)
      if (opened.length > 0) this.#options.onOpened(opened)
    } catch (error) {
      for (const [key, count] of taken) this.#putBack(key, count)
      this.#options.onError(error)
      if (!this.#isStopped) this.#reportIn(LONGEST_WAIT_MS)
      return
    }
    if (this.#counts.size > 0 && !this.#isStopped) this.#reportIn(FAILURE_WAIT_MS)
  }

  #putBack(key: string, { id, breaker, calls, failures }: Count): void {
    const since = this.#counts.get(key)
    if (since === undefined) {
      this.#counts.set(key, { id, breaker, calls, failures })
      return
    }
    since.calls += calls
    since.failures += failures
  }
}

/** Whether what was not reported yet would open the breaker by itself. */
function isEnough({ breaker: { settings }, calls, failures }: Count): boolean {
  return calls >= settings.minimumCalls && failures >= settings.errorRate * calls
}
