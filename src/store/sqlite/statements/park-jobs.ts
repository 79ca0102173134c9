/** Takes parked jobs back into the ready index when a node has come that can run them. */

import type { Db } from '../connection.ts'
import type { NodeNames } from '../node-names.ts'

const UNPARK = `
  update millrace_job set parked = null where seq in (
    select seq from millrace_job indexed by millrace_job_parked
    where parked = 'no-worker' and queue = ?1 and name in (select value from json_each(?2)) limit ?3)`

/** So many at a time, because a claim must stay short however many are parked. */
const UNPARK_LIMIT = 2_000

/**
 * Unparks some jobs of the queue that the node can run, when it has not yet unparked them all. Answers whether more may be
 * parked.
 */
export function unparkSome(db: Db, names: NodeNames, node: string, queue: string): boolean {
  if (!names.isUnparking(node, queue)) return false
  const own = names.of(db, node)
  if (own === null) return false
  const { changes } = db.prepare(UNPARK).run(queue, JSON.stringify([...own]), UNPARK_LIMIT)
  const isMore = Number(changes) === UNPARK_LIMIT
  if (!isMore) names.hasUnparked(node, queue)
  return isMore
}
