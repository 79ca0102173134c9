/** What several verbs share: the ways in which a row leaves the `millrace_job` table, and the traces that it leaves behind. */

import { errorFingerprint } from '../../../job/fingerprint.ts'
import type { Forensics } from '../../../job/forensics.ts'
import type { ErrorRecord } from '../../../job/job.ts'
import type { Db } from '../connection.ts'
import { encodeError } from '../../stored-values.ts'

/** The columns that go unchanged from a live job to its ended record, and back when an operator retries it. */
export const CARRIED_COLUMNS =
  'id, name, queue, args, args_codec, priority, created_at, max_attempts, backoff, timeout_ms, key, key_seq, unique_key, tags, trace'

// A stored record of the same id goes: it belongs to an earlier life of an id that was used again after it had ended.
const TO_HISTORY = `
  insert or replace into millrace_history (${CARRIED_COLUMNS}, due_at, attempt, crashes, node, state, lease, started_at, ended_at, progress, error)
  select ${CARRIED_COLUMNS}, due_at, attempt, crashes, node, 'cancelled', ?2, started_at, ?3, progress, ?4
  from millrace_job where id = ?1`

const TO_DEAD = `
  insert or replace into millrace_dead (${CARRIED_COLUMNS}, due_at, crashes, node, attempt, lease, started_at, ended_at, progress, error,
    fingerprint, forensics)
  select ${CARRIED_COLUMNS}, due_at, ?3, node, attempt, ?2, started_at, ?4, progress, ?5, ?6, ?7
  from millrace_job where id = ?1`

const NOTE_DEAD = `
  insert into millrace_dead_notice (job_id, died_at, due_at)
  select ?1, ?2, ?3 where exists (select 1 from millrace_node where is_notifying = 1)`

const REMOVE = 'delete from millrace_job where id = ?'

const REMOVE_ATTEMPTS = 'delete from millrace_attempt_error where job_id = ?'

const REMOVE_LOG = 'delete from millrace_job_log where job_id = ?'

const RECORD_ATTEMPT = `
  insert into millrace_attempt_error (job_id, attempt, lease, node, started_at, ended_at, error, fingerprint, name)
  values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (select name from millrace_job where id = ?1))`

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

/** A live job that fails for good. */
export interface DyingJob {
  readonly id: string
  readonly crashes: number
  /** That of the ack that does it, if one does. */
  readonly lease: string | null
  readonly endedAt: number
  readonly error: ErrorRecord
  readonly forensics: Forensics | null
}

/** Moves a live job to the dead letters, and notes that somebody is to be told of it, if there is anybody. */
export function moveToDead(db: Db, { id, crashes, lease, endedAt, error, forensics }: DyingJob): void {
  const known = forensics === null ? null : JSON.stringify(forensics)
  db.prepare(TO_DEAD).run(id, lease, crashes, endedAt, encodeError(error), errorFingerprint(error), known)
  db.prepare(REMOVE).run(id)
  db.prepare(NOTE_DEAD).run(id, endedAt, db.now)
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
  /** Whether it failed; the error of one that was cancelled is only a reason. */
  readonly isFailure: boolean
}

/** Writes down how an attempt ended. */
export function recordAttempt(db: Db, ended: EndedAttempt): void {
  const { id, attempt, lease, node, startedAt, endedAt, error, isFailure } = ended
  const fingerprint = error !== null && isFailure ? errorFingerprint(error) : null
  db.prepare(RECORD_ATTEMPT).run(id, attempt, lease, node, startedAt, endedAt, encodeError(error), fingerprint)
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
