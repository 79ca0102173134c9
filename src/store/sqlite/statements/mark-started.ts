/** `markStarted`: jobs whose handlers run, so that a crash charges their attempt. */

import type { FencedAnswer, HeldJob } from '../../store.ts'
import type { Db } from '../connection.ts'

const MARK = `
  update millrace_job set started_at = coalesce(started_at, ?3)
  where id = ?1 and lease = ?2 and state = 'running'`

/** See {@link Store.markStarted}. */
export function markStarted(db: Db, held: readonly HeldJob[]): FencedAnswer {
  const stale: string[] = []
  for (const { id, lease } of held) {
    if (Number(db.prepare(MARK).run(id, lease, db.now).changes) === 0) stale.push(id)
  }
  return { stale }
}
