/** The job that the running code belongs to, found through the asynchronous context. */

import { AsyncLocalStorage } from 'node:async_hooks'

import type { EnqueueOptions } from './enqueue-options.ts'
import { jobError } from './errors.ts'
import type { JobHandle } from './job-handle.ts'
import type { ArgsOf, JobFunction, JobModules, ResultOf } from './typed-jobs.ts'

/** The running job, as its own code sees it. The methods may be taken out: `const { progress } = currentJob()`. */
export interface CurrentJob {
  /** The id of the job, the same in every attempt: fit as an idempotency key for outside systems. */
  readonly id: string
  /** The registered name, such as `mailer.sendWelcome`. */
  readonly name: string
  readonly queue: string
  /** 1 in the first attempt. */
  readonly attempt: number
  readonly maxAttempts: number
  /** Aborted when the job should stop: cancelled, timed out, the node stops, or its lease is lost. */
  readonly signal: AbortSignal
  /**
   * Tells how far the job is.
   *
   * @param fraction From 0 to 1; stored at most about once a second.
   */
  readonly progress: (fraction: number) => void
  /** Keeps a line of text with this attempt. */
  readonly log: (text: string) => void
  /** Enqueues another job by reference; see `runner.enqueue`. */
  readonly enqueue: EnqueueByReference
  /**
   * Completes this job inside a transaction of the user's own, so that its effects happen exactly once: both are committed,
   * or neither. When the lease of the job is stale it throws, which rolls the transaction back.
   *
   * @param tx The open transaction, on the database that holds the jobs.
   * @param result What the job returns; what the handler returns afterwards is ignored.
   */
  readonly complete: (tx: unknown, result?: unknown) => Promise<void>
}

/** `enqueue` for functions only: needs no type of the runner, so jobs that start jobs have no circular types. */
export type EnqueueByReference = <Fn extends JobFunction>(
  fn: Fn,
  args: ArgsOf<JobModules, Fn>,
  options?: EnqueueOptions,
) => Promise<JobHandle<ResultOf<JobModules, Fn>>>

/** A running job, and what its code sees of it once it has asked: most jobs never do. */
interface Context {
  readonly current: CurrentJob
  shown: CurrentJob | undefined
}

const running = new AsyncLocalStorage<Context>()

/**
 * The job that this code runs in, also after any `await` and in callbacks.
 *
 * @throws `ERR_NOT_IN_JOB` outside of a job.
 */
export function currentJob(): CurrentJob {
  const context = running.getStore()
  if (context === undefined) {
    throw jobError(
      'ERR_NOT_IN_JOB',
      'currentJob() was called outside of a job; call it in a function that a runner runs, not while a module is loaded',
    )
  }
  context.shown ??= bound(context.current)
  return context.shown
}

/** The same as the runner gave it to {@link runInJob}; undefined outside of a job. */
export function jobOfThisCode(): CurrentJob | undefined {
  return running.getStore()?.current
}

/**
 * Runs `fn` as the code of `current`; the runner's side of {@link currentJob}.
 *
 * @param current Methods of a class are fine: they are called on `current`, however the job's code takes them.
 */
export function runInJob<Args extends readonly unknown[], Result>(
  current: CurrentJob,
  fn: (...args: Args) => Result,
  ...args: Args
): Result {
  return running.run({ current, shown: undefined }, fn, ...args)
}

function bound(current: CurrentJob): CurrentJob {
  return Object.freeze({
    id: current.id,
    name: current.name,
    queue: current.queue,
    attempt: current.attempt,
    maxAttempts: current.maxAttempts,
    // Not before it is read: a signal costs more than all the rest.
    get signal() {
      return current.signal
    },
    progress: current.progress.bind(current),
    log: current.log.bind(current),
    // Binding loses the type parameters of a generic function, nothing else.
    enqueue: current.enqueue.bind(current) as EnqueueByReference,
    complete: current.complete.bind(current),
  })
}
