/** From the end of an attempt to the events about it, and to the answer for those who wait for it. */

import { unreachable } from '../host/errors.ts'
import type { AttemptOutcome } from '../metrics/attempt-totals.ts'
import type { EndedAttempt } from '../metrics/metrics-recorder.ts'
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

/** How the attempt ended, in the words of the events; `stale` when the store refused its end. */
export function outcomeOf(
  { ending, isDiscarded, isEndedInTransaction }: FinishedJob,
  { isStale, isCancelled }: AckedAnswer,
): AttemptOutcome | 'stale' {
  // What was completed inside a transaction stays so, whatever the handler did afterwards.
  if (isStale) return isEndedInTransaction ? 'completed' : 'stale'
  switch (ending.type) {
    case 'completed':
    case 'cancelled':
      return ending.type
    case 'snoozed':
      return isCancelled ? 'cancelled' : 'snoozed'
    case 'failed':
      return isDiscarded ? 'discarded' : 'failed'
    case 'retry':
      return isCancelled ? 'cancelled' : 'retry'
    default:
      return unreachable(ending)
  }
}

/** Sends the event that belongs to the end of an attempt, which had this outcome. */
export function announceEnd(bus: Bus<RunnerEvents>, finished: FinishedJob, outcome: AttemptOutcome | 'stale'): void {
  const { ending } = finished
  switch (outcome) {
    case 'stale':
      return bus.send('job:stale', attemptOf(finished))
    case 'retry':
    case 'failed':
      // Such an ending has its error.
      if (ending.type === 'retry' || ending.type === 'failed') sendException(bus, finished, outcome, ending.error)
      return
    case 'completed':
      // What a handler returns that has ended its job itself is ignored.
      if (ending.type !== 'completed' || finished.isEndedInTransaction) return sendStop(bus, finished, outcome)
      return sendStop(bus, finished, outcome, ending.error ?? undefined)
    case 'snoozed':
      return sendStop(bus, finished, outcome)
    case 'cancelled':
    case 'discarded':
      return sendStop(bus, finished, outcome, 'error' in ending ? (ending.error ?? undefined) : undefined)
    default:
      return unreachable(outcome)
  }
}

/** What the metrics count of it. */
export function endedAttempt({ job, waitMs, runMs }: FinishedJob, outcome: AttemptOutcome): EndedAttempt {
  const { queue, name, claimedAt, dueAt } = job
  // By the store's clock, which told when the job was due and claimed; the rest is durations.
  const startedAt = claimedAt + waitMs - Math.max(0, claimedAt - dueAt)
  return { queue, name, outcome, at: Math.floor(startedAt + (runMs ?? 0)), waitMs, runMs }
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
