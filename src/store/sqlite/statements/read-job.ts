/** `readJob`, `readDead` and `readEndings`. */

import { unreachable } from '../../../host/errors.ts'
import type { AttemptRecord } from '../../../job/job.ts'
import type { DeadPage, DeadRecord, Ending, JobDetails, JobQuery } from '../../store.ts'
import type { Db } from '../connection.ts'
import { decodeAttempt, decodeJob, ENDED_COLUMNS, LIVE_COLUMNS, type AttemptRow, type JobRow } from '../rows.ts'
import { decodeError, decodeForensics, decodeValue } from '../../stored-values.ts'
import { listJobs } from './list-jobs.ts'

// At most one of them has the job, unless an id was used again after its first job had ended: then the live one counts.
const READ_LIVE = `select ${LIVE_COLUMNS} from millrace_job where id = ?`

const READ_DEAD = `select ${ENDED_COLUMNS} from millrace_dead where id = ?`

const READ_HISTORY = `select ${ENDED_COLUMNS} from millrace_history where id = ?`

const READ_ATTEMPTS = `
  select attempt, lease, node, started_at, ended_at, error from millrace_attempt_error where job_id = ? order by seq`

const READ_LOG = 'select lease, line from millrace_job_log where job_id = ? order by seq'

const READ_KNOWN = 'select fingerprint, forensics from millrace_dead where id = ?'

/** See {@link Store.readJob}. */
export function readJob(db: Db, id: string): JobDetails | null {
  const row = readRow(db, id)
  if (row === null) return null
  const dead = row.state === 'failed' ? readKnown(db, id) : null
  return { job: decodeJob(row), attempts: readAttempts(db, row), dead }
}

/** See {@link Store.readDead}. */
export function readDead(db: Db, query: Omit<JobQuery, 'states'>): DeadPage {
  const { jobs, next, searched } = listJobs(db, { ...query, states: ['failed'] })
  return { dead: jobs.map(({ id }) => readJob(db, id)).filter((details) => details !== null), next, searched }
}

function readKnown(db: Db, id: string): DeadRecord | null {
  // The columns of the statement, in a strict table.
  const row = db.prepare(READ_KNOWN).get(id) as
    | { readonly fingerprint: string; readonly forensics: string | null }
    | undefined
  return row === undefined ? null : { fingerprint: row.fingerprint, forensics: decodeForensics(row.forensics) }
}

/** See {@link Store.readEndings}. */
export function readEndings(db: Db, ids: readonly string[]): readonly Ending[] {
  return ids.map((id): Ending => {
    const row = readRow(db, id)
    if (row === null) return { id, state: 'unknown' }
    const error = decodeError(row.error)
    switch (row.state) {
      case 'completed':
        return { id, state: 'completed', result: decodeValue(row.result_codec, row.result), error }
      case 'failed':
      case 'cancelled':
        return { id, state: row.state, error }
      case 'scheduled':
      case 'queued':
      case 'running':
        return { id, state: 'live' }
      default:
        return unreachable(row.state)
    }
  })
}

/** The row of a job, wherever it is. */
export function readRow(db: Db, id: string): JobRow | null {
  const row = db.prepare(READ_LIVE).get(id) ?? db.prepare(READ_DEAD).get(id) ?? db.prepare(READ_HISTORY).get(id)
  // The column lists are those of `JobRow`, and the tables are strict.
  return (row as JobRow | undefined) ?? null
}

function readAttempts(db: Db, job: JobRow): readonly AttemptRecord[] {
  // The columns of the statements, in strict tables.
  const rows = db.prepare(READ_ATTEMPTS).all(job.id) as AttemptRow[]
  const lines = db.prepare(READ_LOG).all(job.id) as { readonly lease: string; readonly line: string }[]
  const logs = new Map<string, string[]>()
  for (const { lease, line } of lines) {
    const log = logs.get(lease)
    if (log === undefined) logs.set(lease, [line])
    else log.push(line)
  }
  const logOf = (lease: string | null): readonly string[] => (lease === null ? [] : (logs.get(lease) ?? []))
  const attempts = rows.map((row) => decodeAttempt(row, logOf(row.lease)))
  // An attempt that runs, or that completed, is written nowhere else than on the job itself.
  if (job.state === 'running' || job.state === 'completed') {
    const error = job.state === 'running' ? null : job.error
    attempts.push(decodeAttempt({ ...job, error }, logOf(job.lease)))
  }
  return attempts
}
