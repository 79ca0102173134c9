/** Queues: `readQueues`, `readBacklogs`, `changeQueue`. Counts stop at the cap, so that looking costs the same at any depth. */

import { auditedChange } from '../../audit-content.ts'
import { BACKLOG_CAP, COUNT_CAP, type Backlog, type Order, type QueueChange, type QueueRecord } from '../../store.ts'
import { plainText } from '../../stored-values.ts'
import { textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { NO_UUID, UNDER_LEASE } from '../rows.ts'
import { writeAudit } from './audit.ts'

const SET_PAUSED = `
  insert into /* schema */.queue (name, is_paused) values ($1::text, $2::boolean)
  on conflict (name) do update set is_paused = excluded.is_paused`

const SET_SCALE = `
  insert into /* schema */.queue (name, scale_min, scale_max) values ($1::text, $2::integer, $3::integer)
  on conflict (name) do update set scale_min = excluded.scale_min, scale_max = excluded.scale_max`

const IS_READY = `j.queue = q.name and j.seq is not null and j.lease = '${NO_UUID}'`
const IS_PARKED = 'j.queue = q.name and j.parked is not null'
const IS_SCHEDULED = 'j.queue = q.name and j.seq is null and j.parked is null'

const capped = (condition: string, most: number = COUNT_CAP): string =>
  `(select count(*) from (select 1 from /* schema */.job j where ${condition} limit ${most}) c)`

// The index of ready jobs is in the order of priorities, so the oldest of each is looked up.
const OLDEST_READY = `
  (select min((select j.due_at from /* schema */.job j where ${IS_READY} and j.priority = p.priority order by j.seq limit 1))
    from (select priority from /* schema */.queue_priority p where p.queue = q.name union select 0) p)`
const OLDEST_SCHEDULED = `(select min(j.due_at) from /* schema */.job j where ${IS_SCHEDULED})`
const IS_DUE = `${IS_SCHEDULED} and j.due_at <= (select /* schema */.now_ms())`

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

const READ_QUEUES = `
  with held as materialized (
    select l.queue as name, count(*) as running from /* schema */.lease l cross join ${UNDER_LEASE}
    group by l.queue),
  ended as materialized (
    select queue as name, sum(ended)::bigint as ended from /* schema */.rollup
    where second > (select /* schema */.now_ms()) / 1000 - 60 group by queue)
  select q.name, ${capped(IS_READY)}, ${capped(IS_PARKED)},
    ${capped(IS_DUE)},
    ${capped(`${IS_SCHEDULED} and j.due_at > (select /* schema */.now_ms())`)},
    coalesce(h.running, 0), coalesce(e.ended, 0), coalesce(s.is_paused, false),
    (select /* schema */.now_ms()) - least(${OLDEST_READY},
      (select min(j.due_at) from (select due_at from /* schema */.job j where ${IS_PARKED} limit 1000) j),
      ${OLDEST_SCHEDULED}),
    s.name is not null
      or (select true from /* schema */.node n where n.dead_at is null and q.name = any(n.queues) limit 1) is true
      or (select true from /* schema */.dead d where d.queue = q.name limit 1) is true
      or (select true from /* schema */.rollup r where r.queue = q.name limit 1) is true,
    s.scale_min, s.scale_max
  from unnest($1::text[]) q (name)
  left join held h on h.name = q.name
  left join ended e on e.name = q.name
  left join /* schema */.queue s on s.name = q.name
  order by q.name collate "C"`

const READ_BACKLOGS = `
  select ${capped(IS_READY, BACKLOG_CAP)} + ${capped(IS_DUE, BACKLOG_CAP)},
    (select /* schema */.now_ms()) - least(${OLDEST_READY}, ${OLDEST_SCHEDULED})
  from unnest($1::text[]) with ordinality q (name, place) order by q.place`

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
  scaleMin: number | null,
  scaleMax: number | null,
]

/** See {@link Store.changeQueue}; in a transaction. */
export async function changeQueue(db: Db, queue: string, change: QueueChange, order?: Order): Promise<void> {
  if (change.isPaused !== undefined) await db.query(SET_PAUSED, [plainText(queue), change.isPaused])
  if (change.scale !== undefined) {
    await db.query(SET_SCALE, [plainText(queue), change.scale?.min ?? null, change.scale?.max ?? null])
  }
  const done = auditedChange(change)
  if (done !== null) await writeAudit(db, order, { ...done, queue })
}

/** See {@link Store.readBacklogs}. */
export async function readBacklogs(db: Db, queues: readonly string[]): Promise<readonly Backlog[]> {
  const rows = await db.query(READ_BACKLOGS, [textArray(queues.map(plainText))])
  return rows.map((row) => {
    // The columns of the statement.
    const [depth, oldestAgeMs] = row as readonly [number, number | null]
    // What is scheduled for later has an age below 0.
    return {
      depth: Math.min(depth, BACKLOG_CAP),
      oldestAgeMs: depth === 0 || oldestAgeMs === null ? null : oldestAgeMs,
    }
  })
}

/** See {@link Store.readQueues}. */
export async function readQueues(db: Db): Promise<readonly QueueRecord[]> {
  const names = await db.query(READ_NAMES)
  // The columns of the statement.
  const rows = (await db.query(READ_QUEUES, [
    textArray(names.map(([name]) => String(name))),
  ])) as unknown as readonly QueueRow[]
  return rows.flatMap((row) => {
    const [name, ready, parked, due, scheduled, running, ended, isPaused, oldestAgeMs, isKnown, min, max] = row
    const depth = Math.min(ready + parked + due, COUNT_CAP)
    // The name alone may be all that is left of a queue.
    if (!isKnown && depth + scheduled + running + ended === 0) return []
    return [
      {
        name,
        depth,
        parked: Math.min(parked, COUNT_CAP),
        scheduled,
        running: Math.min(running, COUNT_CAP),
        oldestAgeMs: oldestAgeMs === null || oldestAgeMs < 0 ? null : oldestAgeMs,
        endedLastMinute: ended,
        isPaused,
        scale: min === null || max === null ? null : { min, max },
      },
    ]
  })
}
