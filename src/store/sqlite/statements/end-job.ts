/** What several verbs share: the ways in which a row leaves the `millrace_job` table, and the traces that it leaves behind. */

import type { ErrorRecord } from '../../../job/job.ts'
import type { Db } from '../connection.ts'
import { encodeError } from '../../stored-values.ts'

/** The columns that go unchanged from a live job to its ended record, and back when an operator retries it. */
export const CARRIED_COLUMNS =
  'id, name, queue, args, args_codec, priority, created_at, max_attempts, backoff, timeout_ms, key, key_seq, unique_key, tags'

// A stored record of the same id goes: it belongs to an earlier life of an id that was used again after it had ended.
const TO_HISTORY = `
  insert or replace into millrace_history (${CARRIED_COLUMNS}, due_at, attempt, crashes, node, state, lease, started_at, ended_at, progress, error)
  select ${CARRIED_COLUMNS}, due_at, attempt, crashes, node, 'cancelled', ?2, started_at, ?3, progress, ?4
  from millrace_job where id = ?1`

const TO_DEAD = `
  insert or replace into millrace_dead (${CARRIED_COLUMNS}, due_at, crashes, node, attempt, lease, started_at, ended_at, progress, error)
  select ${CARRIED_COLUMNS}, due_at, ?3, node, attempt, ?2, started_at, ?4, progress, ?5
  from millrace_job where id = ?1`

const REMOVE = 'delete from millrace_job where id = ?'

const REMOVE_ATTEMPTS = 'delete from millrace_attempt_error where job_id = ?'

const REMOVE_LOG = 'delete from millrace_job_log where job_id = ?'

const RECORD_ATTEMPT = `
  insert into millrace_attempt_error (job_id, attempt, lease, node, started_at, ended_at, error)
  values (?, ?, ?, ?, ?, ?, ?)`

const COUNT_ENDED = `
  insert into millrace_rollup (queue, second, ended) values (?, ?, ?)
  on conflict (queue, second) do update set ended = ended + excluded.ended`

/** The error of a job that an operator cancelled. */
export const CANCELLED_BY_OPERATOR: ErrorRecord = { name: 'JobCancelledError', message: 'cancelled by an operator' }

/** Moves a live job to the cancelled ones. `lease` is that of the ack that does it, if one does. */
export function moveToCancelled(db: Db, id: string, lease: string | null, endedAt: number, error: ErrorRecord): void {
  db.prepare(TO_HISTORY).run(id, lease, endedAt, encodeError(error))
  db.prepare(REMOVE).run(id)
}

/** Moves a live job to the dead letters. `lease` is that of the ack that does it, if one does. */
export function moveToDead(
  db: Db,
  job: { readonly id: string; readonly crashes: number },
  lease: string | null,
  endedAt: number,
  error: ErrorRecord,
): void {
  db.prepare(TO_DEAD).run(job.id, lease, job.crashes, endedAt, encodeError(error))
  db.prepare(REMOVE).run(job.id)
}

/** Removes a live job. */
export function removeLive(db: Db, id: string): void {
  db.prepare(REMOVE).run(id)
}

/** Removes what is kept of a job's attempts. */
export function removeTraces(db: Db, id: string): void {
  db.prepare(REMOVE_ATTEMPTS).run(id)
  db.prepare(REMOVE_LOG).run(id)
}

/** An attempt that ended, as it is written down. */
export interface EndedAttempt {
  readonly id: string
  readonly attempt: number
  readonly lease: string | null
  readonly node: string | null
  readonly startedAt: number | null
  readonly endedAt: number
  readonly error: ErrorRecord | null
}

/** Writes down how an attempt ended. */
export function recordAttempt(db: Db, ended: EndedAttempt): void {
  const { id, attempt, lease, node, startedAt, endedAt } = ended
  db.prepare(RECORD_ATTEMPT).run(id, attempt, lease, node, startedAt, endedAt, encodeError(ended.error))
}

/** Counts endings by queue and second during a verb, to write them once at its end. */
export class EndedCounter {
  readonly #counts = new Map<string, Map<number, number>>()

  add(queue: string, endedAt: number): void {
    const second = Math.floor(endedAt / 1000)
    let seconds = this.#counts.get(queue)
    if (seconds === undefined) this.#counts.set(queue, (seconds = new Map<number, number>()))
    seconds.set(second, (seconds.get(second) ?? 0) + 1)
  }

  write(db: Db): void {
    for (const [queue, seconds] of this.#counts) {
      for (const [second, count] of seconds) db.prepare(COUNT_ENDED).run(queue, second, count)
    }
  }
}
