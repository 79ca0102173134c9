/**
 * `readErrorGroups`: errors that are alike, counted from an index. It jumps from group to group, and counts no further than
 * the cap, so it costs what the groups cost, however many errors there are.
 */

import { COUNT_CAP, GROUPS_CAP, type ErrorGroupQuery, type ErrorGroupRecord } from '../../store.ts'
import { decodeError, plainTextOrNull } from '../../stored-values.ts'
import type { Db } from '../database.ts'

// $1 a job name or null, $2 for how long back or null. The order is that of the index.
const groupsOf = (table: string, id: string): string => {
  const pair = 'name collate "C" as name, fingerprint collate "C" as fingerprint'
  const place = '(name collate "C", fingerprint collate "C")'
  const order = 'order by name collate "C", fingerprint collate "C"'
  const within = `from /* schema */.${table} e
    where e.name collate "C" = g.name and e.fingerprint collate "C" = g.fingerprint and e.fingerprint is not null and e.ended_at >= s.since`
  return `
  with recursive pair as (
    (select ${pair}, 1 as number from /* schema */.${table}
      where ${place} >= (coalesce($1::text, ''), '') and fingerprint is not null ${order} limit 1)
    union all
    (select n.name, n.fingerprint, p.number + 1 from pair p cross join lateral (
        select ${pair} from /* schema */.${table}
        where ${place} > (p.name, p.fingerprint) and fingerprint is not null ${order} limit 1) n
      where p.number < ${GROUPS_CAP} and ($1 is null or n.name = $1))),
  s as materialized (select coalesce((select /* schema */.now_ms()) - $2::bigint, 0) as since)
  select g.name, g.fingerprint, c.count, f.ended_at, l.ended_at, l.error, l.id
  from pair g cross join s
  cross join lateral (select e.ended_at, e.error, e.${id} as id ${within} order by e.ended_at desc limit 1) l
  cross join lateral (select e.ended_at ${within} order by e.ended_at limit 1) f
  cross join lateral (select count(*)::integer as count from (select 1 ${within} limit ${COUNT_CAP}) counted) c
  where $1 is null or g.name = $1
  order by l.ended_at desc`
}

const GROUPS: Readonly<Record<ErrorGroupQuery['of'], string>> = {
  dead: groupsOf('dead', 'id'),
  attempts: groupsOf('attempt_error', 'job_id'),
}

type GroupRow = readonly [
  name: string,
  fingerprint: string,
  count: number,
  firstAt: number,
  lastAt: number,
  error: string | null,
  lastId: string,
]

/** See {@link Store.readErrorGroups}. */
export async function readErrorGroups(
  db: Db,
  { of, name, sinceMs }: ErrorGroupQuery,
): Promise<readonly ErrorGroupRecord[]> {
  const since = sinceMs === undefined ? null : Math.max(0, Math.floor(sinceMs))
  // The columns of the statement.
  const rows = (await db.query(GROUPS[of], [plainTextOrNull(name ?? null), since])) as unknown as readonly GroupRow[]
  return rows.map(([job, fingerprint, count, firstAt, lastAt, error, lastId]) => ({
    name: job,
    fingerprint,
    count,
    firstAt,
    lastAt,
    error: decodeError(error),
    lastId,
  }))
}
