/**
 * `pruneJobs`: deletes ended jobs that were kept long enough, old counts, nodes that died long ago, what operators did long
 * ago, and leases that nobody holds. Small deletes, so that no lock is held for long.
 */

import type { KeepPolicy } from '../../store.ts'
import { plainArray, textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { pruneAudit } from './audit.ts'
import { pruneBreakers } from './breakers.ts'
import { removeTraces } from './end-jobs.ts'
import { DEAD_NODE_KEPT_MS } from './nodes.ts'

// A queue that has no policy of its own is kept as the policy without a queue says; a null there keeps it for ever.
const KEPT = `
  with policy as materialized (
    select * from unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) p (queue, completed_ms, cancelled_ms, failed_ms)),
  rest as materialized (select * from policy where queue is null limit 1),
  clock as materialized (select /* schema */.now_ms() as now)`

// History lies in the order of its ends, which is what the BRIN index tells apart; the shortest time kept bounds the look.
// A row that somebody has locked is left for the next time.
const PRUNE_HISTORY = `
  ${KEPT}
  delete from /* schema */.history h where h.ctid = any(array(
    select h.ctid from /* schema */.history h
      left join policy p on p.queue = h.queue left join rest r on p.queue is null
    where h.ended_at <= (select now from clock)
        - (select min(least(completed_ms, cancelled_ms)) from policy)
      and h.ended_at <= (select now from clock) - case h.state
        when 'completed' then coalesce(p.completed_ms, r.completed_ms) else coalesce(p.cancelled_ms, r.cancelled_ms) end
    limit $5::integer for update of h skip locked))
  returning h.id`

const PRUNE_DEAD = `
  ${KEPT}
  delete from /* schema */.dead d where d.id = any(array(
    select d.id from /* schema */.dead d
      left join policy p on p.queue = d.queue left join rest r on p.queue is null
    where d.ended_at <= (select now from clock) - coalesce(p.failed_ms, r.failed_ms)
    limit $5::integer for update of d skip locked))
  returning d.id`

const WITHOUT_LIVE = `
  select id from unnest($1::uuid[]) i (id) where not exists (select 1 from /* schema */.job j where j.id = i.id)`

const PRUNE_REST = `
  with nodes as (delete from /* schema */.node where dead_at <= (select /* schema */.now_ms()) - $1::bigint),
  listeners as (delete from /* schema */.wake where seen_at <= (select /* schema */.now_ms()) - 60000),
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

/** How long counts are kept, in seconds. */
const ROLLUP_KEPT_S = 60 * 60

/** See {@link Store.pruneJobs}. */
export async function pruneJobs(
  db: Db,
  policies: readonly KeepPolicy[],
): Promise<{ readonly pruned: number; readonly isDone: boolean }> {
  const policy = policyParameters(policies)
  let pruned = 0
  for (const statement of policies.length === 0 ? [] : [PRUNE_HISTORY, PRUNE_DEAD]) {
    const rows = await db.query(statement, [...policy, PRUNE_LIMIT - pruned])
    pruned += rows.length
    // A live job of the same id keeps what is known of its attempts.
    const gone = rows.length === 0 ? [] : await db.query(WITHOUT_LIVE, [plainArray(rows.map(([id]) => String(id)))])
    await removeTraces(
      db,
      gone.map(([id]) => String(id)),
    )
    if (pruned >= PRUNE_LIMIT) return { pruned, isDone: false }
  }
  await pruneAudit(db)
  await pruneBreakers(db)
  await db.query(PRUNE_REST, [DEAD_NODE_KEPT_MS, ROLLUP_KEPT_S])
  return { pruned, isDone: true }
}

/** The nodes of {@link ORPHANED}. */
export async function readOrphanedNodes(
  db: Db,
): Promise<readonly { readonly node: string; readonly host: string; readonly pid: number }[]> {
  const rows = await db.query(ORPHANED)
  return rows.map(([node, host, pid]) => ({ node: String(node), host: String(host), pid: Number(pid) }))
}

function policyParameters(policies: readonly KeepPolicy[]): readonly string[] {
  const whole = (ms: number): number => Math.min(Math.max(0, Math.floor(ms)), Number.MAX_SAFE_INTEGER)
  return [
    textArray(policies.map(({ queue }) => queue)),
    plainArray(policies.map(({ completedMs }) => whole(completedMs))),
    plainArray(policies.map(({ cancelledMs }) => whole(cancelledMs))),
    plainArray(policies.map(({ failedMs }) => whole(failedMs))),
  ]
}
