/**
 * `takeNotices` and `endNotices`: dead letters that somebody is to be told of. Taking a notice puts its due time off and counts
 * the attempt; whoever ends it must name that attempt, so that one who was too slow changes nothing.
 */

import type { Notice, NoticeEnd, NoticeRequest } from '../../store.ts'
import { wholeNumber } from '../../stored-values.ts'
import type { Db } from '../connection.ts'

const TAKE = `
  update millrace_dead_notice set attempt = attempt + 1, due_at = ?2, node = ?4
  where seq in (select seq from millrace_dead_notice where due_at <= ?1 order by due_at, seq limit ?3)
  returning seq, job_id, died_at, attempt`

const PUT_OFF = 'update millrace_dead_notice set due_at = ?3, attempt = attempt - ?4 where seq = ?1 and attempt = ?2'

const END = 'delete from millrace_dead_notice where seq = ? and attempt = ?'

const RELEASE = 'update millrace_dead_notice set due_at = ?2 where node = ?1 and due_at > ?2'

interface NoticeRow {
  readonly seq: number
  readonly job_id: string
  readonly died_at: number
  readonly attempt: number
}

/** See {@link Store.takeNotices}. */
export function takeNotices(db: Db, { node, limit, holdMs }: NoticeRequest): readonly Notice[] {
  // The columns of the statement, in a strict table.
  const rows = db.prepare(TAKE).all(db.now, wholeNumber(db.now + holdMs), limit, node) as NoticeRow[]
  return rows
    .sort((a, b) => a.seq - b.seq)
    .map(({ seq, job_id: id, died_at: diedAt, attempt }) => ({ seq, id, diedAt, attempt }))
}

/** See {@link Store.endNotices}. */
export function endNotices(db: Db, ends: readonly NoticeEnd[]): void {
  for (const { seq, attempt, again } of ends) {
    if (again === null) db.prepare(END).run(seq, attempt)
    else db.prepare(PUT_OFF).run(seq, attempt, wholeNumber(db.now + again.inMs), again.isCounted ? 0 : 1)
  }
}

/** What a dead node had taken is handed out again. */
export function releaseNotices(db: Db, node: string): void {
  db.prepare(RELEASE).run(node, db.now)
}
