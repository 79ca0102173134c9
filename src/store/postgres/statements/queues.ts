/** Queues: `readQueues`, `changeQueue`. Counts stop at the cap, so that looking costs the same at any depth. */

import { auditedChange } from '../../audit-content.ts'
import { COUNT_CAP, type Order, type QueueChange, type QueueRecord } from '../../store.ts'
import { plainText } from '../../stored-values.ts'
import { textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { NO_UUID, UNDER_LEASE } from '../rows.ts'
import { writeAudit } from './audit.ts'

const SET_PAUSED = `
  insert into /* schema */.queue (name, is_paused) values ($1::text, $2::boolean)
  on conflict (name) do update set is_paused = excluded.is_paused`

const IS_READY = `j.queue = q.name and j.seq is not null and j.lease = '${NO_UUID}'`
const IS_PARKED = 'j.queue = q.name and j.parked is not null'
const IS_SCHEDULED = 'j.queue = q.name and j.seq is null and j.parked is null'

const capped = (condition: string): string =>
  `(select count(*) from (select 1 from /* schema */.job j where ${condition} limit ${COUNT_CAP}) c)`

// Rows written by hand may be in a queue that nobody has told of until they are promoted: the index is jumped through for
// their queues.
const READ_NAMES = `
  with recursive waiting (name) as (
    (select queue from /* schema */.job where seq is null and parked is null order by queue limit 1)
    union all
    select (select queue from /* schema */.job where seq is null and parked is null and queue > waiting.name order by queue limit 1)
    from waiting where waiting.name is not null)
  select queue as name from /* schema */.queue_priority
  union select name from waiting where name is not null
  union select name from /* schema */.queue
  union select unnest(queues) from /* schema */.node where dead_at is null`

// The index of ready jobs is in the order of priorities, so the oldest of each is looked up.
const READ_QUEUES = `
  with held as materialized (
    select l.queue as name, count(*) as running from /* schema */.lease l cross join ${UNDER_LEASE}
    group by l.queue),
  ended as materialized (
    select queue as name, sum(ended)::bigint as ended from /* schema */.rollup
    where second > (select /* schema */.now_ms()) / 1000 - 60 group by queue)
  select q.name, ${capped(IS_READY)}, ${capped(IS_PARKED)},
    ${capped(`${IS_SCHEDULED} and j.due_at <= (select /* schema */.now_ms())`)},
    ${capped(`${IS_SCHEDULED} and j.due_at > (select /* schema */.now_ms())`)},
    coalesce(h.running, 0), coalesce(e.ended, 0), coalesce(s.is_paused, false),
    (select /* schema */.now_ms()) - least(
      (select min((select j.due_at from /* schema */.job j where ${IS_READY} and j.priority = p.priority order by j.seq limit 1))
        from (select priority from /* schema */.queue_priority p where p.queue = q.name union select 0) p),
      (select min(j.due_at) from (select due_at from /* schema */.job j where ${IS_PARKED} limit 1000) j),
      (select min(j.due_at) from /* schema */.job j where ${IS_SCHEDULED})),
    s.name is not null
      or (select true from /* schema */.node n where n.dead_at is null and q.name = any(n.queues) limit 1) is true
      or (select true from /* schema */.dead d where d.queue = q.name limit 1) is true
      or (select true from /* schema */.rollup r where r.queue = q.name limit 1) is true
  from unnest($1::text[]) q (name)
  left join held h on h.name = q.name
  left join ended e on e.name = q.name
  left join /* schema */.queue s on s.name = q.name
  order by q.name collate "C"`

type QueueRow = readonly [
  name: string,
  ready: number,
  parked: number,
  due: number,
  scheduled: number,
  running: number,
  ended: number,
  isPaused: boolean,
  oldestAgeMs: number | null,
  isKnown: boolean,
]

/** See {@link Store.changeQueue}; in a transaction. */
export async function changeQueue(db: Db, queue: string, change: QueueChange, order?: Order): Promise<void> {
  if (change.isPaused !== undefined) await db.query(SET_PAUSED, [plainText(queue), change.isPaused])
  const done = auditedChange(change)
  if (done !== null) await writeAudit(db, order, { ...done, queue })
}

/** See {@link Store.readQueues}. */
export async function readQueues(db: Db): Promise<readonly QueueRecord[]> {
  const names = await db.query(READ_NAMES)
  // The columns of the statement.
  const rows = (await db.query(READ_QUEUES, [
    textArray(names.map(([name]) => String(name))),
  ])) as unknown as readonly QueueRow[]
  return rows.flatMap(([name, ready, parked, due, scheduled, running, ended, isPaused, oldestAgeMs, isKnown]) => {
    const depth = Math.min(ready + parked + due, COUNT_CAP)
    // The name alone may be all that is left of a queue.
    if (!isKnown && depth + scheduled + running + ended === 0) return []
    return [
      {
        name,
        depth,
        scheduled,
        running: Math.min(running, COUNT_CAP),
        oldestAgeMs: oldestAgeMs === null || oldestAgeMs < 0 ? null : oldestAgeMs,
        endedLastMinute: ended,
        isPaused,
      },
    ]
  })
}
