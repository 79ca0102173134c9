/** From a call of `enqueue` to a stored job: resolve, check, encode, insert, wake. Nothing is stored before all is right. */

import type { Host } from '../host/host.ts'
import { uuidV7 } from '../host/uuid.ts'
import { encodeArgs } from '../job/args-codec.ts'
import { parseEnqueueOptions, type EnqueueOptions, type ParsedEnqueueOptions } from '../job/enqueue-options.ts'
import { jobError } from '../job/errors.ts'
import { argsInvalidError, validateInput, type InputResult } from '../job/input-schema.ts'
import type { EnqueueStatus } from '../job/job-handle.ts'
import type { NewJob } from '../job/job.ts'
import { keyOf } from '../job/key-path.ts'
import type { JobSettings } from '../job/job-definition.ts'
import type { JobFunction } from '../job/typed-jobs.ts'
import { DEFAULT_QUEUE_NAME } from '../queue/queue-settings.ts'
import { EnqueueBatcher } from '../queue/enqueue-batcher.ts'
import { OutcomeUnknownError } from '../store/errors.ts'
import type { InsertedJob, Store } from '../store/store.ts'
import type { Bus } from '../telemetry/bus.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import type { RunnerEvents } from './events.ts'

/** What an enqueuer needs. */
export interface EnqueuerOptions {
  readonly store: Store
  /** What is known of the job that a caller means. Throws for what cannot be enqueued. */
  readonly resolve: (target: string | JobFunction) => EnqueueTarget | Promise<EnqueueTarget>
  readonly bus: Bus<RunnerEvents>
  readonly tracing?: Tracing | undefined
  /** A job was stored, or was there already; with the option `tx`, before the transaction is committed. */
  readonly onAnswered?: ((job: NewJob, status: EnqueueStatus) => void) | undefined
  /** A job was stored; it is due in `dueInMs` milliseconds. */
  readonly onEnqueued: (queue: string, dueInMs: number) => void
}

/** A job to be enqueued. */
export interface EnqueueTarget {
  readonly name: string
  /** What its `job()` says of what a caller may leave out; `function` where that is code that is not here. */
  readonly options:
    | (Pick<JobSettings, 'queue' | 'maxAttempts' | 'timeoutMs' | 'priority' | 'input'> & {
        readonly backoff: JobSettings['backoff'] | 'function'
        readonly key: JobSettings['key'] | 'function'
      })
    | undefined
}

/** A job that was stored, or was there already. */
export interface EnqueuedJob {
  readonly id: string
  readonly status: EnqueueStatus
}

/** How often a job is tried when nobody says. */
const DEFAULT_MAX_ATTEMPTS = 3

/** Enqueues jobs. One per runner. */
export class Enqueuer {
  readonly #host: Host
  readonly #options: EnqueuerOptions
  readonly #batcher: EnqueueBatcher

  constructor(host: Host, options: EnqueuerOptions) {
    this.#host = host
    this.#options = options
    this.#batcher = new EnqueueBatcher(host, options.store)
  }

  /** Stores one job; concurrent calls share statements. */
  async enqueue(
    target: string | JobFunction,
    args: unknown,
    options: EnqueueOptions | undefined,
  ): Promise<EnqueuedJob> {
    const { job, tx } = await this.#prepare(target, args, options)
    if (tx === undefined) {
      return this.#announce(job, await this.#told(this.#traced([job], ([one]) => this.#batcher.insert(one ?? job))))
    }
    const [inserted] = await this.#traced([job], (jobs) => this.#options.store.insertInTransaction(tx, jobs))
    return this.#announceUncommitted(job, inserted)
  }

  /** Stores one job on a connection that works without promises, before it returns. */
  enqueueSync(target: string | JobFunction, args: unknown, options: EnqueueOptions | undefined): EnqueuedJob {
    const { job, tx } = this.#prepareSync(target, args, options)
    if (tx === undefined) {
      throw jobError(
        'ERR_BAD_OPTIONS',
        'enqueueSync needs the option "tx": your connection of better-sqlite3 or node:sqlite; without one, use enqueue',
      )
    }
    const [inserted] = this.#traced([job], (jobs) => this.#options.store.insertSync(tx, jobs))
    return this.#announceUncommitted(job, inserted)
  }

  /** Stores all jobs or none, in one transaction: the user's own, when the entries name it. */
  async enqueueAll(
    entries: readonly (readonly [target: string | JobFunction, args: unknown, options?: EnqueueOptions | undefined])[],
  ): Promise<EnqueuedJob[]> {
    if (!Array.isArray(entries)) {
      throw jobError('ERR_BAD_OPTIONS', 'enqueueAll takes an array of [function or name, args, options?]')
    }
    const prepared: PreparedJob[] = []
    for (const [index, entry] of entries.entries()) {
      if (!Array.isArray(entry)) {
        throw jobError(
          'ERR_BAD_OPTIONS',
          `entry ${index} of enqueueAll is no array; write [function or name, args, options?]`,
        )
      }
      const [target, args, options] = entry
      const one = this.#prepare(target, args, options)
      prepared.push(one instanceof Promise ? await one : one)
    }
    const [first] = prepared
    if (first === undefined) return []
    const { tx } = first
    const other = prepared.findIndex((one) => one.tx !== tx)
    if (other > 0) {
      throw jobError(
        'ERR_BAD_OPTIONS',
        `entry ${other} of enqueueAll has another option "tx" than entry 0; all jobs are stored in one transaction: give every entry the same tx, or none`,
      )
    }
    const jobs = prepared.map(({ job }) => job)
    const { store } = this.#options
    if (tx === undefined) {
      const inserted = await this.#told(this.#traced(jobs, (traced) => store.insertJobs(traced)))
      return jobs.map((job, index) => this.#announce(job, inserted[index]))
    }
    const inserted = await this.#traced(jobs, (traced) => store.insertInTransaction(tx, traced))
    return jobs.map((job, index) => this.#announceUncommitted(job, inserted[index]))
  }

  /** A promise only when the target is looked up in the store, or a schema of the job makes one. */
  #prepare(
    target: string | JobFunction,
    args: unknown,
    given: EnqueueOptions | undefined,
  ): PreparedJob | Promise<PreparedJob> {
    const resolved = this.#options.resolve(target)
    return resolved instanceof Promise
      ? resolved.then((entry) => this.#check(this.#read(entry, args, given)))
      : this.#check(this.#read(resolved, args, given))
  }

  #check(draft: Draft): PreparedJob | Promise<PreparedJob> {
    const checked = checkInput(draft)
    return checked instanceof Promise
      ? checked.then((result) => this.#accept(draft, result))
      : this.#accept(draft, checked)
  }

  #prepareSync(target: string | JobFunction, args: unknown, given: EnqueueOptions | undefined): PreparedJob {
    const resolved = this.#options.resolve(target)
    if (resolved instanceof Promise) {
      throw jobError(
        'ERR_BAD_OPTIONS',
        'enqueueSync needs the code of its jobs; a client has `enqueue` with the option "tx"',
      )
    }
    const draft = this.#read(resolved, args, given)
    const checked = checkInput(draft)
    if (checked instanceof Promise) {
      // Nobody waits for it.
      checked.catch(() => {})
      throw jobError(
        'ERR_BAD_OPTIONS',
        `an input schema of job "${draft.entry.name}" checks asynchronously, which enqueueSync cannot wait for; use enqueue, or a schema without promises`,
      )
    }
    return this.#accept(draft, checked)
  }

  #read(entry: EnqueueTarget, args: unknown, given: EnqueueOptions | undefined): Draft {
    const options = parseEnqueueOptions(given)
    if (!Array.isArray(args)) {
      throw jobError(
        'ERR_ARGS_INVALID',
        `the args of job "${entry.name}" are ${kindOf(args)}; pass the array of its arguments, such as [user]`,
      )
    }
    for (const name of ['key', 'backoff'] as const) {
      if (entry.options?.[name] !== 'function' || options[name] !== undefined) continue
      throw jobError(
        'ERR_BAD_OPTIONS',
        `job "${entry.name}" computes its ${name} by a function, which is not in this process; pass the option "${name}" to enqueue`,
      )
    }
    return { entry, options, args }
  }

  #accept(draft: Draft, checked: InputResult): PreparedJob {
    if (!checked.isValid) throw argsInvalidError(draft.entry.name, checked.issues)
    return this.#encode(draft)
  }

  #encode({ entry, options, args }: Draft): PreparedJob {
    const { codec, text, bytes, isLarge } = encodeArgs(args)
    if (isLarge) {
      const message = `the args of job "${entry.name}" have ${bytes} bytes; jobs are quicker and easier to keep with a reference to such data`
      this.#host.logger.log({ level: 'warn', code: 'args_large', args: [entry.name, bytes], message })
    }
    const settings = entry.options
    const job: NewJob = {
      id: options.id ?? uuidV7(this.#host),
      isIdChosen: options.id !== undefined,
      name: entry.name,
      queue: options.queue ?? settings?.queue ?? DEFAULT_QUEUE_NAME,
      args: { codec, text },
      priority: options.priority ?? settings?.priority ?? 0,
      maxAttempts: options.maxAttempts ?? settings?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      // A function stays in the code: whoever runs the job asks it there.
      backoff: options.backoff ?? (typeof settings?.backoff === 'object' ? settings.backoff : null),
      timeoutMs: options.timeoutMs ?? settings?.timeoutMs ?? null,
      key: options.key ?? keyFor(entry, args),
      tags: options.tags,
      trace: null,
      due: options.due,
    }
    return { job, tx: options.tx }
  }

  /** Sends jobs with the trace that they go on with, if somebody traces. */
  #traced<Answer>(jobs: readonly NewJob[], send: (jobs: readonly NewJob[]) => Answer): Answer {
    const { tracing } = this.#options
    if (tracing === undefined) return send(jobs)
    return tracing.enqueue(jobs, (trace) => send(trace === null ? jobs : jobs.map((job) => ({ ...job, trace }))))
  }

  #announce(job: NewJob, inserted: InsertedJob | undefined): EnqueuedJob {
    const enqueued = this.#announceUncommitted(job, inserted)
    if (enqueued.status === 'created') this.#options.onEnqueued(job.queue, dueInMs(job, this.#host.clock.now()))
    return enqueued
  }

  /** What the store answers; that it did not is told to listeners too. */
  async #told<Answer>(answer: Promise<Answer>): Promise<Answer> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof OutcomeUnknownError) {
        this.#options.bus.send('job:unknown', { ids: error.jobIds, jobs: error.jobIds.length })
      }
      throw error
    }
  }

  /** Wakes nobody: until the user commits there is nothing to claim. */
  #announceUncommitted(job: NewJob, inserted: InsertedJob | undefined): EnqueuedJob {
    const { id, status } = inserted ?? { id: job.id, status: 'created' as const }
    const { bus, onAnswered } = this.#options
    onAnswered?.(job, status)
    if (bus.hasListeners('job:enqueue')) bus.send('job:enqueue', { id, name: job.name, queue: job.queue, status })
    return { id, status }
  }
}

/** A call of `enqueue`, read. */
interface Draft {
  readonly entry: EnqueueTarget
  readonly options: ParsedEnqueueOptions
  readonly args: readonly unknown[]
}

interface PreparedJob {
  readonly job: NewJob
  /** The user's transaction; undefined without one. */
  readonly tx: unknown
}

function checkInput({ entry, args }: Draft): InputResult | Promise<InputResult> {
  const schemas = entry.options?.input
  return schemas === undefined ? { isValid: true, values: args } : validateInput(schemas, args)
}

function keyFor({ name, options }: EnqueueTarget, args: readonly unknown[]): string | null {
  const key = options?.key
  // The word stands for a function that is not here; the caller gave the key then.
  return key === undefined || key === 'function' ? null : keyOf(key, args, name)
}

function dueInMs(job: NewJob, now: number): number {
  if (job.due === null) return 0
  return Math.max(0, 'delayMs' in job.due ? job.due.delayMs : job.due.at - now)
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}
