/**
 * `ackJobs`: ends attempts. Each statement carries the lease, so an ack whose lease no longer holds changes nothing.
 *
 *     completed ─▶ history        retry, snoozed ─▶ scheduled, or history (cancelled) when a stop was asked for
 *     cancelled ─▶ history        failed         ─▶ dead
 *
 * An ack may come twice, when the answer to the first was lost. What it did is known again by the lease, which stays on the
 * record that it made, so the second one is answered like the first and changes nothing.
 */

import { unreachable } from '../../../host/errors.ts'
import type { Ack, AckAnswer } from '../../store.ts'
import type { Db } from '../connection.ts'
import type { HeldRows } from '../held-rows.ts'
import { encodeError, plainText, wholeNumber } from '../../stored-values.ts'
import { hasLog, writeLog } from './add-logs.ts'
import { endProbes } from './breakers.ts'
import { completeTogether } from './complete-jobs.ts'
import {
  CANCELLED_BY_OPERATOR,
  CARRIED_COLUMNS,
  EndedCounter,
  moveToCancelled,
  moveToDead,
  recordAttempt,
  removeLive,
  removeTraces,
} from './end-job.ts'

const COMPLETE_KEPT = `
  insert or replace into millrace_history (${CARRIED_COLUMNS}, due_at, attempt, crashes, node, lease, state, started_at, ended_at, progress, error, result, result_codec)
  select ${CARRIED_COLUMNS}, due_at, attempt, crashes, node, lease, 'completed',
    coalesce(?3, started_at), ?4, coalesce(?5, progress), ?6, ?7, ?8
  from millrace_job where id = ?1 and lease = ?2 and state = 'running'`

const REMOVE_HELD = `delete from millrace_job where id = ? and lease = ? and state = 'running' returning queue`

const READ_HELD = `
  select id, queue, attempt, crashes, node, started_at, cancel_requested from millrace_job
  where id = ? and lease = ? and state = 'running'`

const SCHEDULE_AGAIN = `
  update millrace_job set state = 'scheduled', due_at = ?3, attempt = ?4, error = coalesce(?5, error), progress = coalesce(?6, progress),
    started_at = ?7, node = null, claimed_at = null, crashes = 0
  where id = ?1 and lease = ?2 and state = 'running'`

const SET_RUN = `
  update millrace_job set started_at = coalesce(?3, started_at), progress = coalesce(?4, progress)
  where id = ?1 and lease = ?2 and state = 'running'`

const WHERE_IT_WENT = `
  select state from millrace_job where id = ?1 and lease = ?2 and state <> 'running'
  union all select state from millrace_history where id = ?1 and lease = ?2
  union all select state from millrace_dead where id = ?1 and lease = ?2`

interface HeldRow {
  readonly id: string
  readonly queue: string
  readonly attempt: number
  readonly crashes: number
  readonly node: string
  readonly started_at: number | null
  readonly cancel_requested: number
}

/** What became of the job of one ack. `repeated`: the same ack was applied before. */
type Applied = { readonly outcome: 'applied' | 'cancelled' | 'stale' | 'repeated' | 'repeated-cancelled' }

/**
 * See {@link Store.ackJobs}.
 *
 * @param rows Where the rows of claimed jobs lie, as far as it is known.
 */
export function ackJobs(db: Db, acks: readonly Ack[], rows: HeldRows): AckAnswer {
  const stale: string[] = []
  const cancelled: string[] = []
  const counter = new EndedCounter()
  for (const ack of completeTogether(db, acks, (each) => timesOf(db, each), rows, counter)) {
    const { outcome } = ackJob(db, ack, counter)
    if (outcome === 'stale') stale.push(ack.id)
    if (outcome === 'cancelled' || outcome === 'repeated-cancelled') cancelled.push(ack.id)
  }
  counter.write(db)
  endProbes(db, acks)
  return { stale, cancelled }
}

function ackJob(db: Db, ack: Ack, counter: EndedCounter): Applied {
  const isApplied = ack.ending.type === 'completed' ? complete(db, ack, counter) : end(db, ack, counter)
  return isApplied ?? recognise(db, ack)
}

/** A completion that could not be written together with others. Null when the lease does not hold. */
function complete(db: Db, ack: Ack, counter: EndedCounter): Applied | null {
  if (ack.ending.type !== 'completed') return null
  const { startedAt, endedAt } = timesOf(db, ack)
  if (ack.isKept) {
    const { result, error } = ack.ending
    const text = result === null ? null : plainText(result.text)
    const { changes } = db
      .prepare(COMPLETE_KEPT)
      .run(ack.id, ack.lease, startedAt, endedAt, ack.progress, encodeError(error), text, result?.codec ?? null)
    if (Number(changes) === 0) return null
  }
  // The one column of the statement.
  const row = db.prepare(REMOVE_HELD).get(ack.id, ack.lease) as { queue: string } | undefined
  if (row === undefined) return null
  if (ack.isKept) writeLog(db, ack)
  else removeTraces(db, ack.id)
  counter.add(row.queue, endedAt)
  return { outcome: 'applied' }
}

/** Every other ending. Null when the lease does not hold. */
function end(db: Db, ack: Ack, counter: EndedCounter): Applied | null {
  // The columns of the statement, in a strict table.
  const row = db.prepare(READ_HELD).get(ack.id, ack.lease) as HeldRow | undefined
  if (row === undefined) return null
  const times = timesOf(db, ack)
  const startedAt = times.startedAt ?? row.started_at
  writeLog(db, ack)
  const { ending } = ack
  const error = 'error' in ending ? ending.error : null
  if (error !== null || hasLog(db, ack)) {
    const { id, attempt, node } = row
    const isFailure = ending.type === 'retry' || ending.type === 'failed'
    recordAttempt(db, { id, attempt, lease: ack.lease, node, startedAt, endedAt: times.endedAt, error, isFailure })
  }
  const isStopped = row.cancel_requested === 1 && (ending.type === 'retry' || ending.type === 'snoozed')
  if (!isStopped && (ending.type === 'retry' || ending.type === 'snoozed')) {
    // A snooze gives the attempt back.
    const attempt = ending.type === 'snoozed' ? row.attempt - 1 : row.attempt
    const dueAt = wholeNumber(db.now + Math.max(0, ending.delayMs))
    db.prepare(SCHEDULE_AGAIN).run(ack.id, ack.lease, dueAt, attempt, encodeError(error), ack.progress, startedAt)
    return { outcome: 'applied' }
  }
  db.prepare(SET_RUN).run(ack.id, ack.lease, startedAt, ack.progress)
  counter.add(row.queue, times.endedAt)
  switch (ending.type) {
    case 'failed':
      moveToDead(db, {
        ...{ id: row.id, crashes: row.crashes, lease: ack.lease, endedAt: times.endedAt },
        ...{ error: ending.error, forensics: ending.forensics ?? null },
      })
      return { outcome: 'applied' }
    case 'cancelled':
      cancel(db, ack, times.endedAt, ending.error)
      return { outcome: 'applied' }
    case 'retry':
    case 'snoozed':
      cancel(db, ack, times.endedAt, CANCELLED_BY_OPERATOR)
      return { outcome: 'cancelled' }
    case 'completed':
      return null
    default:
      return unreachable(ending)
  }
}

function cancel(db: Db, ack: Ack, endedAt: number, error: typeof CANCELLED_BY_OPERATOR): void {
  if (ack.isKept) {
    moveToCancelled(db, ack.id, ack.lease, endedAt, error)
  } else {
    removeLive(db, ack.id)
    removeTraces(db, ack.id)
  }
}

/** Whether this very ack was applied before; the kinds must match, so that another ending under the same lease is stale. */
function recognise(db: Db, ack: Ack): Applied {
  // The one column of the statement.
  const row = db.prepare(WHERE_IT_WENT).get(ack.id, ack.lease) as { state: string } | undefined
  if (row === undefined) return { outcome: 'stale' }
  const { type } = ack.ending
  if (type === 'retry' || type === 'snoozed') {
    if (row.state === 'cancelled') return { outcome: 'repeated-cancelled' }
    return { outcome: row.state === 'scheduled' || row.state === 'queued' ? 'repeated' : 'stale' }
  }
  return { outcome: row.state === type ? 'repeated' : 'stale' }
}

/** When the attempt ran, by the store's clock; the caller knows only how long and how long ago. */
function timesOf(db: Db, ack: Ack): { readonly startedAt: number | null; readonly endedAt: number } {
  const endedAt = Math.floor(db.now - Math.max(0, ack.endedAgoMs))
  return { endedAt, startedAt: ack.runMs === null ? null : Math.floor(endedAt - Math.max(0, ack.runMs)) }
}
