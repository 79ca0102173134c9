/** What becomes of a job whose node died: the rules of rescue, the same in every store. Pure. */

import type { ErrorRecord } from '../job/job.ts'
import { isMarkedFirst } from '../job/crashes.ts'
import type { Blame, HeldJob, RescueAnswer, RescueRequest } from './store.ts'

/** What is to become of a job whose node died. */
export type RescueDecision = {
  readonly crashes: number
  /** How the attempt ended. */
  readonly crash: ErrorRecord
} & (
  | { readonly type: 'requeue'; readonly attempt: number }
  | { readonly type: 'fail'; readonly error: ErrorRecord; readonly isQuarantined: boolean }
  | { readonly type: 'cancel' }
)

/** A job as its dead node held it. */
export interface HeldWhenDied extends HeldJob {
  readonly name: string
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashes: number
  /** Whether its start was written down. */
  readonly isStarted: boolean
  readonly isCancelRequested: boolean
}

/** The death of a node. */
export interface NodeDeath {
  /** The error of the attempts that it ended. */
  readonly error: ErrorRecord
  readonly quarantineAfter: number
  readonly blame: Blame | undefined
}

/** The rules of rescue, for one job. Pure. */
export function decideRescue(job: HeldWhenDied, death: NodeDeath): RescueDecision {
  const { blame, quarantineAfter } = death
  const part = partIn(job, blame)
  const crashes = job.crashes + (part === 'none' ? 0 : 1)
  const crash = part === 'begun' && typeof blame === 'object' ? blame.error : death.error
  if (job.isCancelRequested) return { type: 'cancel', crashes, crash }
  if (part !== 'none' && crashes >= quarantineAfter) {
    return { type: 'fail', crashes, crash, error: quarantined(job, crashes, crash), isQuarantined: true }
  }
  // Without a mark the handler had hardly begun, if at all: the attempt is given back.
  if (part !== 'begun') return { type: 'requeue', crashes, crash, attempt: Math.max(0, job.attempt - 1) }
  if (job.attempt >= job.maxAttempts) return { type: 'fail', crashes, crash, error: crash, isQuarantined: false }
  return { type: 'requeue', crashes, crash, attempt: job.attempt }
}

/**
 * The part that a job had in the death of its node: its handler had begun; nobody knows whether it had; or it had not, or
 * somebody else is known to be to blame.
 */
function partIn(job: HeldWhenDied, blame: Blame | undefined): 'begun' | 'suspect' | 'none' {
  if (blame !== undefined) {
    return blame !== 'nobody' && blame.id === job.id && blame.lease === job.lease ? 'begun' : 'none'
  }
  if (job.isStarted) return 'begun'
  return isMarkedFirst(job) ? 'none' : 'suspect'
}

function quarantined({ name }: HeldWhenDied, crashes: number, cause: ErrorRecord): ErrorRecord {
  return {
    name: 'JobCrashedError',
    code: 'ERR_QUARANTINED',
    message: `${name} was running in ${crashes} crashes and runs no more: it may be what kills its process; retry it when that is mended`,
    cause,
  }
}

/** The error of the attempts that a node's death ended. */
export function crashError(dead: { readonly host: string; readonly pid: number }, node: string): ErrorRecord {
  return {
    name: 'JobCrashedError',
    code: 'ERR_NODE_DIED',
    message: `the process that ran it died: node ${node}, host ${dead.host}, pid ${dead.pid}`,
  }
}

/** What is kept beside a dead node of its rescue, as JSON: all of {@link NodeRescue} but the time, which is that of its death. */
export function rescueNote({ by }: Pick<RescueRequest, 'by'>, answer: RescueAnswer): string {
  const { requeued, failed, cancelled } = answer
  return JSON.stringify({
    by: by ?? null,
    requeued: requeued.length,
    failed: failed.length,
    cancelled: cancelled.length,
  })
}
