/** `readJob`, `readDead` and `readEndings`. */

import { unreachable } from '../../../host/errors.ts'
import { isUuid } from '../../../host/uuid.ts'
import type { AttemptRecord, JobRecord, JobState } from '../../../job/job.ts'
import type { DeadPage, DeadRecord, Ending, JobDetails, JobQuery } from '../../store.ts'
import { decodeError, decodeForensics, decodeValue } from '../../stored-values.ts'
import { plainArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { decodeAttempt, decodeJob, ENDED_COLUMNS, LIVE_COLUMNS, type AttemptRow, type JobRow } from '../rows.ts'
import { listJobs } from './list-jobs.ts'

// At most one table has the job, unless an id was used again after its first job had ended: then the live one counts, and of
// several ended ones the last.
const READ_JOB = `
  select * from (
    select 0 as place, ${LIVE_COLUMNS} from /* schema */.job where id = any($1::uuid[])
    union all select 1 as place, ${ENDED_COLUMNS} from /* schema */.dead where id = any($1::uuid[])
    union all select 2 as place, ${ENDED_COLUMNS} from /* schema */.history where id = any($1::uuid[])) found
  order by place desc, ended_at`

const READ_ATTEMPTS = `
  select job_id, attempt, lease, node, started_at, ended_at, error from /* schema */.attempt_error
  where job_id = any($1::uuid[]) order by seq`

const READ_LOG = 'select job_id, lease, line from /* schema */.job_log where job_id = any($1::uuid[]) order by seq'

const READ_KNOWN = 'select id, fingerprint, forensics from /* schema */.dead where id = any($1::uuid[])'

/** See {@link Store.readJob}. */
export async function readJob(db: Db, id: string): Promise<JobDetails | null> {
  const row = (await readRows(db, [id])).get(id)
  if (row === undefined) return null
  const traces = await readTraces(db, [id])
  const dead = stateOf(row) === 'failed' ? ((await readKnown(db, [id])).get(id) ?? null) : null
  return { job: decodeJob(row), attempts: attemptsOf(row, traces), dead }
}

/** See {@link Store.readDead}. */
export async function readDead(db: Db, query: Omit<JobQuery, 'states'>): Promise<DeadPage> {
  const { jobs, next, searched } = await listJobs(db, { ...query, states: ['failed'] })
  const ids = jobs.map(({ id }) => id)
  const traces = await readTraces(db, ids)
  const known = await readKnown(db, ids)
  const details = (job: JobRecord): JobDetails => ({
    job,
    attempts: traces.attemptsOf(job.id),
    dead: known.get(job.id) ?? null,
  })
  return { dead: jobs.map(details), next, searched }
}

async function readKnown(db: Db, ids: readonly string[]): Promise<ReadonlyMap<string, DeadRecord>> {
  if (ids.length === 0) return new Map()
  // The columns of the statement.
  const rows = (await db.query(READ_KNOWN, [plainArray(ids)])) as unknown as readonly (readonly [
    string,
    string,
    string | null,
  ])[]
  return new Map(
    rows.map(([id, fingerprint, forensics]) => [id, { fingerprint, forensics: decodeForensics(forensics) }]),
  )
}

/** See {@link Store.readEndings}. */
export async function readEndings(db: Db, ids: readonly string[]): Promise<readonly Ending[]> {
  const rows = await readRows(db, ids)
  return ids.map((id): Ending => {
    const row = rows.get(id)
    if (row === undefined) return { id, state: 'unknown' }
    const state = stateOf(row)
    const [result, codec, error] = [row[20], row[21], decodeError(row[19])]
    switch (state) {
      case 'completed':
        return { id, state, result: decodeValue(codec, result), error }
      case 'failed':
      case 'cancelled':
        return { id, state, error }
      case 'scheduled':
      case 'queued':
      case 'running':
        return { id, state: 'live' }
      default:
        return unreachable(state)
    }
  })
}

/** The rows of jobs by id, wherever they are. What is no UUID is no id of a job. */
export async function readRows(db: Db, ids: readonly string[]): Promise<ReadonlyMap<string, JobRow>> {
  const wanted = ids.filter(isUuid)
  if (wanted.length === 0) return new Map()
  const rows = await db.query(READ_JOB, [plainArray(wanted)])
  // The columns of the statement after the first; the row that counts comes last.
  return new Map(rows.map(([, ...row]) => [String(row[0]), row as unknown as JobRow]))
}

/** The state of a row of {@link readRows}. */
export function stateOf(row: JobRow): JobState {
  return row[3]
}

/** What is kept of the attempts of jobs. */
interface Traces {
  /** Those that are written down, oldest first. */
  attemptsOf(id: string): readonly AttemptRecord[]
  /** The lines that an attempt wrote. */
  logOf(id: string, lease: string | null): readonly string[]
}

async function readTraces(db: Db, ids: readonly string[]): Promise<Traces> {
  const logs = new Map<string, string[]>()
  const rows = new Map<string, AttemptRow[]>()
  if (ids.length > 0) {
    // The columns of the statements.
    const attempts = (await db.query(READ_ATTEMPTS, [plainArray(ids)])) as unknown as readonly (readonly [
      string,
      ...AttemptRow,
    ])[]
    for (const [id, ...row] of attempts) add(rows, id, row)
    const lines = (await db.query(READ_LOG, [plainArray(ids)])) as readonly (readonly [string, string, string])[]
    for (const [id, lease, line] of lines) add(logs, `${id} ${lease}`, line)
  }
  const logOf = (id: string, lease: string | null): readonly string[] =>
    lease === null ? [] : (logs.get(`${id} ${lease}`) ?? [])
  const attemptsOf = (id: string): readonly AttemptRecord[] =>
    (rows.get(id) ?? []).map((row) => decodeAttempt(row, logOf(id, row[1])))
  return { attemptsOf, logOf }
}

function add<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

function attemptsOf(row: JobRow, traces: Traces): readonly AttemptRecord[] {
  const [id, , , state, , , , , , attempt] = row
  const [lease, node, startedAt, endedAt, error] = [row[14], row[15], row[16], row[17], row[19]]
  const attempts = traces.attemptsOf(id)
  if (state !== 'running' && state !== 'completed') return attempts
  // An attempt that runs, or that completed, is written nowhere else than on the job itself.
  const shown = state === 'running' ? null : error
  const last = decodeAttempt([attempt, lease, node, startedAt, endedAt, shown], traces.logOf(id, lease))
  return [...attempts, last]
}
