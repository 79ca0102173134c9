/**
 * Makes jobs ready: scheduled ones that are due, and parked ones when a node has come that can run them. Each is given its
 * place behind all that were ready before.
 */

import { textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'

/** At most so many scheduled jobs of a queue are promoted at a time. */
export const PROMOTE_LIMIT = 1_000

/** At most so many parked jobs of a queue are taken back at a time. */
export const UNPARK_LIMIT = 2_000

// The rows are found again by their place (ctid), which the lock holds still, and the limit is no parameter: so the server
// knows how few they are and does not read the whole table for them. Each is given its `seq` in the order of the due times.
// A priority that nobody has told of, because the row was written by hand, becomes known here.
const PROMOTE = `
  with due as materialized (
    select d.place, nextval('/* schema */.job_seq') as seq from (
      select j.place, j.due_at from unnest($1::text[]) q (queue) cross join lateral (
        select j.ctid as place, j.due_at from /* schema */.job j
        where j.queue = q.queue and j.seq is null and j.parked is null and j.due_at <= (select /* schema */.now_ms())
        order by j.due_at limit ${PROMOTE_LIMIT} for update skip locked) j
      order by j.due_at) d),
  promoted as (
    update /* schema */.job j set seq = d.seq from due d where j.ctid = d.place returning j.queue, j.priority),
  level as (
    insert into /* schema */.queue_priority (queue, priority) select distinct queue, priority from promoted
    on conflict do nothing)
  select queue, count(*) from promoted, (select set_config('synchronous_commit', 'off', true) as soft) s
  where s.soft is not null group by queue`

// Name by name, so that a node which knows some of them does not look through the others. A name is asked for as a range in
// order, for which the index alone will do: for an equality the server may hope to meet enough rows early in the table.
const UNPARK = `
  with found as materialized (
    select j.place, nextval('/* schema */.job_seq') as seq from unnest($1::text[]) q (queue) cross join lateral (
      select r.place from unnest($2::text[]) n (name) cross join lateral (
        select j.ctid as place from /* schema */.job j
        where j.queue = q.queue and j.parked = 'no-worker' and j.name >= n.name and j.name <= n.name
        order by j.name limit ${UNPARK_LIMIT} for update skip locked) r
      limit ${UNPARK_LIMIT}) j)
  update /* schema */.job j set parked = null, seq = f.seq from found f where j.ctid = f.place returning j.queue`

/** Promotes due jobs of the queues; answers how many of each. */
export async function promoteJobs(db: Db, queues: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const rows = await db.repeat(PROMOTE, [textArray(queues)])
  // The two columns of the statement.
  return new Map(rows as readonly (readonly [string, number])[])
}

/** Takes parked jobs of the queues back that a node can run; answers how many of each. */
export async function unparkJobs(
  db: Db,
  queues: readonly string[],
  names: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>()
  for (const [queue] of await db.query(UNPARK, [textArray(queues), textArray(names)])) {
    counts.set(String(queue), (counts.get(String(queue)) ?? 0) + 1)
  }
  return counts
}
