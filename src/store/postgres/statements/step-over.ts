/** Looks past ready rows that a node cannot run, and takes those out of the ready index that nobody can. */

import { plainArray, textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import type { Met } from './claim-jobs.ts'

const READ_PLACES = `
  select j.priority, j.seq, j.name, j.key
  from (
    select p.priority, coalesce(c.seq, 0) as after
    from (select priority from /* schema */.queue_priority where queue = $1::text union select 0::smallint) p
    left join unnest($2::smallint[], $3::bigint[]) c (priority, seq) on c.priority = p.priority
    order by p.priority) l
  cross join lateral (
    select j.priority, j.seq, j.name, j.key from /* schema */.job j
    where j.queue = $1 and j.priority = l.priority and j.seq > l.after and j.lease = '00000000-0000-0000-0000-000000000000'
    order by j.seq limit $4::integer) j
  order by j.priority, j.seq limit $4`

// A row is parked only while no live node that serves its queue knows its name.
const PARK = `
  update /* schema */.job j set seq = null, parked = 'no-worker'
  from unnest($1::text[], $2::smallint[], $3::bigint[]) p (queue, priority, seq)
  where j.queue = p.queue and j.priority = p.priority and j.seq = p.seq and j.lease = '00000000-0000-0000-0000-000000000000'
    and not exists (
      select 1 from /* schema */.node n where n.dead_at is null and j.queue = any(n.queues) and j.name = any(n.names))
  returning j.queue`

/** How many rows one step looks at. */
export const STEP_LIMIT = 2_000

/** The next ready rows of a queue behind these places, which are given by priority; at most {@link STEP_LIMIT}. */
export async function readPlaces(db: Db, queue: string, behind: ReadonlyMap<number, number>): Promise<readonly Met[]> {
  const rows = await db.query(READ_PLACES, [
    queue,
    plainArray([...behind.keys()]),
    plainArray([...behind.values()]),
    STEP_LIMIT,
  ])
  // The columns of the statement.
  return (rows as readonly (readonly [number, number, string, string | null])[]).map(([priority, seq, name, key]) => ({
    queue,
    priority,
    seq,
    name,
    key,
  }))
}

/** Parks the rows at these places, unless somebody alive can run them. */
export async function parkJobs(
  db: Db,
  places: readonly { readonly queue: string; readonly priority: number; readonly seq: number }[],
): Promise<void> {
  await db.query(PARK, [
    textArray(places.map(({ queue }) => queue)),
    plainArray(places.map(({ priority }) => priority)),
    plainArray(places.map(({ seq }) => seq)),
  ])
}
