/**
 * What code of jobs does to the whole process, told to the workers whose jobs they are.
 *
 *     a rejection that nobody handles ──┬─ of a job's code ──▶ its attempt fails; the process goes on
 *                                       └─ of other code ────▶ what Node.js does with it anyway
 *     process.exit() of a job's code ───┐
 *     an uncaught error of its code ────┴───▶ workers leave in the last moment: that job is blamed, the others are free at once
 *
 * Whose code it is, the asynchronous context tells: that of a handler goes along with its callbacks and promises.
 *
 * The listeners are there only while a worker is guarded. There is one set of them for all workers of the process, because
 * each rejection has to be judged once. They come from the process and are gone with it: that is why they are not of a runner.
 */

import { nodeClock } from '../host/clock.ts'
import { attemptOfThisCode, type JobAttempt } from '../queue/job-attempt.ts'

/** Why the process ends, as far as that is known. */
export type Departure =
  /** Code of a job ended it. */
  | { readonly type: 'blamed'; readonly attempt: JobAttempt; readonly error: unknown }
  /** Somebody called `process.exit(0)`, or the program was done. */
  | { readonly type: 'in-order' }
  /** It ends because of an error, and whose that is nobody knows. */
  | { readonly type: 'unknown' }

/** A worker as the process sees it. */
export interface GuardedWorker {
  /** An error that nobody handles came from an attempt, which may be that of another worker. */
  failed(attempt: JobAttempt, error: unknown): void
  /** The process ends when this returns. */
  leave(departure: Departure): void
}

/** That of the process, whatever clock a runner was given: this is about the turns of its event loop. */
const clock = nodeClock()
const workers = new Set<GuardedWorker>()
/** The uncaught error that is about to end the process, unless somebody keeps it alive. */
let uncaught: { readonly attempt: JobAttempt | undefined; readonly error: unknown } | undefined

/** Guards a worker until the returned function is called. */
export function guardProcess(worker: GuardedWorker): () => void {
  if (workers.size === 0) {
    process.on('unhandledRejection', onUnhandledRejection)
    process.on('uncaughtExceptionMonitor', onUncaughtException)
    // First of all: it needs the threads of the stores, which end when the process exits.
    process.prependListener('exit', onExit)
  }
  workers.add(worker)
  return () => {
    if (!workers.delete(worker) || workers.size > 0) return
    process.off('unhandledRejection', onUnhandledRejection)
    process.off('uncaughtExceptionMonitor', onUncaughtException)
    process.off('exit', onExit)
  }
}

function onUnhandledRejection(error: unknown): void {
  const attempt = attemptOfThisCode()
  if (attempt !== undefined) {
    for (const worker of workers) worker.failed(attempt, error)
    return
  }
  // Others listen, and decide.
  if (process.listenerCount('unhandledRejection') > 1) return
  // It comes again in this very turn, and then nobody listens: Node.js does what it was told to do in that case.
  process.off('unhandledRejection', onUnhandledRejection)
  void Promise.reject(error)
  clock.soon(() => {
    if (workers.size > 0) process.on('unhandledRejection', onUnhandledRejection)
  })
}

function onUncaughtException(error: unknown): void {
  const attempt = attemptOfThisCode()
  uncaught = { attempt, error }
  // When this comes, somebody kept the process alive.
  clock.soon(() => {
    uncaught = undefined
    if (attempt !== undefined) for (const worker of workers) worker.failed(attempt, error)
  })
}

function onExit(exitCode: number): void {
  const departure = departureOf(exitCode)
  for (const worker of workers) worker.leave(departure)
}

function departureOf(exitCode: number): Departure {
  const attempt = uncaught === undefined ? attemptOfThisCode() : uncaught.attempt
  if (attempt !== undefined) {
    const error = uncaught === undefined ? new Error(`its code called process.exit(${exitCode})`) : uncaught.error
    return { type: 'blamed', attempt, error }
  }
  return uncaught === undefined && exitCode === 0 ? { type: 'in-order' } : { type: 'unknown' }
}
