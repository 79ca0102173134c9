/**
 * `pruneJobs`: deletes ended jobs that were kept long enough, old counts, notices that nobody took, nodes that died long ago, and
 * what operators did long ago. A call is one transaction, in which others wait: it deletes a bounded number of rows, and says
 * whether there are more.
 */

import { IDLE_BREAKER_KEPT_MS } from '../../breaker-content.ts'
import type { KeepPolicy } from '../../store.ts'
import type { Db } from '../connection.ts'
import { pruneAudit } from './audit.ts'
import { DEAD_NODE_KEPT_MS } from './register-node.ts'

const EXPIRED_HISTORY =
  'select id from millrace_history indexed by millrace_history_ended where queue = ? and state = ? and ended_at <= ? limit ?'

const EXPIRED_DEAD =
  'select id from millrace_dead indexed by millrace_dead_ended where queue = ? and state = ? and ended_at <= ? limit ?'

// By id alone: one that lives again, or has died again since, is not among these, because all of this is one transaction.
const REMOVE_HISTORY = 'delete from millrace_history where id in (select value from json_each(?))'

const REMOVE_DEAD = 'delete from millrace_dead where id in (select value from json_each(?))'

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

const PRUNE_NOTICES =
  'delete from millrace_dead_notice where seq in (select seq from millrace_dead_notice where died_at <= ? limit 1000)'

const IS_LIVE = 'select 1 as found from millrace_job where id = ?'

const TRACES = ['attempt_error', 'job_log'].map(
  (table) =>
    `delete from millrace_${table} where seq in (select seq from millrace_${table} where job_id = ? order by seq limit ?)`,
)

/** How many jobs one call deletes, at most. */
const PRUNE_LIMIT = 1_000

/** How many attempts and log lines one call deletes, at most: one job may have thousands. */
const TRACE_LIMIT = 2_000

/** How long counts are kept, in seconds. */
const ROLLUP_KEPT_S = 60 * 60

/** How long notices wait for somebody who takes them. */
const NOTICE_KEPT_MS = 7 * 24 * 60 * 60 * 1_000

/** See {@link Store.pruneJobs}. */
export function pruneJobs(
  db: Db,
  policies: readonly KeepPolicy[],
): { readonly pruned: number; readonly isDone: boolean } {
  let pruned = 0
  const traces = { left: TRACE_LIMIT }
  for (const { queue, policy } of eachQueue(db, policies)) {
    const parts = [
      [EXPIRED_HISTORY, REMOVE_HISTORY, 'completed', policy.completedMs],
      [EXPIRED_HISTORY, REMOVE_HISTORY, 'cancelled', policy.cancelledMs],
      [EXPIRED_DEAD, REMOVE_DEAD, 'failed', policy.failedMs],
    ] as const
    for (const [expired, remove, state, keepMs] of parts) {
      if (pruned >= PRUNE_LIMIT || traces.left <= 0) return { pruned, isDone: false }
      const until = db.now - Math.max(0, keepMs)
      // The one column of the statements.
      const rows = db.prepare(expired).all(queue, state, until, PRUNE_LIMIT - pruned) as { readonly id: string }[]
      const gone: string[] = []
      for (const { id } of rows) if (removeTraces(db, id, traces)) gone.push(id)
      if (gone.length > 0) db.prepare(remove).run(JSON.stringify(gone))
      pruned += gone.length
    }
  }
  db.prepare(PRUNE_NODES).run(db.now - DEAD_NODE_KEPT_MS)
  db.prepare(PRUNE_BREAKERS).run(db.now - IDLE_BREAKER_KEPT_MS)
  pruneAudit(db)
  db.prepare(PRUNE_ROLLUP).run(Math.floor(db.now / 1000) - ROLLUP_KEPT_S)
  db.prepare(PRUNE_NOTICES).run(db.now - NOTICE_KEPT_MS)
  return { pruned, isDone: pruned < PRUNE_LIMIT && traces.left > 0 }
}

/** Removes what is kept of a job's attempts, as far as the budget goes; answers whether that was all. */
function removeTraces(db: Db, id: string, budget: { left: number }): boolean {
  if (budget.left <= 0) return false
  // A live job of the same id keeps what is known of its attempts.
  if (db.prepare(IS_LIVE).get(id) !== undefined) return true
  for (const remove of TRACES) {
    const { changes } = db.prepare(remove).run(id, budget.left)
    budget.left -= Number(changes)
    if (budget.left <= 0) return false
  }
  return true
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
