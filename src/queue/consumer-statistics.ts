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

type Mutable = { -readonly [Key in keyof ConsumerSnapshot]: ConsumerSnapshot[Key] }

/** The consumers of one queue. */
export class ConsumerStatistics {
  readonly #clock: Clock
  readonly #consumers = new Map<object, Mutable>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  begin(consumer: object): ConsumerCounters {
    const own: Mutable = { startedAt: this.#clock.now(), done: 0, failed: 0, lastJobAt: null, job: null }
    this.#consumers.set(consumer, own)
    return {
      started: (job) => {
        own.job = job.id
      },
      ended: (finished) => {
        own.job = null
        if (finished === undefined) return
        own.lastJobAt = this.#clock.now()
        if (finished.ending.type === 'retry' || finished.ending.type === 'failed') own.failed += 1
        else own.done += 1
      },
    }
  }

  end(consumer: object): void {
    this.#consumers.delete(consumer)
  }

  snapshot(): ConsumerSnapshot[] {
    return [...this.#consumers.values()].map((own) => ({ ...own }))
  }
}
