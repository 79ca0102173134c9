/**
 * Gathers enqueues: a lone one is sent at once; those that come while one is under way share the next statement. Each
 * caller's promise still resolves only when its own job is stored. A statement that the store refuses for its content is
 * sent again one job at a time, so that only the culprit's caller sees the error. One whose outcome is unknown is not sent
 * again: each caller is told the id of its own job.
 */

import type { Host } from '../host/host.ts'
import type { NewJob } from '../job/job.ts'
import { isAboutContent, OutcomeUnknownError } from '../store/errors.ts'
import type { InsertedJob, Store } from '../store/store.ts'

interface Waiting {
  readonly job: NewJob
  readonly resolve: (inserted: InsertedJob) => void
  readonly reject: (error: unknown) => void
}

/** The most jobs in one statement. */
const BATCH_SIZE = 1_000

/** The enqueues of a process. */
export class EnqueueBatcher {
  readonly #host: Host
  readonly #store: Store
  readonly #waiting: Waiting[] = []
  #isBusy = false

  constructor(host: Host, store: Store) {
    this.#host = host
    this.#store = store
  }

  /** Stores one job. */
  insert(job: NewJob): Promise<InsertedJob> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject })
      if (this.#isBusy) return
      this.#isBusy = true
      // Later in this turn, so that all enqueues of one `Promise.all` share a statement.
      this.#host.clock.microtask(() => void this.#drain())
    })
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0, BATCH_SIZE))
    this.#isBusy = false
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const inserted = await this.#store.insertJobs(batch.map(({ job }) => job))
      batch.forEach(({ resolve, reject }, index) => {
        const answer = inserted[index]
        if (answer === undefined) reject(new Error('the store answered for fewer jobs than it was given'))
        else resolve(answer)
      })
    } catch (error) {
      if (batch.length > 1 && isAboutContent(error)) {
        for (const waiting of batch) await this.#send([waiting])
      } else {
        for (const { job, reject } of batch) {
          reject(error instanceof OutcomeUnknownError ? new OutcomeUnknownError([job.id], error.cause) : error)
        }
      }
    }
  }
}
