/**
 * `pruneJobs`: deletes ended jobs that were kept long enough, old counts, notices that nobody took, nodes that died long ago,
 * what operators did long ago, and leases that nobody holds. No statement deletes more than a bounded number of rows, so that
 * no lock is held for long, and none looks through a table for rows that are not there.
 */

import type { KeepPolicy } from '../../store.ts'
import { plainArray, textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { pruneAudit } from './audit.ts'
import { pruneBreakers } from './breakers.ts'
import { DEAD_NODE_KEPT_MS } from './nodes.ts'

// A queue that has no policy of its own is kept as the policy without a queue says; a null there keeps it for ever.
const POLICIES = `
  policy as materialized (
    select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) p (queue, completed_ms, cancelled_ms, failed_ms)),
  rest as materialized (select * from policy where queue is null limit 1)`

const NOW = 'select /* schema */.now_ms()'

// History lies in the order of its ends, which is what the BRIN index tells apart. Where queues are kept for different times,
// what the longer ones keep lies between what the shorter ones do not: each time is walked by itself, from where it was found
// to be clean. A row that somebody has locked is left for the next time.
const EXPIRED_HISTORY = `
  with ${POLICIES}
  select h.id, h.ctid::text from /* schema */.history h
    left join policy p on p.queue = h.queue left join rest r on p.queue is null
  where h.ended_at > $5::bigint and h.ended_at <= $6::bigint and case h.state
      when 'completed' then coalesce(p.completed_ms, r.completed_ms) else coalesce(p.cancelled_ms, r.cancelled_ms) end = $7::bigint
  limit $8::integer`

// By their places, if they are still those rows: nothing that has just ended is as old.
const REMOVE_HISTORY = `
  delete from /* schema */.history where ctid = any(array(
    select ctid from /* schema */.history where ctid = any($1::tid[]) and id = any($2::uuid[]) and ended_at <= $3::bigint
    for update skip locked))
  returning id`

// Jumps from queue to queue in the index, in as many steps as there are queues with dead letters.
const EXPIRED_DEAD = `
  with recursive ${POLICIES},
  found (queue) as (
    select min(queue) from /* schema */.dead
    union all
    select (select min(d.queue) from /* schema */.dead d where d.queue > f.queue) from found f where f.queue is not null)
  select d.id from found f
    left join policy p on p.queue = f.queue left join rest r on p.queue is null
    cross join lateral (
      select id from /* schema */.dead d
      where d.queue = f.queue and d.ended_at <= $5::bigint - coalesce(p.failed_ms, r.failed_ms)
      order by d.ended_at limit $6::integer) d
  limit $6::integer`

// One that has lived and died again since has another end.
const REMOVE_DEAD = `
  with ${POLICIES}
  delete from /* schema */.dead where id = any(array(
    select d.id from /* schema */.dead d
      left join policy p on p.queue = d.queue left join rest r on p.queue is null
    where d.id = any($5::uuid[]) and d.ended_at <= $6::bigint - coalesce(p.failed_ms, r.failed_ms)
    for update of d skip locked))
  returning id`

const WITHOUT_LIVE = `
  select id from unnest($1::uuid[]) i (id) where not exists (select 1 from /* schema */.job j where j.id = i.id)`

const TRACES = ['attempt_error', 'job_log'].map(
  (table) => `
  with gone as (
    delete from /* schema */.${table} where seq = any(array(
      select seq from /* schema */.${table} where job_id = any($1::uuid[]) limit $2::integer))
    returning 1)
  select count(*)::integer from gone`,
)

const PRUNE_REST = `
  with nodes as (delete from /* schema */.node where dead_at <= (select /* schema */.now_ms()) - $1::bigint),
  listeners as (delete from /* schema */.wake where seen_at <= (select /* schema */.now_ms()) - 60000),
  notices as (
    delete from /* schema */.dead_notice where seq in (
      select seq from /* schema */.dead_notice where died_at <= (select /* schema */.now_ms()) - $3::bigint limit 1000)),
  leases as (
    delete from /* schema */.lease l where l.at < (select /* schema */.now_ms()) - 60000 and not exists (
      select 1 from /* schema */.job j
      where j.queue = l.queue and j.priority = l.priority and j.seq between l.lo_seq and l.hi_seq and j.lease = l.id
      -- A fence: each lease's range is looked up by itself.
      offset 0))
  delete from /* schema */.rollup where (queue, second, node) in (
    select queue, second, node from /* schema */.rollup where second < (select /* schema */.now_ms()) / 1000 - $2::integer limit 5000)`

/** Nodes that are dead or gone and still named by a lease: their claim came through after they had been declared dead. */
const ORPHANED = `
  select distinct l.node, coalesce(n.host, ''), coalesce(n.pid, 0) from /* schema */.lease l left join /* schema */.node n on n.id = l.node
  where (n.id is null or n.dead_at is not null) and l.at < (select /* schema */.now_ms()) - 5000`

/** How many jobs one call deletes, at most. */
const PRUNE_LIMIT = 1_000

/** How many attempts or log lines one statement deletes, at most: one job may have thousands. */
const TRACE_LIMIT = 5_000

/** How long counts are kept, in seconds. */
const ROLLUP_KEPT_S = 60 * 60

/** How long notices wait for somebody who takes them. */
const NOTICE_KEPT_MS = 7 * 24 * 60 * 60 * 1_000

/** What is written late may have ended so much earlier than what was written before it. */
const LATE_MS = 10 * 60 * 1_000

/** What was later still, or was locked, is found when everything is looked at again. */
const WALK_AGAIN_MS = 60 * 60 * 1_000

/** How far history is known to be free of what was kept for a certain time: in memory, so that it is not looked at again. */
export class PruneProgress {
  readonly #clean = new Map<number, number>()
  #since = -Infinity

  /** Before which end there is nothing that is kept for `keepMs`. */
  cleanBefore(keepMs: number, now: number): number {
    if (now < this.#since || now - this.#since > WALK_AGAIN_MS) {
      this.#clean.clear()
      this.#since = now
    }
    return this.#clean.get(keepMs) ?? -1
  }

  /** Everything that was kept for `keepMs` and ended until `until` is gone. */
  note(keepMs: number, until: number): void {
    this.#clean.set(keepMs, until - LATE_MS)
  }
}

/** See {@link Store.pruneJobs}. */
export async function pruneJobs(
  db: Db,
  policies: readonly KeepPolicy[],
  progress: PruneProgress,
): Promise<{ readonly pruned: number; readonly isDone: boolean }> {
  const policy = policyParameters(policies)
  const now = Number((await db.query(NOW))[0]?.[0])
  let pruned = 0
  for (const keepMs of keptTimes(policies)) {
    const [clean, until, limit] = [progress.cleanBefore(keepMs, now), now - keepMs, PRUNE_LIMIT - pruned]
    const rows = await db.query(EXPIRED_HISTORY, [...policy, clean, until, keepMs, limit])
    const ids = rows.map(([id]) => String(id))
    await removeTraces(db, ids)
    const places = textArray(rows.map(([, place]) => String(place)))
    if (ids.length > 0) pruned += (await db.query(REMOVE_HISTORY, [places, plainArray(ids), until])).length
    if (ids.length >= limit) return { pruned, isDone: false }
    progress.note(keepMs, until)
  }
  const limit = PRUNE_LIMIT - pruned
  const dead = (await db.query(EXPIRED_DEAD, [...policy, now, limit])).map(([id]) => String(id))
  await removeTraces(db, dead)
  if (dead.length > 0) pruned += (await db.query(REMOVE_DEAD, [...policy, plainArray(dead), now])).length
  if (dead.length >= limit) return { pruned, isDone: false }
  await pruneAudit(db)
  await pruneBreakers(db)
  await db.query(PRUNE_REST, [DEAD_NODE_KEPT_MS, ROLLUP_KEPT_S, NOTICE_KEPT_MS])
  return { pruned, isDone: true }
}

/** Removes what is kept of jobs' attempts, before the jobs: a crash in between leaves nothing that nobody would find. */
async function removeTraces(db: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  // A live job of the same id keeps what is known of its attempts.
  const gone = plainArray((await db.query(WITHOUT_LIVE, [plainArray(ids)])).map(([id]) => String(id)))
  for (const remove of TRACES) {
    for (let removed = TRACE_LIMIT; removed >= TRACE_LIMIT;) {
      removed = Number((await db.query(remove, [gone, TRACE_LIMIT]))[0]?.[0])
    }
  }
}

/** The nodes of {@link ORPHANED}. */
export async function readOrphanedNodes(
  db: Db,
): Promise<readonly { readonly node: string; readonly host: string; readonly pid: number }[]> {
  const rows = await db.query(ORPHANED)
  return rows.map(([node, host, pid]) => ({ node: String(node), host: String(host), pid: Number(pid) }))
}

/** For how long completed and cancelled jobs are kept, each time once. */
function keptTimes(policies: readonly KeepPolicy[]): readonly number[] {
  const times = policies.flatMap(({ completedMs, cancelledMs }) => [whole(completedMs), whole(cancelledMs)])
  return [...new Set(times)].sort((a, b) => b - a)
}

function whole(ms: number): number {
  return Math.min(Math.max(0, Math.floor(ms)), Number.MAX_SAFE_INTEGER)
}

function policyParameters(policies: readonly KeepPolicy[]): readonly string[] {
  return [
    textArray(policies.map(({ queue }) => queue)),
    plainArray(policies.map(({ completedMs }) => whole(completedMs))),
    plainArray(policies.map(({ cancelledMs }) => whole(cancelledMs))),
    plainArray(policies.map(({ failedMs }) => whole(failedMs))),
  ]
}
