/** What operators do to jobs: `retryJobs`, `cancelJobs`, `deleteJobs`. */

import { isUuid } from '../../../host/uuid.ts'
import { JOB_STATES, type JobState } from '../../../job/job.ts'
import type { Chosen } from '../../bulk-target.ts'
import type { BulkAnswer, JobFilter, JobTarget, RetrySpread } from '../../store.ts'
import { plainArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { NO_UUID, type JobRow } from '../rows.ts'
import { CANCELLED_BY_OPERATOR, CARRIED_COLUMNS, countEnded, moveToCancelled, removeWithTraces } from './end-jobs.ts'
import { listJobs } from './list-jobs.ts'
import { readRows, stateOf } from './read-jobs.ts'

// Its place is behind all that are ready, as if it were new. Ties of the old order are kept.
// Its priority may be known to nobody yet: one written by hand may have been cancelled before it was ready.
const RETRY = `
  with dead as (delete from /* schema */.dead where id = any($1::uuid[]) returning ${CARRIED_COLUMNS}),
  cancelled as (
    delete from /* schema */.history where id = any($1::uuid[]) and state = 'cancelled' returning ${CARRIED_COLUMNS}),
  back as (select distinct on (id) * from (select * from dead union all select * from cancelled) b),
  level as (
    insert into /* schema */.queue_priority (queue, priority) select distinct queue, priority from back on conflict do nothing)
  insert into /* schema */.job (${CARRIED_COLUMNS}, due_at, seq, has_traces)
  select ${CARRIED_COLUMNS}, (select /* schema */.now_ms()) + later,
    -- What is due later has no place among the ready ones yet.
    case when later = 0 then nextval('/* schema */.job_seq') end, true
  from (
    select *, floor($2::double precision + $3::double precision * (row_number() over (order by created_at, id) - 1))::bigint as later
    from back order by created_at, id) b
  on conflict (id) do nothing
  returning id`

// A claim that has the row locked is waited for, and the row then seen as running.
const LOCK_WAITING = `
  select id from /* schema */.job where id = any($1::uuid[]) and lease = '${NO_UUID}' order by id for update`

const ASK_TO_STOP = `
  update /* schema */.job set cancel_requested = true where id = any($1::uuid[]) and lease <> '${NO_UUID}' returning id`

const NOW = 'select /* schema */.now_ms()'

const REMOVE_ENDED = `
  with dead as (delete from /* schema */.dead where id = any($1::uuid[]))
  delete from /* schema */.history where id = any($1::uuid[])`

/**
 * Named jobs as they are; for a filter the newest `limit` that match and are in one of `states`. A running job whose stop was
 * asked for already has nothing left to change.
 */
export async function chooseJobs(db: Db, target: JobTarget, states: readonly JobState[]): Promise<Chosen> {
  if ('ids' in target) return { ids: target.ids, isNamed: true, next: null }
  const wanted = new Set(target.filter.states ?? JOB_STATES)
  const filter: JobFilter = { ...target.filter, states: states.filter((state) => wanted.has(state)) }
  const ids: string[] = []
  let { after } = target
  for (;;) {
    // One more than asked tells whether there are more.
    const limit = target.limit + 1 - ids.length
    const page = await listJobs(db, { ...filter, limit, after, searchLimit: 0 })
    for (const job of page.jobs) if (!job.isCancelRequested) ids.push(job.id)
    if (ids.length > target.limit) {
      const chosen = ids.slice(0, target.limit)
      return { ids: chosen, isNamed: false, next: chosen.at(-1) ?? null }
    }
    if (page.next === null) return { ids, isNamed: false, next: null }
    after = page.next
  }
}

/** See {@link Store.retryJobs}. */
export async function retryJobs(db: Db, chosen: Chosen, { dueInMs, stepMs }: RetrySpread): Promise<BulkAnswer> {
  const changed = await db.query(RETRY, [ids(chosen), Math.max(0, dueInMs), Math.max(0, stepMs)])
  return answer(db, chosen, changed)
}

/** See {@link Store.cancelJobs}. Waiting jobs end at once; a running one is asked to stop, and its node learns it. */
export async function cancelJobs(db: Db, chosen: Chosen): Promise<BulkAnswer> {
  const waiting = await db.query(LOCK_WAITING, [ids(chosen)])
  const rows = await readRows(
    db,
    waiting.map(([id]) => String(id)),
  )
  const endedAt = Number((await db.query(NOW))[0]?.[0])
  const cancelled = [...rows.values()].map((row) => ({
    id: row[0],
    queue: row[2],
    // The lease of an ended attempt goes along: its ack, if it comes again, is still known.
    lease: row[14],
    node: null,
    crashes: null,
    startedAt: null,
    endedAt,
    progress: null,
    error: CANCELLED_BY_OPERATOR,
  }))
  await moveToCancelled(db, cancelled)
  await countEnded(db, cancelled, null)
  const asked = await db.query(ASK_TO_STOP, [ids(chosen)])
  return answer(db, chosen, [...waiting, ...asked])
}

/** See {@link Store.deleteJobs}. */
export async function deleteJobs(db: Db, chosen: Chosen): Promise<BulkAnswer> {
  const waiting = await db.query(LOCK_WAITING, [ids(chosen)])
  const rows = await readRows(db, chosen.ids)
  const gone = new Set(waiting.map(([id]) => String(id)))
  for (const [id, row] of rows) if (isEnded(row)) gone.add(id)
  await removeWithTraces(db, [...gone])
  await db.query(REMOVE_ENDED, [plainArray([...gone])])
  return answer(
    db,
    chosen,
    [...gone].map((id) => [id]),
    rows,
  )
}

function isEnded(row: JobRow): boolean {
  const state = stateOf(row)
  return state === 'completed' || state === 'failed' || state === 'cancelled'
}

/** What was not changed is named with its state, when it was named. */
async function answer(
  db: Db,
  chosen: Chosen,
  rows: readonly (readonly unknown[])[],
  known?: ReadonlyMap<string, JobRow>,
): Promise<BulkAnswer> {
  const done = new Set(rows.map(([id]) => id))
  const changed = chosen.ids.filter((id) => done.has(id))
  const left = chosen.isNamed ? chosen.ids.filter((id) => !done.has(id)) : []
  const states = left.length === 0 ? new Map<string, JobRow>() : (known ?? (await readRows(db, left)))
  const skipped = left.map((id): BulkAnswer['skipped'][number] => {
    const row = states.get(id)
    return { id, reason: row === undefined ? 'unknown' : stateOf(row) }
  })
  return { changed, skipped, next: chosen.next }
}

function ids(chosen: Chosen): string {
  return plainArray(chosen.ids.filter(isUuid))
}
