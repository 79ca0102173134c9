/** Whether an attempt counts for the circuit breaker of its job, and how. Pure. */

import { unreachable } from '../host/errors.ts'
import type { BreakerId, BreakerSettings, CallOutcome } from '../job/breaker.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { AttemptEnding } from '../store/store.ts'
import type { HandlerEnd } from './attempt-ending.ts'
import type { StopReason } from './running-jobs.ts'

/** The breaker of a queue's jobs, as its settings say. */
export interface QueueBreaker {
  readonly by: 'name' | 'key'
  readonly settings: BreakerSettings
  /** Whether an error counts as a failure of what the job depends on; null is every error. */
  readonly isFailure: ((error: unknown) => boolean) | null
}

/** What the verdict is about. */
export interface VerdictFacts {
  readonly breaker: Pick<QueueBreaker, 'isFailure'>
  readonly ending: AttemptEnding
  readonly isDiscarded: boolean
  readonly end: HandlerEnd
  readonly stopReason: StopReason | undefined
  /** `isFailure` itself threw. */
  readonly onProblem: (error: unknown) => void
}

/**
 * A completed attempt passed; one that failed counts as failed where its error does, and as passed where it does not: what the
 * job depends on has answered then. A snooze, a cancellation and a discard say nothing.
 */
export function callOutcome(facts: VerdictFacts): CallOutcome {
  const { breaker, ending, isDiscarded, onProblem } = facts
  switch (ending.type) {
    case 'completed':
      return 'passed'
    case 'snoozed':
    case 'cancelled':
      return 'none'
    case 'retry':
    case 'failed':
      if (isDiscarded) return 'none'
      return counts(breaker, errorOf(facts), onProblem) ? 'failed' : 'passed'
    default:
      return unreachable(ending)
  }
}

/** The breaker that counts a job; null when none does, as for a job without a key where breakers are by key. */
export function breakerIdOf({ by }: QueueBreaker, job: ClaimedJob): BreakerId | null {
  const { queue, name, key } = job
  if (by === 'name') return { queue, by, subject: name }
  return key === null ? null : { queue, by, subject: key }
}

function counts(
  { isFailure }: Pick<QueueBreaker, 'isFailure'>,
  error: unknown,
  onProblem: (error: unknown) => void,
): boolean {
  if (isFailure === null) return true
  try {
    return isFailure(error)
  } catch (problem) {
    onProblem(problem)
    return true
  }
}

/** What was thrown, as it was thrown; for what was not thrown, an error of the name and code that is recorded. */
function errorOf({ end, stopReason, ending }: VerdictFacts): unknown {
  if (stopReason?.type === 'unhandled') return stopReason.error
  if (end.type === 'threw' && stopReason === undefined) return end.error
  const record = 'error' in ending ? ending.error : null
  const error = new Error(record?.message ?? 'the attempt failed')
  error.name = record?.name ?? 'Error'
  return record?.code === undefined ? error : Object.assign(error, { code: record.code })
}
