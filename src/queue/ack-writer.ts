/**
 * The ack writer: the one place of a process that tells the store how jobs ended. Ackers of all queues put finished jobs
 * into its outbox; it writes them in batches, at once when it is idle, and whatever has gathered meanwhile when it was not.
 *
 *     write ──▶ outbox (bounded) ──▶ batch under way ──▶ acked: the ledger forgets it, events are sent
 *                   ▲                      │ the store failed
 *                   └── same leases ───────┘ wait, then again
 *
 * A crash here loses nothing but acks: those jobs run again. A batch whose answer was lost is written again with the same
 * leases, which changes nothing the second time. A batch that the store refuses for its content is split until the culprit
 * stands alone; that one is written once more without any text of its own, so that a job can never be stuck by what it said.
 */

import type { Host } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'
import { isAboutContent } from '../store/errors.ts'
import type { Ack, AckAnswer, Store } from '../store/store.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { ExponentialWait } from './exponential-wait.ts'
import { toAck, type FinishedJob } from './finished-job.ts'
import type { Ledger } from './ledger.ts'

/** What the ack writer needs. */
export interface AckWriterOptions {
  readonly store: Store
  readonly ledger: Ledger
  readonly tracing?: Tracing | undefined
  /** Takes attempts whose end the store has taken; `isStale` when it refused, because the lease no longer held. */
  readonly onAcked: (
    finished: FinishedJob,
    answer: { readonly isStale: boolean; readonly isCancelled: boolean },
  ) => void
  /** So many jobs went back. */
  readonly onGivenBack?: ((jobs: number) => void) | undefined
  /** The store failed; the writer tries again by itself unless `isLost` says that it gave up. */
  readonly onError: (error: unknown) => void
  /** How many finished jobs may wait, besides the batch under way. Default: 1,000. */
  readonly outboxSize?: number | undefined
}

/** The most acks in one transaction. */
const BATCH_SIZE = 1_000

/** What has ended while the store was away is written within two seconds when it is back. */
const LONGEST_WAIT_MS = 1_000

/** What the store answers about nearly every end. */
const TAKEN = { isStale: false, isCancelled: false } as const

/** Writes ends of attempts and hands jobs back. One per node. */
export class AckWriter {
  readonly #host: Host
  readonly #options: AckWriterOptions
  readonly #outboxSize: number
  /** What waits for the batch under way to be answered. */
  readonly #outbox: FinishedJob[] = []
  /** How many are in the batch under way. */
  #writing = 0
  readonly #returns = new Set<Promise<void>>()
  #underWay: Promise<void> | undefined
  #isAbandoned = false
  #roomWaiters: (() => void)[] = []

  constructor(host: Host, options: AckWriterOptions) {
    this.#host = host
    this.#options = options
    this.#outboxSize = options.outboxSize ?? 1_000
  }

  /** How many finished jobs wait or are being written. */
  get size(): number {
    return this.#outbox.length + this.#writing
  }

  /** Takes finished jobs. Always accepts; who wants to be polite awaits {@link whenRoom} before asking for more. */
  write(finished: readonly FinishedJob[]): void {
    for (const one of finished) this.#outbox.push(one)
    if (this.#underWay === undefined && this.#outbox.length > 0) this.#start()
  }

  /** Resolves when the outbox has room; undefined when it has room now. */
  whenRoom(): Promise<void> | undefined {
    if (this.#outbox.length < this.#outboxSize) return undefined
    return new Promise((resolve) => this.#roomWaiters.push(resolve))
  }

  /** Hands jobs back to the store unended, trying until it works. */
  giveBack(jobs: readonly ClaimedJob[]): Promise<void> {
    if (jobs.length === 0) return Promise.resolve()
    const held = jobs.map(({ id, lease }) => ({ id, lease }))
    const work = this.#untilDone(async () => {
      const { stale } = await this.#options.store.giveBackJobs(held)
      this.#options.onGivenBack?.(held.length - stale.length)
    }).finally(() => this.#returns.delete(work))
    this.#returns.add(work)
    return work
  }

  /** Resolves when everything given so far was written. */
  async flush(): Promise<void> {
    while (this.#underWay !== undefined || this.#returns.size > 0) {
      await Promise.all([this.#underWay, ...this.#returns])
    }
  }

  /** Gives up on whatever is not written yet: the node lost its leases, or its time to stop is over. */
  abandon(): void {
    this.#isAbandoned = true
    this.#outbox.length = 0
    this.#makeRoom()
  }

  #start(): void {
    // Later in this turn, so that all that ended together is written together.
    this.#underWay = new Promise<void>((resolve) => this.#host.clock.microtask(resolve))
      .then(() => this.#drain())
      .finally(() => {
        this.#underWay = undefined
        if (this.#outbox.length > 0) this.#start()
      })
  }

  async #drain(): Promise<void> {
    while (this.#outbox.length > 0) {
      const batch = this.#outbox.splice(0, BATCH_SIZE)
      this.#writing = batch.length
      // While it is written, the next one gathers.
      this.#makeRoom()
      await this.#writeBatch(batch)
      this.#writing = 0
    }
  }

  async #writeBatch(batch: readonly FinishedJob[]): Promise<void> {
    let isRefused = false
    await this.#untilDone(async () => {
      this.#host.trace.point('ack-writer.flush', batch.length)
      isRefused = !(await this.#wasTaken(batch))
    })
    // The store refused the batch for its content: find whose, and write that one without text.
    if (isRefused) for (const finished of batch) await this.#untilDone(() => this.#writeAlone(finished))
  }

  async #writeAlone(finished: FinishedJob): Promise<void> {
    if (await this.#wasTaken([finished])) return
    const now = this.#host.clock.monotonic()
    this.#settle([finished], await this.#options.store.ackJobs([withoutText(toAck(finished, now))]))
  }

  /** Writes once; answers false when the store refuses the content. Throws what may be gone the next time. */
  async #wasTaken(batch: readonly FinishedJob[]): Promise<boolean> {
    const now = this.#host.clock.monotonic()
    let answer: AckAnswer
    try {
      const { store, tracing } = this.#options
      const acks = batch.map((finished) => toAck(finished, now))
      const send = (): Promise<AckAnswer> => store.ackJobs(acks)
      answer = await (tracing === undefined
        ? send()
        : tracing.ack(
            batch.map(({ job }) => job),
            send,
          ))
    } catch (error) {
      if (!isAboutContent(error)) throw error
      this.#options.onError(error)
      return false
    }
    this.#settle(batch, answer)
    return true
  }

  #settle(batch: readonly FinishedJob[], answer: AckAnswer): void {
    const { ledger, onAcked } = this.#options
    const stale = new Set(answer.stale)
    const cancelled = new Set(answer.cancelled)
    ledger.remove(batch.map(({ job }) => job))
    const isPlain = stale.size === 0 && cancelled.size === 0
    for (const finished of batch) {
      const { id } = finished.job
      onAcked(finished, isPlain ? TAKEN : { isStale: stale.has(id), isCancelled: cancelled.has(id) })
    }
  }

  async #untilDone(call: () => Promise<void>): Promise<void> {
    const wait = new ExponentialWait(this.#host, { baseMs: 50, maxMs: LONGEST_WAIT_MS })
    while (!this.#isAbandoned) {
      try {
        return await call()
      } catch (error) {
        this.#options.onError(error)
        await new Promise<void>((resolve) => this.#host.clock.after(wait.nextMs(), resolve, { keepAlive: false }))
      }
    }
  }

  #makeRoom(): void {
    if (this.#outbox.length >= this.#outboxSize) return
    const waiters = this.#roomWaiters
    this.#roomWaiters = []
    for (const resolve of waiters) resolve()
  }
}

/** The same end with nothing in it that the job itself said. */
function withoutText(ack: Ack): Ack {
  const error = { name: 'Error', message: 'the text of this ending could not be stored' }
  const { ending } = ack
  switch (ending.type) {
    case 'completed':
      return { ...ack, logs: [], ending: { type: 'completed', result: null, error } }
    case 'snoozed':
      return { ...ack, logs: [] }
    case 'retry':
    case 'cancelled':
    case 'failed':
      return { ...ack, logs: [], ending: { ...ending, error } }
  }
}
