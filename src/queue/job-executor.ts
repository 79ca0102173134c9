/**
 * Runs one job: a pipe of named steps from a claimed row to the end of its attempt.
 *
 *     still ours? ─▶ look up ─▶ decode ─▶ validate ─▶ write the start down, where a crash would matter ─▶ run ─▶ judge
 *
 * It never throws for what a handler does. A job that was handed back meanwhile, or is to be, ends as `undefined`: there is
 * nothing to tell the store.
 */

import type { Host } from '../host/host.ts'
import { decodeValue, encodeValue } from '../job/args-codec.ts'
import { runInJob, type CurrentJob } from '../job/current-job.ts'
import { sanitizeText } from '../job/stored-text.ts'
import { jobError } from '../job/errors.ts'
import { argsInvalidError, validateInput } from '../job/input-schema.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { RegisteredJob, Registry } from '../job/registry.ts'
import type { AttemptEnding, Store } from '../store/store.ts'
import { judgeAttempt, neverBegan, type HandlerEnd } from './attempt-ending.ts'
import { ExponentialWait } from './exponential-wait.ts'
import { toAck, type FinishedJob } from './finished-job.ts'
import type { Ledger } from './ledger.ts'
import type { KeepSettings } from './queue-settings.ts'
import type { RunningJob, RunningJobs } from './running-jobs.ts'

/** What a job-executor needs. */
export interface JobExecutorOptions {
  readonly registry: Registry
  readonly store: Store
  readonly ledger: Ledger
  readonly running: RunningJobs
  /** How long an attempt may take where neither the job nor its code says. */
  readonly timeoutMsOf: (queue: string) => number
  readonly keepOf: (queue: string) => KeepSettings
  readonly onStart: (job: ClaimedJob, waitMs: number) => void
  /** The store failed; it is asked again. */
  readonly onError: (error: unknown) => void
  /** `enqueue` as the running job sees it. */
  readonly enqueue: CurrentJob['enqueue']
}

/** Log lines are cut at this many bytes. */
const LONGEST_LOG_BYTES = 8 * 1024

/** Runs jobs. One per node. */
export class JobExecutor {
  readonly #host: Host
  readonly #options: JobExecutorOptions
  #isDraining = false

  constructor(host: Host, options: JobExecutorOptions) {
    this.#host = host
    this.#options = options
  }

  /** From now on no handler is started. */
  drain(): void {
    this.#isDraining = true
  }

  /**
   * Runs a job to the end of its attempt.
   *
   * @param stageSignal Fires when the stage that runs it is gone.
   * @returns How it ended; undefined when it was, or is to be, handed back.
   */
  async run(job: ClaimedJob, stageSignal: AbortSignal): Promise<FinishedJob | undefined> {
    if (!this.#mayRun(job)) return undefined
    const waitMs = Math.max(0, job.claimedAt - job.dueAt) + this.#options.ledger.heldMs(job)
    const finish = this.#finisher(job, waitMs)
    let entry: RegisteredJob
    let args: readonly unknown[]
    try {
      entry = this.#options.registry.get(job.name)
      args = await readArgs(job, entry)
    } catch (error) {
      this.#options.ledger.begin(job)
      return finish(neverBegan(error), { isDiscarded: false })
    }
    const isMarked = await this.#markStart(job)
    if (isMarked === 'stale' || !this.#mayRun(job)) return undefined

    this.#options.ledger.begin(job)
    const timeoutMs = job.timeoutMs ?? entry.options?.timeoutMs ?? this.#options.timeoutMsOf(job.queue)
    let running: RunningJob | undefined
    const end = await new Promise<HandlerEnd>((resolve) => {
      running = this.#options.running.begin(job, { timeoutMs, isMarked }, () => resolve({ type: 'given-up' }))
      const isStageGone = (): void => {
        this.#options.running.stop(
          job,
          { type: 'interrupted' },
          new DOMException('the stage that ran this job is gone', 'AbortError'),
        )
        resolve({ type: 'given-up' })
      }
      stageSignal.addEventListener('abort', isStageGone, { once: true })
      this.#options.onStart(job, waitMs)
      const current = this.#currentJob(job, entry, running, { waitMs })
      running.within = (code) => runInJob(current, code)
      const { fn } = entry
      void settle(() => runInJob(current, () => fn(...args))).then((handlerEnd) => {
        stageSignal.removeEventListener('abort', isStageGone)
        resolve(handlerEnd)
      })
    })
    if (running === undefined) return undefined
    this.#options.running.end(running)
    const runMs = this.#host.clock.monotonic() - running.startedAt
    const notes = running.takeNotes()
    const judgement = judgeAttempt({
      job,
      end,
      stopReason: running.stopReason,
      backoff: entry.options?.backoff,
      random: this.#host.random,
      onBackoffProblem: (sentence) =>
        this.#host.logger.log({
          level: 'warn',
          code: 'backoff_problem',
          args: [job.name],
          message: `job "${job.name}": ${sentence}`,
        }),
    })
    if (judgement === 'returned') return undefined
    return finish(judgement.ending, {
      isDiscarded: judgement.isDiscarded,
      runMs,
      isEndedInTransaction: running.isEndedInTransaction,
      ...notes,
    })
  }

  #mayRun(job: ClaimedJob): boolean {
    return !this.#isDraining && this.#options.ledger.holds(job)
  }

  /**
   * Where a crash would otherwise be forgiven once too often, the start is written down before the handler runs: on the last
   * attempt, and for a job that was in a crash before.
   */
  async #markStart(job: ClaimedJob): Promise<boolean | 'stale'> {
    if (job.crashes === 0 && job.attempt < job.maxAttempts) return false
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
    return 'stale'
  }

  #finisher(job: ClaimedJob, waitMs: number) {
    return (
      ending: AttemptEnding,
      rest: Partial<Pick<FinishedJob, 'isDiscarded' | 'runMs' | 'isEndedInTransaction' | 'progress' | 'logs'>>,
    ): FinishedJob => ({
      job,
      ending,
      isDiscarded: rest.isDiscarded ?? false,
      isEndedInTransaction: rest.isEndedInTransaction ?? false,
      waitMs,
      runMs: rest.runMs ?? null,
      endedAt: this.#host.clock.monotonic(),
      progress: rest.progress ?? null,
      logs: rest.logs ?? [],
      isKept: this.#isKept(job.queue, ending),
    })
  }

  #isKept(queue: string, ending: AttemptEnding): boolean {
    const { completedMs, cancelledMs } = this.#options.keepOf(queue)
    // Whatever does not complete may be cancelled by the store, when a stop was asked for.
    return (ending.type === 'completed' ? completedMs : cancelledMs) > 0
  }

  #currentJob(
    job: ClaimedJob,
    entry: RegisteredJob,
    running: RunningJob,
    { waitMs }: { readonly waitMs: number },
  ): CurrentJob {
    return {
      id: job.id,
      name: entry.name,
      queue: job.queue,
      attempt: job.attempt,
      maxAttempts: job.maxAttempts,
      signal: running.signal,
      progress: (fraction) => {
        if (typeof fraction !== 'number' || !(fraction >= 0 && fraction <= 1)) {
          throw jobError('ERR_BAD_OPTIONS', `progress() takes a number from 0 to 1, not ${String(fraction)}`)
        }
        running.setProgress(fraction)
        this.#options.running.noted()
      },
      log: (text) => {
        running.addLog(sanitizeText(String(text), LONGEST_LOG_BYTES))
        this.#options.running.noted()
      },
      enqueue: this.#options.enqueue,
      complete: async (tx, result) => {
        const { codec, text } = encodeValue(result, 'result')
        const finish = this.#finisher(job, waitMs)
        const runMs = this.#host.clock.monotonic() - running.startedAt
        const notes = running.peekNotes()
        const finished = finish({ type: 'completed', result: { codec, text }, error: null }, { runMs, ...notes })
        const isOurs = await this.#options.store.ackInTransaction(tx, toAck(finished, this.#host.clock.monotonic()))
        if (!isOurs) {
          throw jobError(
            'ERR_STALE_LEASE',
            `job ${job.id} is no longer held by this attempt; roll the transaction back`,
          )
        }
        running.isEndedInTransaction = true
      },
    }
  }
}

async function readArgs(job: ClaimedJob, entry: RegisteredJob): Promise<readonly unknown[]> {
  const decoded = decodeValue(job.args)
  if (!Array.isArray(decoded)) {
    throw jobError('ERR_VALUE_UNREADABLE', `the stored args of job ${job.id} are no array of arguments`)
  }
  const schemas = entry.options?.input
  if (schemas === undefined) return decoded
  const checked = await validateInput(schemas, decoded)
  if (checked.isValid) return checked.values
  throw argsInvalidError(job.name, checked.issues)
}

async function settle(handler: () => unknown): Promise<HandlerEnd> {
  try {
    return { type: 'returned', value: await handler() }
  } catch (error) {
    return { type: 'threw', error }
  }
}
