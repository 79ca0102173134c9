/** `pruneJobs`: deletes ended jobs that were kept long enough, old counts, nodes that died long ago, and what operators did long ago. */

import { IDLE_BREAKER_KEPT_MS } from '../../breaker-content.ts'
import type { KeepPolicy } from '../../store.ts'
import type { Db } from '../connection.ts'
import { pruneAudit } from './audit.ts'
import { removeTraces } from './end-job.ts'
import { DEAD_NODE_KEPT_MS } from './register-node.ts'

const PRUNE_HISTORY = `
  delete from millrace_history where rowid in (
    select rowid from millrace_history indexed by millrace_history_ended where queue = ? and state = ? and ended_at <= ? limit ?)
  returning id`

const PRUNE_DEAD = `
  delete from millrace_dead where rowid in (
    select rowid from millrace_dead indexed by millrace_dead_ended where queue = ? and state = ? and ended_at <= ? limit ?)
  returning id`

// Jumps from queue to queue in the two indexes, in as many steps as there are queues.
const ENDED_QUEUES = `
  with recursive
    done (queue) as (
      select min(queue) from millrace_history
      union all
      select (select min(queue) from millrace_history where queue > done.queue) from done where done.queue is not null),
    failed (queue) as (
      select min(queue) from millrace_dead
      union all
      select (select min(queue) from millrace_dead where queue > failed.queue) from failed where failed.queue is not null)
  select queue from (select queue from done union select queue from failed) where queue is not null`

const PRUNE_NODES = 'delete from millrace_node where dead_at <= ?'

const PRUNE_ROLLUP =
  'delete from millrace_rollup where (queue, second) in (select queue, second from millrace_rollup where second < ? limit 5000)'

const PRUNE_BREAKERS = `
  delete from millrace_breaker where (queue, kind, subject) in (
    select queue, kind, subject from millrace_breaker indexed by millrace_breaker_touched
    where touched_at <= ? and state = 'closed' and has_parked = 0 and json_extract(content, '$.mode') = 'auto' limit 1000)`

const IS_LIVE = 'select 1 as found from millrace_job where id = ?'

/** How many jobs one call deletes, at most. */
const PRUNE_LIMIT = 1_000

/** How long counts are kept, in seconds. */
const ROLLUP_KEPT_S = 60 * 60

/** See {@link Store.pruneJobs}. */
export function pruneJobs(
  db: Db,
  policies: readonly KeepPolicy[],
): { readonly pruned: number; readonly isDone: boolean } {
  let pruned = 0
  for (const { queue, policy } of eachQueue(db, policies)) {
    const parts = [
      [PRUNE_HISTORY, 'completed', policy.completedMs],
      [PRUNE_HISTORY, 'cancelled', policy.cancelledMs],
      [PRUNE_DEAD, 'failed', policy.failedMs],
    ] as const
    for (const [sql, state, keepMs] of parts) {
      if (pruned >= PRUNE_LIMIT) return { pruned, isDone: false }
      const until = db.now - Math.max(0, keepMs)
      // The one column of the statements.
      const rows = db.prepare(sql).all(queue, state, until, PRUNE_LIMIT - pruned) as { readonly id: string }[]
      // A live job of the same id keeps what is known of its attempts.
      for (const { id } of rows) if (db.prepare(IS_LIVE).get(id) === undefined) removeTraces(db, id)
      pruned += rows.length
    }
  }
  db.prepare(PRUNE_NODES).run(db.now - DEAD_NODE_KEPT_MS)
  db.prepare(PRUNE_BREAKERS).run(db.now - IDLE_BREAKER_KEPT_MS)
  pruneAudit(db)
  db.prepare(PRUNE_ROLLUP).run(Math.floor(db.now / 1000) - ROLLUP_KEPT_S)
  return { pruned, isDone: pruned < PRUNE_LIMIT }
}

/** The queues that have ended jobs, each with the policy that holds for it. */
function eachQueue(
  db: Db,
  policies: readonly KeepPolicy[],
): readonly { readonly queue: string; readonly policy: KeepPolicy }[] {
  const named = new Map(policies.map((policy) => [policy.queue, policy]))
  const rest = named.get(null)
  // The one column of the statement.
  const queues = db.prepare(ENDED_QUEUES).all() as { readonly queue: string }[]
  return queues.flatMap(({ queue }) => {
    const policy = named.get(queue) ?? rest
    return policy === undefined ? [] : [{ queue, policy }]
  })
}
