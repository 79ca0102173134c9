/**
 * One attempt of a job from the call of its handler to its end: what the handler's code sees of it, and how it ended.
 *
 *     running ── settle: the handler settled, or it was given up ──▶ ended; whatever settles it later counts for nothing
 */

import type { Clock } from '../host/host.ts'
import { encodeValue } from '../job/args-codec.ts'
import { jobOfThisCode, type CurrentJob } from '../job/current-job.ts'
import { jobError } from '../job/errors.ts'
import type { CallOutcome } from '../job/breaker.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { RegisteredJob } from '../job/registry.ts'
import { sanitizeText } from '../job/stored-text.ts'
import type { AttemptEnding, Store } from '../store/store.ts'
import type { ProcessSpan } from '../telemetry/tracing.ts'
import type { HandlerEnd } from './attempt-ending.ts'
import { isKept, toAck, type FinishedJob } from './finished-job.ts'
import type { KeepSettings } from './queue-settings.ts'
import type { RunNotes, RunningJob, RunningJobs } from './running-jobs.ts'

/** What the attempts of a node share. */
export interface AttemptServices {
  readonly clock: Clock
  readonly store: Pick<Store, 'ackInTransaction'>
  readonly running: RunningJobs
  readonly keepOf: (queue: string) => KeepSettings
  /** `enqueue` as the running job sees it. */
  readonly enqueue: CurrentJob['enqueue']
}

/** A job that may begin, and what it begins with. */
export interface ReadyJob {
  readonly job: ClaimedJob
  readonly entry: RegisteredJob
  readonly args: readonly unknown[]
  /** From due to start, in milliseconds. */
  readonly waitMs: number
  readonly timeoutMs: number
  /** Whether its start is written down. */
  readonly isMarked: boolean
}

/** Log lines are cut at this many bytes. */
const LONGEST_LOG_BYTES = 8 * 1024

/** See the head of this file. Its class is the form in which a job costs least until its code looks at itself. */
export class JobAttempt implements CurrentJob {
  readonly job: ClaimedJob
  readonly entry: RegisteredJob
  readonly waitMs: number
  readonly run: RunningJob
  /** That of its handler, where somebody traces. */
  span: ProcessSpan | undefined
  readonly #services: AttemptServices
  #end: HandlerEnd | undefined
  #onSettled: ((end: HandlerEnd) => void) | undefined

  constructor(services: AttemptServices, { job, entry, waitMs, timeoutMs, isMarked }: ReadyJob) {
    this.#services = services
    this.job = job
    this.entry = entry
    this.waitMs = waitMs
    this.run = services.running.begin(job, { timeoutMs, isMarked }, () => this.settle({ type: 'given-up' }))
    this.run.current = this
  }

  /** How it ended; undefined while it runs. */
  get end(): HandlerEnd | undefined {
    return this.#end
  }

  /** Whether these are the services that it was given. */
  isOf(services: AttemptServices): boolean {
    return this.#services === services
  }

  /** It ended; the first end counts. */
  settle(end: HandlerEnd): void {
    if (this.#end !== undefined) return this.#services.running.endedLate(this.run)
    this.#end = end
    this.#onSettled?.(end)
  }

  /** The stage that runs it is gone: whatever the handler still does, the job goes back. */
  interrupt(): void {
    const error = new DOMException('the stage that ran this job is gone', 'AbortError')
    this.#services.running.stop(this.job, { type: 'interrupted' }, error)
    this.settle({ type: 'given-up' })
  }

  /**
   * Its code caused an error that nobody handles: the handler is told to stop, and whatever it still answers, the attempt
   * fails. Answers false when it has ended: then that end stays.
   */
  fail(error: unknown): boolean {
    if (this.#end !== undefined || this.run.isEndedInTransaction) return false
    const signalled = new DOMException('code of this job caused an error that nobody handled', 'AbortError')
    this.#services.running.stop(this.job, { type: 'unhandled', error }, signalled)
    return true
  }

  /** Calls `run`, once, when it ends; it has not ended yet. */
  whenSettled(run: (end: HandlerEnd) => void): void {
    this.#onSettled = run
  }

  /** The attempt as one that came to its end now. */
  finished(ending: AttemptEnding, notes: RunNotes, isDiscarded: boolean, outcome?: CallOutcome): FinishedJob {
    const { job, waitMs, run } = this
    const endedAt = this.#services.clock.monotonic()
    return {
      job,
      ending,
      isDiscarded,
      isEndedInTransaction: run.isEndedInTransaction,
      waitMs,
      runMs: endedAt - run.startedAt,
      endedAt,
      progress: notes.progress,
      logs: notes.logs,
      isKept: isKept(this.#services.keepOf(job.queue), ending),
      outcome,
    }
  }

  // ── what the handler's code sees ───────────────────────────────────────────────────────────────────────────────────

  get id(): string {
    return this.job.id
  }

  get name(): string {
    return this.entry.name
  }

  get queue(): string {
    return this.job.queue
  }

  get attempt(): number {
    return this.job.attempt
  }

  get maxAttempts(): number {
    return this.job.maxAttempts
  }

  get signal(): AbortSignal {
    return this.run.signal
  }

  get enqueue(): CurrentJob['enqueue'] {
    return this.#services.enqueue
  }

  progress(fraction: number): void {
    if (typeof fraction !== 'number' || !(fraction >= 0 && fraction <= 1)) {
      throw jobError('ERR_BAD_OPTIONS', `progress() takes a number from 0 to 1, not ${String(fraction)}`)
    }
    this.run.setProgress(fraction)
    this.#services.running.noted()
  }

  log(text: string): void {
    this.run.addLog(sanitizeText(String(text), LONGEST_LOG_BYTES))
    this.#services.running.noted()
  }

  async complete(tx: unknown, result?: unknown): Promise<void> {
    const { clock, store } = this.#services
    const { codec, text } = encodeValue(result, 'result')
    const ending = { type: 'completed', result: { codec, text }, error: null } as const
    const finished = this.finished(ending, this.run.peekNotes(), false)
    // Its breaker, if it is a probe, learns it from the ack that follows: the user's transaction must lock nothing of others.
    const ack = { ...toAck(finished, clock.monotonic()), probe: undefined }
    const isOurs = await store.ackInTransaction(tx, ack)
    if (!isOurs) {
      throw jobError(
        'ERR_STALE_LEASE',
        `job ${this.job.id} is no longer held by this attempt; roll the transaction back`,
      )
    }
    this.run.isEndedInTransaction = true
  }
}

/** The attempt that the running code belongs to, also in its callbacks and after it ended. */
export function attemptOfThisCode(): JobAttempt | undefined {
  const job = jobOfThisCode()
  return job instanceof JobAttempt ? job : undefined
}

/** A place in which jobs run one after the other; each consumer has one. */
export class JobSlot {
  /** What runs here now. */
  attempt: JobAttempt | undefined

  /** @param stageSignal Fires when the stage is gone. It is listened to once, not for each job. */
  constructor(stageSignal: AbortSignal) {
    stageSignal.addEventListener('abort', () => this.attempt?.interrupt())
  }
}
