/** Which consumers a queue has, and what each has done so far: the numbers behind `runner.nodes()`, `explain` and scaling. */

import type { Clock } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { ProducerRef } from '../stage/index.ts'
import type { ConsumerSnapshot } from '../store/store.ts'
import type { FinishedJob } from './finished-job.ts'

/** A consumer of a queue, as who takes what it has finished sees it. */
export type JobConsumerRef = ProducerRef<FinishedJob>

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
  readonly #consumers = new Map<JobConsumerRef, Counts>()
  #busy = 0
  #mostBusy = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The consumers that are there, oldest first. */
  refs(): readonly JobConsumerRef[] {
    return [...this.#consumers.keys()]
  }

  /** Those of them that run no job. */
  idle(): readonly JobConsumerRef[] {
    return [...this.#consumers].flatMap(([consumer, { job }]) => (job === null ? [consumer] : []))
  }

  /** The most consumers that ran a job at the same time since the last call. */
  takeMostBusy(): number {
    const most = this.#mostBusy
    this.#mostBusy = this.#busy
    return most
  }

  begin(consumer: JobConsumerRef): ConsumerCounters {
    const own: Counts = { startedAt: this.#clock.now(), done: 0, failed: 0, lastEndedAt: null, job: null }
    this.#consumers.set(consumer, own)
    return {
      started: (job) => {
        own.job = job.id
        this.#busy += 1
        if (this.#busy > this.#mostBusy) this.#mostBusy = this.#busy
      },
      ended: (finished) => {
        if (own.job !== null) this.#busy -= 1
        own.job = null
        if (finished === undefined) return
        own.lastEndedAt = finished.endedAt
        if (finished.ending.type === 'retry' || finished.ending.type === 'failed') own.failed += 1
        else own.done += 1
      },
    }
  }

  end(consumer: JobConsumerRef): void {
    const own = this.#consumers.get(consumer)
    if (own === undefined) return
    // It died with a job; what its handler still says of that counts no more.
    if (own.job !== null) this.#busy -= 1
    own.job = null
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
