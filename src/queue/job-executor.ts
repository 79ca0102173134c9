/**
 * Runs one job: a pipe of named steps from a claimed row to the end of its attempt.
 *
 *     still ours? ─▶ look up ─▶ decode ─▶ validate ─▶ write the start down, where a crash would matter ─▶ run ─▶ judge
 *
 * A job that was in a crash may have to wait before that until others of its kind have ended: see `job/crashes.ts`.
 *
 * It never throws for what a handler does. A job that was handed back meanwhile, or is to be, ends as `undefined`: there is
 * nothing to tell the store.
 *
 * Steps that need not wait make no promise: most jobs wait for their handler alone, and synchronous handlers for nothing.
 */

import type { Host } from '../host/host.ts'
import { decodeValue } from '../job/args-codec.ts'
import { isMarkedFirst, isSuspect, runsApart } from '../job/crashes.ts'
import { runInJob, type CurrentJob } from '../job/current-job.ts'
import { jobError } from '../job/errors.ts'
import { argsInvalidError, validateInput, type InputSchemas } from '../job/input-schema.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { RegisteredJob, Registry } from '../job/registry.ts'
import type { AttemptEnding, Store } from '../store/store.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { isPromise } from '../process/and-then.ts'
import { judgeAttempt, neverBegan, type HandlerEnd } from './attempt-ending.ts'
import { callOutcome, type QueueBreaker } from './breaker-verdict.ts'
import { ExponentialWait } from './exponential-wait.ts'
import { isKept, type FinishedJob } from './finished-job.ts'
import { JobAttempt, type AttemptServices, type JobSlot, type ReadyJob } from './job-attempt.ts'
import type { Ledger } from './ledger.ts'
import type { KeepSettings } from './queue-settings.ts'
import type { RunningJobs } from './running-jobs.ts'
import { SuspectGate } from './suspect-gate.ts'

/** What a job-executor needs. */
export interface JobExecutorOptions {
  readonly registry: Registry
  readonly store: Store
  readonly ledger: Ledger
  readonly running: RunningJobs
  /** How long an attempt may take where neither the job nor its code says. */
  readonly timeoutMsOf: (queue: string) => number
  readonly keepOf: (queue: string) => KeepSettings
  readonly breakerOf: (queue: string) => QueueBreaker | null
  /** Whether the node was heard of late enough that nobody else can have its jobs. */
  readonly isHeard: () => boolean
  /** Takes jobs that others may have by now. */
  readonly giveBack: (jobs: readonly ClaimedJob[]) => void
  readonly onStart: (job: ClaimedJob, waitMs: number) => void
  /** Sees the end of each attempt, and may add to it what is known of the moment. */
  readonly attest: (finished: FinishedJob) => FinishedJob
  /** A handler that was told to stop has ended, or was given up, after `runMs` milliseconds: its job goes back. */
  readonly onInterrupted?: ((job: ClaimedJob, runMs: number, reason: 'interrupted' | 'lease-lost') => void) | undefined
  /** The store failed; it is asked again. */
  readonly onError: (error: unknown) => void
  /** `enqueue` as the running job sees it. */
  readonly enqueue: CurrentJob['enqueue']
  readonly tracing?: Tracing | undefined
}

/** What came so lately need not be doubted: the node was heard of when it came. */
const FRESH_MS = 1_000

/** For a probe that another node's settings asked for. */
const EVERY_ERROR: Pick<QueueBreaker, 'isFailure'> = { isFailure: null }

/** How a job ended; undefined when it was, or is to be, handed back. */
export type RunAnswer = FinishedJob | undefined

/** Runs jobs. One per node. */
export class JobExecutor {
  readonly #host: Host
  readonly #options: JobExecutorOptions
  readonly #services: AttemptServices
  readonly #suspects = new SuspectGate()
  #isDraining = false

  constructor(host: Host, options: JobExecutorOptions) {
    const { store, running, keepOf, enqueue } = options
    this.#host = host
    this.#options = options
    this.#services = { clock: host.clock, store, running, keepOf, enqueue }
  }

  /** From now on no handler is started. */
  drain(): void {
    this.#isDraining = true
  }

  /** Whether the attempt was begun here. */
  isOwn(attempt: JobAttempt): boolean {
    return attempt.isOf(this.#services)
  }

  /**
   * Runs a job to the end of its attempt.
   *
   * @param slot Where it runs; empty now, and empty again afterwards.
   */
  run(job: ClaimedJob, slot: JobSlot): RunAnswer | Promise<RunAnswer> {
    if (!this.#mayRun(job)) return undefined
    const heldMs = this.#options.ledger.heldMs(job)
    if (heldMs >= FRESH_MS && !this.#options.isHeard()) return this.#giveBack(job)
    const waitMs = Math.max(0, job.claimedAt - job.dueAt) + heldMs
    let entry: RegisteredJob
    let args: readonly unknown[] | Promise<readonly unknown[]>
    try {
      entry = this.#options.registry.get(job.name)
      args = readArgs(job, entry)
    } catch (error) {
      return this.#neverBegan(job, waitMs, error)
    }
    const timeoutMs = job.timeoutMs ?? entry.options?.timeoutMs ?? this.#options.timeoutMsOf(job.queue)
    const isMarked = isMarkedFirst(job)
    if (!isMarked && !isPromise(args)) return this.#begin({ job, entry, args, waitMs, timeoutMs, isMarked }, slot)
    return this.#prepare({ job, entry, waitMs, timeoutMs, isMarked }, args, slot)
  }

  /** This process was itself stopped while the job waited here, for so long that others may have it by now. */
  #giveBack(job: ClaimedJob): undefined {
    this.#options.ledger.remove([job])
    this.#options.giveBack([job])
  }

  /** What has to be waited for before the handler may be called. */
  async #prepare(
    ready: Omit<ReadyJob, 'args'>,
    unchecked: readonly unknown[] | Promise<readonly unknown[]>,
    slot: JobSlot,
  ): Promise<RunAnswer> {
    const { job, waitMs } = ready
    let args: readonly unknown[]
    try {
      args = await unchecked
    } catch (error) {
      return this.#neverBegan(job, waitMs, error)
    }
    if (!isSuspect(job)) return this.#markAndBegin({ ...ready, args }, slot)
    const isApart = runsApart(job)
    await this.#suspects.enter(isApart)
    try {
      return await this.#markAndBegin({ ...ready, args }, slot)
    } finally {
      this.#suspects.leave(isApart)
    }
  }

  async #markAndBegin(ready: ReadyJob, slot: JobSlot): Promise<RunAnswer> {
    if (ready.isMarked && !(await this.#markStart(ready.job))) return undefined
    return this.#mayRun(ready.job) ? this.#begin(ready, slot) : undefined
  }

  #begin(ready: ReadyJob, slot: JobSlot): RunAnswer | Promise<RunAnswer> {
    const { job, entry, args, waitMs } = ready
    this.#options.ledger.begin(job)
    const attempt = new JobAttempt(this.#services, ready)
    slot.attempt = attempt
    this.#options.onStart(job, waitMs)
    let answer: unknown
    try {
      const span = this.#options.tracing?.process(job)
      attempt.span = span
      answer =
        span === undefined ? runInJob(attempt, entry.fn, ...args) : span.run(() => runInJob(attempt, entry.fn, ...args))
    } catch (error) {
      attempt.settle({ type: 'threw', error })
    }
    // Only what can be a promise has to be waited for; the handler may also have ended its own stage.
    if (isObject(answer)) void settle(attempt, answer)
    else attempt.settle({ type: 'returned', value: answer })
    if (attempt.end !== undefined) return this.#conclude(attempt, attempt.end, slot)
    return new Promise((resolve) => {
      attempt.whenSettled((end) => resolve(this.#conclude(attempt, end, slot)))
    })
  }

  #conclude(attempt: JobAttempt, end: HandlerEnd, slot: JobSlot): RunAnswer {
    const { job, entry, run } = attempt
    slot.attempt = undefined
    this.#options.running.end(run)
    const notes = run.takeNotes()
    const judgement = judgeAttempt({
      job,
      end,
      stopReason: run.stopReason,
      backoff: entry.options?.backoff,
      random: this.#host.random,
      onBackoffProblem: this.#onBackoffProblem,
    })
    const thrown = end.type === 'threw' ? end.error : undefined
    if (judgement === 'returned') {
      attempt.span?.end({ outcome: 'interrupted', error: thrown })
      const runMs = this.#host.clock.monotonic() - run.startedAt
      this.#options.onInterrupted?.(job, runMs, run.stopReason?.type === 'lease-lost' ? 'lease-lost' : 'interrupted')
      return undefined
    }
    const { ending, isDiscarded } = judgement
    attempt.span?.end({ outcome: isDiscarded ? 'discarded' : ending.type, error: thrown ?? failureOf(ending) })
    const breaker = this.#options.breakerOf(job.queue) ?? (job.probeOf === undefined ? null : EVERY_ERROR)
    const outcome =
      breaker === null
        ? undefined
        : callOutcome({
            breaker,
            ending,
            isDiscarded,
            end,
            stopReason: run.stopReason,
            onProblem: this.#onBreakerProblem,
          })
    return this.#options.attest(attempt.finished(ending, notes, isDiscarded, outcome))
  }

  readonly #onBreakerProblem = (error: unknown): void => {
    const message = `isFailure of a breaker threw, so the error counts as a failure: ${String(error)}`
    this.#host.logger.log({ level: 'warn', code: 'breaker_problem', args: [error], message })
  }

  readonly #onBackoffProblem = (job: ClaimedJob, sentence: string): void => {
    const message = `job "${job.name}": ${sentence}`
    this.#host.logger.log({ level: 'warn', code: 'backoff_problem', args: [job.name], message })
  }

  #neverBegan(job: ClaimedJob, waitMs: number, error: unknown): FinishedJob {
    this.#options.ledger.begin(job)
    const ending = neverBegan(error)
    return this.#options.attest({
      job,
      ending,
      isDiscarded: false,
      isEndedInTransaction: false,
      waitMs,
      runMs: null,
      endedAt: this.#host.clock.monotonic(),
      progress: null,
      logs: [],
      isKept: isKept(this.#options.keepOf(job.queue), ending),
    })
  }

  #mayRun(job: ClaimedJob): boolean {
    return !this.#isDraining && this.#options.ledger.holds(job)
  }

  /** Writes the start down, trying until it works; false when the job is, or is to be, handed back. */
  async #markStart(job: ClaimedJob): Promise<boolean> {
    const wait = new ExponentialWait(this.#host, { baseMs: 50, maxMs: 2_000 })
    while (this.#mayRun(job)) {
      try {
        const { stale } = await this.#options.store.markStarted([{ id: job.id, lease: job.lease }])
        if (stale.length === 0) return true
        this.#options.ledger.remove([job])
      } catch (error) {
        this.#options.onError(error)
        await new Promise<void>((resolve) => this.#host.clock.after(wait.nextMs(), resolve, { keepAlive: false }))
      }
    }
    return false
  }
}

/** The args of a job; a promise only when a schema checks them. */
function readArgs(job: ClaimedJob, entry: RegisteredJob): readonly unknown[] | Promise<readonly unknown[]> {
  const decoded = decodeValue(job.args)
  if (!Array.isArray(decoded)) {
    throw jobError('ERR_VALUE_UNREADABLE', `the stored args of job ${job.id} are no array of arguments`)
  }
  const schemas = entry.options?.input
  return schemas === undefined ? decoded : checkArgs(job, schemas, decoded)
}

async function checkArgs(
  job: ClaimedJob,
  schemas: InputSchemas,
  args: readonly unknown[],
): Promise<readonly unknown[]> {
  const checked = await validateInput(schemas, args)
  if (checked.isValid) return checked.values
  throw argsInvalidError(job.name, checked.issues)
}

/** Why an attempt failed whose handler threw nothing: it asked for it, or it took too long. */
function failureOf(ending: AttemptEnding): unknown {
  return ending.type === 'retry' || ending.type === 'failed' ? ending.error : undefined
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

async function settle(attempt: JobAttempt, answer: object): Promise<void> {
  try {
    // Of a promise, or of anything else with a `then`, what it resolves to.
    attempt.settle({ type: 'returned', value: await Promise.resolve(answer) })
  } catch (error) {
    attempt.settle({ type: 'threw', error })
  }
}
