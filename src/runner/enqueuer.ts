/** From a call of `enqueue` to a stored job: resolve, check, encode, insert, wake. Nothing is stored before all is right. */

import type { Host } from '../host/host.ts'
import { uuidV7 } from '../host/uuid.ts'
import { encodeArgs } from '../job/args-codec.ts'
import { parseEnqueueOptions, type EnqueueOptions } from '../job/enqueue-options.ts'
import { jobError } from '../job/errors.ts'
import { argsInvalidError, validateInput } from '../job/input-schema.ts'
import type { EnqueueStatus } from '../job/job-handle.ts'
import type { NewJob } from '../job/job.ts'
import { keyOf } from '../job/key-path.ts'
import type { RegisteredJob, Registry } from '../job/registry.ts'
import type { JobFunction } from '../job/typed-jobs.ts'
import { EnqueueBatcher } from '../queue/enqueue-batcher.ts'
import type { InsertedJob, Store } from '../store/store.ts'
import type { Bus } from '../telemetry/bus.ts'
import type { RunnerEvents } from './events.ts'

/** What an enqueuer needs. */
export interface EnqueuerOptions {
  readonly store: Store
  readonly registry: Registry
  readonly bus: Bus<RunnerEvents>
  /** A job was stored; it is due in `dueInMs` milliseconds. */
  readonly onEnqueued: (queue: string, dueInMs: number) => void
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
    const job = await this.#prepare(target, args, options)
    return this.#announce(job, await this.#batcher.insert(job))
  }

  /** Stores all jobs or none, in one transaction. */
  async enqueueAll(
    entries: readonly (readonly [target: string | JobFunction, args: unknown, options?: EnqueueOptions | undefined])[],
  ): Promise<EnqueuedJob[]> {
    if (!Array.isArray(entries)) {
      throw jobError('ERR_BAD_OPTIONS', 'enqueueAll takes an array of [function or name, args, options?]')
    }
    const jobs: NewJob[] = []
    for (const [index, entry] of entries.entries()) {
      if (!Array.isArray(entry)) {
        throw jobError(
          'ERR_BAD_OPTIONS',
          `entry ${index} of enqueueAll is no array; write [function or name, args, options?]`,
        )
      }
      const [target, args, options] = entry
      jobs.push(await this.#prepare(target, args, options))
    }
    if (jobs.length === 0) return []
    const inserted = await this.#options.store.insertJobs(jobs)
    return jobs.map((job, index) => this.#announce(job, inserted[index] ?? { id: job.id, status: 'created' }))
  }

  async #prepare(target: string | JobFunction, args: unknown, given: EnqueueOptions | undefined): Promise<NewJob> {
    const entry = this.#options.registry.resolve(target)
    const options = parseEnqueueOptions(given)
    if (!Array.isArray(args)) {
      throw jobError(
        'ERR_ARGS_INVALID',
        `the args of job "${entry.name}" are ${kindOf(args)}; pass the array of its arguments, such as [user]`,
      )
    }
    await checkInput(entry, args)
    const { codec, text, bytes, isLarge } = encodeArgs(args)
    if (isLarge) {
      const message = `the args of job "${entry.name}" have ${bytes} bytes; jobs are quicker and easier to keep with a reference to such data`
      this.#host.logger.log({ level: 'warn', code: 'args_large', args: [entry.name, bytes], message })
    }
    const settings = entry.options
    return {
      id: options.id ?? uuidV7(this.#host),
      isIdChosen: options.id !== undefined,
      name: entry.name,
      queue: options.queue ?? settings?.queue ?? 'default',
      args: { codec, text },
      priority: options.priority ?? settings?.priority ?? 0,
      maxAttempts: options.maxAttempts ?? settings?.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
      // A function stays in the code: whoever runs the job asks it there.
      backoff: options.backoff ?? (typeof settings?.backoff === 'object' ? settings.backoff : null),
      timeoutMs: options.timeoutMs ?? settings?.timeoutMs ?? null,
      key: options.key ?? (settings?.key === undefined ? null : keyOf(settings.key, args, entry.name)),
      tags: options.tags,
      due: options.due,
    }
  }

  #announce(job: NewJob, { id, status }: InsertedJob): EnqueuedJob {
    this.#options.bus.send('job:enqueue', { id, name: job.name, queue: job.queue, status })
    if (status === 'created') this.#options.onEnqueued(job.queue, dueInMs(job, this.#host.clock.now()))
    return { id, status }
  }
}

async function checkInput(entry: RegisteredJob, args: readonly unknown[]): Promise<void> {
  const schemas = entry.options?.input
  if (schemas === undefined) return
  const checked = await validateInput(schemas, args)
  if (checked.isValid) return
  throw argsInvalidError(entry.name, checked.issues)
}

function dueInMs(job: NewJob, now: number): number {
  if (job.due === null) return 0
  return Math.max(0, 'delayMs' in job.due ? job.due.delayMs : job.due.at - now)
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
}
