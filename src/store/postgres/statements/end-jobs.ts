/** What several verbs share: the ways in which rows leave the `job` table, and the traces that they leave behind. */

import { errorFingerprint } from '../../../job/fingerprint.ts'
import type { Forensics } from '../../../job/forensics.ts'
import type { ErrorRecord } from '../../../job/job.ts'
import { encodeError, plainText } from '../../stored-values.ts'
import { plainArray, textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { NO_UUID } from '../rows.ts'

/** The columns that go unchanged from a live job to its ended record, and back when an operator retries it. */
export const CARRIED_COLUMNS =
  'id, priority, max_attempts, created_at, timeout_ms, queue, name, args, args_codec, backoff, key, key_seq, unique_key, tags, trace'

/** The error of a job that an operator cancelled. */
export const CANCELLED_BY_OPERATOR: ErrorRecord = { name: 'JobCancelledError', message: 'cancelled by an operator' }

// What was deleted is returned by its columns, so that the row is found once.
const REMOVED = `
  with e as (
    select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::integer[], $5::bigint[], $6::bigint[], $7::double precision[], $8::text[])
      e (end_id, end_lease, end_node, end_crashes, end_started_at, end_ended_at, end_progress, end_error)),
  removed as (delete from /* schema */.job j using e where j.id = e.end_id returning j.*, e.*)`

const ENDED_VALUES = `
  due_at, attempt, coalesce(end_crashes, crashes), end_node, end_lease, coalesce(end_started_at, started_at), end_ended_at,
    coalesce(end_progress, progress), end_error`

const ENDED_COLUMNS = 'due_at, attempt, crashes, node, lease, started_at, ended_at, progress, error'

const TO_HISTORY = `
  ${REMOVED}
  insert into /* schema */.history (state, ${CARRIED_COLUMNS}, ${ENDED_COLUMNS})
  select 'cancelled', ${CARRIED_COLUMNS}, ${ENDED_VALUES} from removed`

// A stored record of the same id goes: it belongs to an earlier life of an id that was used again after it had ended.
const TO_DEAD = `
  ${REMOVED},
  known as (select * from unnest($1::uuid[], $9::text[], $10::text[]) k (known_id, fingerprint, forensics)),
  noted as (
    insert into /* schema */.dead_notice (job_id, died_at, due_at)
    select end_id, end_ended_at, (select /* schema */.now_ms()) from removed
    where exists (select 1 from /* schema */.node where is_notifying))
  insert into /* schema */.dead (${CARRIED_COLUMNS}, ${ENDED_COLUMNS}, fingerprint, forensics)
  select ${CARRIED_COLUMNS}, ${ENDED_VALUES}, fingerprint, forensics from removed join known on known_id = end_id
  on conflict (id) do update set (attempt, crashes, node, lease, started_at, ended_at, progress, error, args, args_codec, created_at,
      due_at, name, queue, trace, fingerprint, forensics)
    = (excluded.attempt, excluded.crashes, excluded.node, excluded.lease, excluded.started_at, excluded.ended_at, excluded.progress,
      excluded.error, excluded.args, excluded.args_codec, excluded.created_at, excluded.due_at, excluded.name, excluded.queue, excluded.trace,
      excluded.fingerprint, excluded.forensics)`

const REMOVE = 'delete from /* schema */.job where id = any($1::uuid[])'

const REMOVE_TRACES = `
  with attempts as (delete from /* schema */.attempt_error where job_id = any($1::uuid[]))
  delete from /* schema */.job_log where job_id = any($1::uuid[])`

const RECORD_ATTEMPTS = `
  with a as (
    select * from unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::text[], $8::text[])
      a (job_id, attempt, lease, node, started_at, ended_at, error, fingerprint)),
  marked as (update /* schema */.job j set has_traces = true from a where j.id = a.job_id and not j.has_traces)
  insert into /* schema */.attempt_error (job_id, attempt, lease, node, started_at, ended_at, error, fingerprint, name)
  select job_id, attempt, lease, node, nullif(started_at, 0), ended_at, error, fingerprint,
    (select j.name from /* schema */.job j where j.id = a.job_id)
  from a`

const WRITE_LOGS = `
  with l as (select * from unnest($1::uuid[], $2::uuid[], $3::text[]) with ordinality l (job_id, lease, line, place)),
  marked as (update /* schema */.job j set has_traces = true from l where j.id = l.job_id and not j.has_traces)
  insert into /* schema */.job_log (job_id, lease, line) select job_id, lease, line from l order by place`

const HAVE_LOGS = `
  select distinct h.id from unnest($1::uuid[], $2::uuid[]) h (id, lease)
  join /* schema */.job_log l on l.job_id = h.id and l.lease = h.lease`

const COUNT_ENDED = `
  insert into /* schema */.rollup (queue, second, node, ended)
  select queue, second, $3::uuid, count(*) from unnest($1::text[], $2::bigint[]) e (queue, second) group by queue, second
  on conflict (queue, second, node) do update set ended = rollup.ended + excluded.ended`

const RAISE_GENERATION = 'update /* schema */.generation set value = value + 1'

const DROP_LEASES = 'delete from /* schema */.lease where id = any($1::uuid[])'

/** A live job that ends otherwise than completed. */
export interface EndedJob {
  readonly id: string
  readonly queue: string
  /** The claim whose ack ends it, and its node, if one does. */
  readonly lease: string | null
  readonly node: string | null
  /** Null leaves the stored one. */
  readonly crashes: number | null
  readonly startedAt: number | null
  readonly endedAt: number
  readonly progress: number | null
  readonly error: ErrorRecord
  /** What its node knew when it failed. */
  readonly forensics?: Forensics | undefined
}

/** Moves live jobs to the cancelled ones. */
export async function moveToCancelled(db: Db, jobs: readonly EndedJob[]): Promise<void> {
  if (jobs.length > 0) await db.query(TO_HISTORY, endedParameters(jobs))
}

/** Moves live jobs to the dead letters, and notes that somebody is to be told of them, if there is anybody. */
export async function moveToDead(db: Db, jobs: readonly EndedJob[]): Promise<void> {
  if (jobs.length === 0) return
  await db.query(TO_DEAD, [
    ...endedParameters(jobs),
    textArray(jobs.map(({ error }) => errorFingerprint(error))),
    textArray(jobs.map(({ forensics }) => (forensics === undefined ? null : JSON.stringify(forensics)))),
  ])
}

/** Removes live jobs with all that is kept of their attempts. */
export async function removeWithTraces(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await db.query(REMOVE, [plainArray(ids)])
  await db.query(REMOVE_TRACES, [plainArray(ids)])
}

/** Removes what is kept of jobs' attempts. */
export async function removeTraces(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await db.query(REMOVE_TRACES, [plainArray(ids)])
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

/** Writes down how attempts of live jobs ended. */
export async function recordAttempts(db: Db, attempts: readonly EndedAttempt[]): Promise<void> {
  if (attempts.length === 0) return
  await db.query(RECORD_ATTEMPTS, [
    plainArray(attempts.map(({ id }) => id)),
    plainArray(attempts.map(({ attempt }) => attempt)),
    plainArray(attempts.map(({ lease }) => lease)),
    plainArray(attempts.map(({ node }) => node)),
    plainArray(attempts.map(({ startedAt }) => startedAt)),
    plainArray(attempts.map(({ endedAt }) => endedAt)),
    textArray(attempts.map(({ error }) => encodeError(error))),
    textArray(attempts.map(({ error, isFailure }) => (error !== null && isFailure ? errorFingerprint(error) : null))),
  ])
}

/** Adds lines to the logs of attempts, which are named by job and lease. */
export async function writeLogs(
  db: Db,
  entries: readonly { readonly id: string; readonly lease: string; readonly logs: readonly string[] }[],
): Promise<void> {
  const lines = entries.flatMap(({ id, lease, logs }) => logs.map((line) => ({ id, lease, line })))
  if (lines.length === 0) return
  await db.query(WRITE_LOGS, [
    plainArray(lines.map(({ id }) => id)),
    plainArray(lines.map(({ lease }) => lease)),
    textArray(lines.map(({ line }) => plainText(line))),
  ])
}

/** Those of the attempts that have written any line, by job id. */
export async function withLogs(
  db: Db,
  held: readonly { readonly id: string; readonly lease: string }[],
): Promise<ReadonlySet<string>> {
  if (held.length === 0) return new Set()
  const rows = await db.query(HAVE_LOGS, [
    plainArray(held.map(({ id }) => id)),
    plainArray(held.map(({ lease }) => lease)),
  ])
  return new Set(rows.map(([id]) => String(id)))
}

/** Counts endings, in rows of the process that counts, so that no two wait for each other. */
export async function countEnded(
  db: Db,
  ended: readonly { readonly queue: string; readonly endedAt: number }[],
  node: string | null,
): Promise<void> {
  if (ended.length === 0) return
  await db.query(COUNT_ENDED, [
    textArray(ended.map(({ queue }) => queue)),
    plainArray(ended.map(({ endedAt }) => Math.floor(endedAt / 1_000))),
    node ?? NO_UUID,
  ])
}

/** Makes claims look at the ready index from its start again: jobs came back to an old place. */
export async function raiseGeneration(db: Db): Promise<void> {
  await db.query(RAISE_GENERATION)
}

/** Removes leases under which no job is held any more. */
export async function dropLeases(db: Db, leases: readonly string[]): Promise<void> {
  if (leases.length > 0) await db.query(DROP_LEASES, [plainArray(leases)])
}

function endedParameters(jobs: readonly EndedJob[]): readonly string[] {
  return [
    plainArray(jobs.map(({ id }) => id)),
    plainArray(jobs.map(({ lease }) => lease)),
    plainArray(jobs.map(({ node }) => node)),
    plainArray(jobs.map(({ crashes }) => crashes)),
    plainArray(jobs.map(({ startedAt }) => startedAt)),
    plainArray(jobs.map(({ endedAt }) => endedAt)),
    plainArray(jobs.map(({ progress }) => progress)),
    textArray(jobs.map(({ error }) => encodeError(error))),
  ]
}
