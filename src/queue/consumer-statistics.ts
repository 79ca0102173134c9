/** What each consumer of a queue has done so far: the numbers behind `runner.nodes()` and `explain`. */

import type { Clock } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { ConsumerSnapshot } from '../store/store.ts'
import type { FinishedJob } from './finished-job.ts'

/** The counters of one consumer. */
export interface ConsumerCounters {
  started(job: ClaimedJob): void
  /** `undefined`: the job was handed back unrun. */
  ended(finished: FinishedJob | undefined): void
}

interface Counts {
  readonly startedAt: number
  done: number
  failed: number
  /** Monotonic time: what the end of the job took anyway. */
  lastEndedAt: number | null
  job: string | null
}

/** The consumers of one queue. */
export class ConsumerStatistics {
  readonly #clock: Clock
  readonly #consumers = new Map<object, Counts>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  begin(consumer: object): ConsumerCounters {
    const own: Counts = { startedAt: this.#clock.now(), done: 0, failed: 0, lastEndedAt: null, job: null }
    this.#consumers.set(consumer, own)
    return {
      started: (job) => {
        own.job = job.id
      },
      ended: (finished) => {
        own.job = null
        if (finished === undefined) return
        own.lastEndedAt = finished.endedAt
        if (finished.ending.type === 'retry' || finished.ending.type === 'failed') own.failed += 1
        else own.done += 1
      },
    }
  }

  end(consumer: object): void {
    this.#consumers.delete(consumer)
  }

  snapshot(): ConsumerSnapshot[] {
    const wallMinusMonotonic = this.#clock.now() - this.#clock.monotonic()
    return [...this.#consumers.values()].map(({ lastEndedAt, ...rest }) => ({
      ...rest,
      lastJobAt: lastEndedAt === null ? null : Math.round(lastEndedAt + wallMinusMonotonic),
    }))
  }
}
