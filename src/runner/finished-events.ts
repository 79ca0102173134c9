/** From the end of an attempt to the events about it, and to the answer for those who wait for it. */

import { unreachable } from '../host/errors.ts'
import type { KnownEnding } from '../queue/endings.ts'
import type { FinishedJob } from '../queue/finished-job.ts'
import type { Bus } from '../telemetry/bus.ts'
import type { AttemptEvent, JobExceptionEvent, JobStopEvent, RunnerEvents } from './events.ts'

/** What the store answered to the end of an attempt. */
export interface AckedAnswer {
  readonly isStale: boolean
  /** The job was cancelled instead of waiting for its next attempt. */
  readonly isCancelled: boolean
}

/** Sends the event that belongs to the end of an attempt. */
export function announceEnd(bus: Bus<RunnerEvents>, finished: FinishedJob, answer: AckedAnswer): void {
  const { ending, isDiscarded, isEndedInTransaction } = finished
  // What was completed inside a transaction stays so, whatever the handler did afterwards.
  if (answer.isStale && isEndedInTransaction) return sendStop(bus, finished, 'completed')
  if (answer.isStale) return bus.send('job:stale', attemptOf(finished))
  switch (ending.type) {
    case 'completed':
      return sendStop(bus, finished, 'completed', ending.error ?? undefined)
    case 'snoozed':
      return sendStop(bus, finished, answer.isCancelled ? 'cancelled' : 'snoozed')
    case 'cancelled':
      return sendStop(bus, finished, 'cancelled', ending.error)
    case 'failed':
      if (isDiscarded) return sendStop(bus, finished, 'discarded', ending.error)
      return sendException(bus, finished, 'failed', ending.error)
    case 'retry':
      if (answer.isCancelled) return sendStop(bus, finished, 'cancelled', ending.error)
      return sendException(bus, finished, 'retry', ending.error)
    default:
      return unreachable(ending)
  }
}

function sendStop(
  bus: Bus<RunnerEvents>,
  finished: FinishedJob,
  outcome: JobStopEvent['outcome'],
  error?: JobStopEvent['error'],
): void {
  if (!bus.hasListeners('job:stop')) return
  const { runMs } = finished
  bus.send('job:stop', { ...attemptOf(finished), runMs, outcome, ...(error === undefined ? {} : { error }) })
}

function sendException(
  bus: Bus<RunnerEvents>,
  finished: FinishedJob,
  outcome: JobExceptionEvent['outcome'],
  error: JobExceptionEvent['error'],
): void {
  bus.send('job:exception', { ...attemptOf(finished), runMs: finished.runMs, outcome, error })
}

function attemptOf({ job, waitMs }: FinishedJob): AttemptEvent {
  return { id: job.id, name: job.name, queue: job.queue, attempt: job.attempt, waitMs }
}

/** How the job ended for good, or undefined when it has not, or when this node's word does not count. */
export function endingOf(
  { job: { id }, ending, isEndedInTransaction }: FinishedJob,
  answer: AckedAnswer,
): KnownEnding | undefined {
  // What was completed inside a transaction is known to the store alone: it may differ from what the handler returned.
  if (answer.isStale || isEndedInTransaction) return undefined
  if (ending.type === 'completed') return { id, state: 'completed', result: ending.result, error: ending.error }
  if (ending.type === 'failed' || ending.type === 'cancelled') return { id, state: ending.type, error: ending.error }
  if (answer.isCancelled) return { id, state: 'cancelled', error: null }
  return undefined
}
