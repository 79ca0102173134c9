/** Writes about jobs that a node holds: `markStarted`, `recordProgress`, `giveBackJobs`; and which jobs those are. */

import type { FencedAnswer, HeldJob, ProgressNote } from '../../store.ts'
import { plainArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { NO_UUID, UNDER_LEASE } from '../rows.ts'
import {
  CANCELLED_BY_OPERATOR,
  countEnded,
  dropLeases,
  moveToCancelled,
  raiseGeneration,
  recordAttempts,
  withLogs,
  writeLogs,
  type EndedAttempt,
  type EndedJob,
} from './end-jobs.ts'

const MARK = `
  update /* schema */.job j set started_at = case j.started_at when 0 then (select /* schema */.now_ms()) else j.started_at end
  from unnest($1::uuid[], $2::uuid[]) h (id, lease) where j.id = h.id and j.lease = h.lease returning j.id`

const SET_PROGRESS = `
  update /* schema */.job j set progress = coalesce(h.progress, j.progress)
  from unnest($1::uuid[], $2::uuid[], $3::double precision[]) h (id, lease, progress)
  where j.id = h.id and j.lease = h.lease returning j.id`

const READ_HELD = `
  select j.id, j.lease, j.queue, j.attempt, j.started_at, j.cancel_requested, (select /* schema */.now_ms())
  from unnest($1::uuid[], $2::uuid[]) h (id, lease) join /* schema */.job j on j.id = h.id and j.lease = h.lease
  for update of j`

// The place in the ready index stays. The lease goes, so that a late write about this claim is stale, and so does the one
// that was acked before: since the claim its ack is not known again.
const GIVE_BACK = `
  update /* schema */.job set attempt = greatest(0, attempt - 1), lease = '${NO_UUID}', last_lease = '${NO_UUID}', claimed_at = 0,
    started_at = 0, progress = null
  where id = any($1::uuid[])`

const HELD_BY_NODE = `
  select j.id, j.lease from /* schema */.lease l cross join ${UNDER_LEASE}
  where l.node = $1::uuid`

const LEASES_OF_NODE = 'select distinct id from /* schema */.lease where node = $1::uuid'

/** See {@link Store.markStarted}. */
export async function markStarted(db: Db, held: readonly HeldJob[]): Promise<FencedAnswer> {
  return staleOf(held, await db.query(MARK, heldParameters(held)))
}

/** See {@link Store.recordProgress}. */
export async function recordProgress(db: Db, notes: readonly ProgressNote[]): Promise<FencedAnswer> {
  const rows = await db.query(SET_PROGRESS, [
    ...heldParameters(notes),
    plainArray(notes.map(({ progress }) => progress)),
  ])
  const answer = staleOf(notes, rows)
  const stale = new Set(answer.stale)
  await writeLogs(
    db,
    notes.filter(({ id }) => !stale.has(id)),
  )
  return answer
}

type HeldRow = readonly [
  id: string,
  lease: string,
  queue: string,
  attempt: number,
  startedAt: number,
  isCancelRequested: boolean,
  now: number,
]

/** See {@link Store.giveBackJobs}. */
export async function giveBackJobs(
  db: Db,
  held: readonly HeldJob[],
  context: { readonly node: string | null; readonly endedLeases: readonly string[] },
): Promise<FencedAnswer> {
  const rows = await db.query(READ_HELD, heldParameters(held))
  const logged = await withLogs(db, held)
  const attempts: EndedAttempt[] = []
  const cancelled: EndedJob[] = []
  const returned: string[] = []
  // The columns of the statement.
  for (const [id, lease, queue, attempt, startedAt, isCancelRequested, now] of rows as unknown as readonly HeldRow[]) {
    const { node } = context
    if (logged.has(id))
      attempts.push({ id, attempt, lease, node, startedAt, endedAt: now, error: null, isFailure: false })
    if (isCancelRequested) {
      const parts = { lease: null, node: null, crashes: null, startedAt: null, progress: null }
      cancelled.push({ id, queue, endedAt: now, error: CANCELLED_BY_OPERATOR, ...parts })
    } else {
      returned.push(id)
    }
  }
  await recordAttempts(db, attempts)
  await moveToCancelled(db, cancelled)
  await countEnded(db, cancelled, context.node)
  if (returned.length > 0) {
    await db.query(GIVE_BACK, [plainArray(returned)])
    await raiseGeneration(db)
  }
  await dropLeases(db, context.endedLeases)
  return staleOf(held, rows)
}

/** The jobs that a node holds. */
export async function readHeld(db: Db, node: string): Promise<readonly HeldJob[]> {
  return (await db.query(HELD_BY_NODE, [node])).map(([id, lease]) => ({ id: String(id), lease: String(lease) }))
}

/** The leases of a node. */
export async function readLeases(db: Db, node: string): Promise<readonly string[]> {
  return (await db.query(LEASES_OF_NODE, [node])).map(([id]) => String(id))
}

function heldParameters(held: readonly HeldJob[]): readonly string[] {
  return [plainArray(held.map(({ id }) => id)), plainArray(held.map(({ lease }) => lease))]
}

/** Those that no row was answered for. */
function staleOf(held: readonly HeldJob[], rows: readonly (readonly unknown[])[]): FencedAnswer {
  const found = new Set(rows.map(([id]) => id))
  return { stale: held.flatMap(({ id }) => (found.has(id) ? [] : [id])) }
}
