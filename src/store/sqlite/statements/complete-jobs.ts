/**
 * The hot path of `ackJobs`: jobs of one claim that completed with nothing to tell but a result are ended by one statement,
 * because crossing into the engine once for each costs more than the work itself. It is all of them or none: when the lease
 * of one no longer holds, nothing is changed, and the caller ends them one by one.
 */

import type { Ack } from '../../store.ts'
import type { Db } from '../connection.ts'
import type { HeldRow, HeldRows } from '../held-rows.ts'
import { plainText } from '../../stored-values.ts'
import { CARRIED_COLUMNS, type EndedCounter } from './end-job.ts'

/** An ack with what its record will say. */
interface Completion {
  readonly ack: Ack
  readonly row: HeldRow
  readonly startedAt: number | null
  readonly endedAt: number
}

// `cross join` keeps this order: each row is found by its number.
const TO_HISTORY = `
  insert or replace into millrace_history (${CARRIED_COLUMNS}, due_at, attempt, crashes, node, lease, state, progress,
    started_at, ended_at, result, result_codec)
  select ${CARRIED_COLUMNS.split(', ')
    .map((column) => `job.${column}`)
    .join(', ')}, job.due_at, job.attempt, job.crashes, job.node, job.lease, 'completed', job.progress,
    coalesce(ended.value ->> 1, job.started_at), ended.value ->> 2, ended.value ->> 3, ended.value ->> 4
  from json_each(?1) as ended cross join millrace_job as job
  where job.seq = ended.value ->> 0 and job.lease = ?2 and job.state = 'running'`

const REMOVE = `
  delete from millrace_job where seq in (select value from json_each(?1)) and lease = ?2 and state = 'running'`

const REMOVE_ATTEMPTS = 'delete from millrace_attempt_error where job_id in (select value from json_each(?))'

const REMOVE_LOG = 'delete from millrace_job_log where job_id in (select value from json_each(?))'

/** Ends what can be ended together, and answers the acks that are left, in their order. */
export function completeTogether(
  db: Db,
  acks: readonly Ack[],
  timesOf: (ack: Ack) => { readonly startedAt: number | null; readonly endedAt: number },
  rows: HeldRows,
  counter: EndedCounter,
): readonly Ack[] {
  const left: Ack[] = []
  const groups = new Map<string, Completion[]>()
  for (const ack of acks) {
    // Whatever the ending is, the row is let go; a second ack about the same job finds it gone and comes after this one.
    const row = rows.take(ack)
    if (row === null || !isPlain(ack)) {
      left.push(ack)
      continue
    }
    const key = `${ack.lease} ${ack.isKept}`
    let group = groups.get(key)
    if (group === undefined) groups.set(key, (group = []))
    group.push({ ack, row, ...timesOf(ack) })
  }
  for (const group of groups.values()) {
    if (completeGroup(db, group)) for (const { row, endedAt } of group) counter.add(row.queue, endedAt)
    else left.push(...group.map(({ ack }) => ack))
  }
  return left
}

function isPlain({ ending, progress, logs }: Ack): boolean {
  return ending.type === 'completed' && ending.error === null && progress === null && logs.length === 0
}

/** Ends the jobs of acks that have the lease and `isKept` in common; false when it cannot, and then nothing is changed. */
function completeGroup(db: Db, group: readonly Completion[]): boolean {
  const first = group[0]
  if (first === undefined) return true
  const { lease, isKept } = first.ack
  db.prepare('savepoint together').run()
  const kept = isKept ? Number(db.prepare(TO_HISTORY).run(JSON.stringify(group.map(recordOf)), lease).changes) : null
  const { changes } = db.prepare(REMOVE).run(JSON.stringify(group.map(({ row }) => row.seq)), lease)
  const isWhole = Number(changes) === group.length && (kept === null || kept === group.length)
  if (!isWhole) db.prepare('rollback to together').run()
  else if (!isKept) {
    const ids = JSON.stringify(group.map(({ ack }) => ack.id))
    db.prepare(REMOVE_ATTEMPTS).run(ids)
    db.prepare(REMOVE_LOG).run(ids)
  }
  db.prepare('release together').run()
  return isWhole
}

/** What the statement reads by number. */
function recordOf({ ack, row, startedAt, endedAt }: Completion): readonly unknown[] {
  const result = ack.ending.type === 'completed' ? ack.ending.result : null
  return [row.seq, startedAt, endedAt, result === null ? null : plainText(result.text), result?.codec ?? null]
}
