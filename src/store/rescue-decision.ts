/** What becomes of a job whose node died: the rules of rescue, the same in every store. Pure. */

import type { ErrorRecord } from '../job/job.ts'

/** What is to become of a job whose node died. */
export type RescueDecision =
  | { readonly type: 'requeue'; readonly attempt: number; readonly error: ErrorRecord }
  | { readonly type: 'fail'; readonly error: ErrorRecord }
  | { readonly type: 'cancel' }

/** A job as its dead node held it. */
export interface HeldWhenDied {
  readonly name: string
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashes: number
  /** Whether its start was written down. */
  readonly isStarted: boolean
  readonly isCancelRequested: boolean
}

/** The rules of rescue, for one job. Pure. */
export function decideRescue(job: HeldWhenDied, crash: ErrorRecord, quarantineAfter: number): RescueDecision {
  if (job.isCancelRequested) return { type: 'cancel' }
  const crashes = job.crashes + 1
  if (crashes >= quarantineAfter) {
    return {
      type: 'fail',
      error: {
        name: 'JobCrashedError',
        code: 'ERR_QUARANTINED',
        message: `${job.name} was running in ${crashes} crashes and runs no more: it may be what kills its process; retry it when that is mended`,
        cause: crash,
      },
    }
  }
  // Without a mark the handler had hardly begun, if at all: the attempt is given back.
  if (!job.isStarted) return { type: 'requeue', attempt: Math.max(0, job.attempt - 1), error: crash }
  if (job.attempt >= job.maxAttempts) return { type: 'fail', error: crash }
  return { type: 'requeue', attempt: job.attempt, error: crash }
}

/** The error of the attempts that a node's death ended. */
export function crashError(dead: { readonly host: string; readonly pid: number }, node: string): ErrorRecord {
  return {
    name: 'JobCrashedError',
    code: 'ERR_NODE_DIED',
    message: `the process that ran it died: node ${node}, host ${dead.host}, pid ${dead.pid}`,
  }
}
