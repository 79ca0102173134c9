/** What a consumer hands to the acker: one attempt that came to its end. */

import type { CallOutcome } from '../job/breaker.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { Ack, AttemptEnding } from '../store/store.ts'
import type { KeepSettings } from './queue-settings.ts'

/** An attempt that ended on this node. */
export interface FinishedJob {
  readonly job: ClaimedJob
  readonly ending: AttemptEnding
  /** The handler asked for the dead letters itself. */
  readonly isDiscarded: boolean
  /** The job was ended inside the handler's own transaction; the store may know its end already. */
  readonly isEndedInTransaction: boolean
  /** From due to start, in milliseconds. */
  readonly waitMs: number
  /** How long the handler ran, in milliseconds; null when it never began. */
  readonly runMs: number | null
  /** Monotonic time of the end. */
  readonly endedAt: number
  readonly progress: number | null
  readonly logs: readonly string[]
  /** Whether a completed or cancelled job leaves a record. */
  readonly isKept: boolean
  /** What it says to a circuit breaker; absent where nobody asks. */
  readonly outcome?: CallOutcome | undefined
}

/** The store's form of a finished job. */
export function toAck(finished: FinishedJob, monotonicNow: number): Ack {
  const { probeOf } = finished.job
  return {
    id: finished.job.id,
    lease: finished.job.lease,
    attempt: finished.job.attempt,
    ending: finished.ending,
    runMs: finished.runMs,
    endedAgoMs: Math.max(0, monotonicNow - finished.endedAt),
    progress: finished.progress,
    logs: finished.logs,
    isKept: finished.isKept,
    ...(probeOf === undefined ? {} : { probe: { of: probeOf, outcome: finished.outcome ?? 'none' } }),
  }
}

/** Whether a job that ended so leaves a record. Whatever does not complete may be cancelled by the store, when a stop was asked for. */
export function isKept(keep: KeepSettings, ending: AttemptEnding): boolean {
  return (ending.type === 'completed' ? keep.completedMs : keep.cancelledMs) > 0
}
