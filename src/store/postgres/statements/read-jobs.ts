/** `readJob` and `readEndings`. */

import { unreachable } from '../../../host/errors.ts'
import { isUuid } from '../../../host/uuid.ts'
import type { AttemptRecord, JobState } from '../../../job/job.ts'
import type { Ending, JobDetails } from '../../store.ts'
import { decodeError, decodeValue } from '../../stored-values.ts'
import { plainArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { decodeAttempt, decodeJob, ENDED_COLUMNS, LIVE_COLUMNS, type AttemptRow, type JobRow } from '../rows.ts'

// At most one table has the job, unless an id was used again after its first job had ended: then the live one counts, and of
// several ended ones the last.
const READ_JOB = `
  select * from (
    select 0 as place, ${LIVE_COLUMNS} from /* schema */.job where id = any($1::uuid[])
    union all select 1 as place, ${ENDED_COLUMNS} from /* schema */.dead where id = any($1::uuid[])
    union all select 2 as place, ${ENDED_COLUMNS} from /* schema */.history where id = any($1::uuid[])) found
  order by place desc, ended_at`

const READ_ATTEMPTS = `
  select attempt, lease, node, started_at, ended_at, error from /* schema */.attempt_error where job_id = $1::uuid order by seq`

const READ_LOG = 'select lease, line from /* schema */.job_log where job_id = $1::uuid order by seq'

/** See {@link Store.readJob}. */
export async function readJob(db: Db, id: string): Promise<JobDetails | null> {
  const row = (await readRows(db, [id])).get(id)
  return row === undefined ? null : { job: decodeJob(row), attempts: await readAttempts(db, row) }
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

async function readAttempts(db: Db, row: JobRow): Promise<readonly AttemptRecord[]> {
  const [id, , , state, , , , , , attempt] = row
  const [lease, node, startedAt, endedAt, error] = [row[14], row[15], row[16], row[17], row[19]]
  // The columns of the statements.
  const rows = (await db.query(READ_ATTEMPTS, [id])) as unknown as readonly AttemptRow[]
  const lines = (await db.query(READ_LOG, [id])) as readonly (readonly [string, string])[]
  const logs = new Map<string, string[]>()
  for (const [of, line] of lines) {
    const log = logs.get(of)
    if (log === undefined) logs.set(of, [line])
    else log.push(line)
  }
  const logOf = (of: string | null): readonly string[] => (of === null ? [] : (logs.get(of) ?? []))
  const attempts = rows.map((one) => decodeAttempt(one, logOf(one[1])))
  // An attempt that runs, or that completed, is written nowhere else than on the job itself.
  if (state === 'running' || state === 'completed') {
    const shown = state === 'running' ? null : error
    attempts.push(decodeAttempt([attempt, lease, node, startedAt, endedAt, shown], logOf(lease)))
  }
  return attempts
}
