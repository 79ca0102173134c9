/**
 * `takeNotices` and `endNotices`: dead letters that somebody is to be told of. Taking a notice puts its due time off and counts
 * the attempt; whoever ends it must name that attempt, so that one who was too slow changes nothing.
 */

import type { Notice, NoticeEnd, NoticeRequest } from '../../store.ts'
import { wholeNumber } from '../../stored-values.ts'
import { plainArray } from '../array-literal.ts'
import type { Db } from '../database.ts'

// What another node takes at this moment is left to it.
const TAKE = `
  with clock as materialized (select /* schema */.now_ms() as now),
  due as materialized (
    select seq from /* schema */.dead_notice where due_at <= (select now from clock)
    order by due_at, seq limit $2::integer for update skip locked)
  update /* schema */.dead_notice n set attempt = attempt + 1, due_at = (select now from clock) + $1::bigint, node = $3::uuid
  from due where n.seq = due.seq
  returning n.seq, n.job_id, n.died_at, n.attempt`

const END = `
  with e as (select * from unnest($1::bigint[], $2::integer[], $3::bigint[], $4::integer[]) e (seq, attempt, in_ms, uncounted)),
  ended as (
    delete from /* schema */.dead_notice n using e where n.seq = e.seq and n.attempt = e.attempt and e.in_ms is null)
  update /* schema */.dead_notice n set due_at = (select /* schema */.now_ms()) + e.in_ms, attempt = n.attempt - e.uncounted
  from e where n.seq = e.seq and n.attempt = e.attempt and e.in_ms is not null`

const RELEASE = `
  update /* schema */.dead_notice set due_at = (select /* schema */.now_ms())
  where node = $1::uuid and due_at > (select /* schema */.now_ms())`

type NoticeRow = readonly [seq: number, id: string, diedAt: number, attempt: number]

/** See {@link Store.takeNotices}. */
export async function takeNotices(db: Db, { node, limit, holdMs }: NoticeRequest): Promise<readonly Notice[]> {
  // The columns of the statement.
  const rows = (await db.query(TAKE, [wholeNumber(holdMs), limit, node])) as unknown as readonly NoticeRow[]
  return rows.map(([seq, id, diedAt, attempt]) => ({ seq, id, diedAt, attempt })).sort((a, b) => a.seq - b.seq)
}

/** See {@link Store.endNotices}. */
export async function endNotices(db: Db, ends: readonly NoticeEnd[]): Promise<void> {
  if (ends.length === 0) return
  await db.query(END, [
    plainArray(ends.map(({ seq }) => seq)),
    plainArray(ends.map(({ attempt }) => attempt)),
    plainArray(ends.map(({ again }) => (again === null ? null : wholeNumber(again.inMs)))),
    plainArray(ends.map(({ again }) => (again === null || again.isCounted ? 0 : 1))),
  ])
}

/** What a dead node had taken is handed out again. */
export async function releaseNotices(db: Db, node: string): Promise<void> {
  await db.query(RELEASE, [node])
}
