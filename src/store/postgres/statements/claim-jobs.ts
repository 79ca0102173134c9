/**
 * `claimJobs`: takes ready jobs of all asked queues in one statement.
 *
 *     want ─▶ level ─▶ picked ─▶ claimed ─▶ held      queues asked for and not paused, the priorities of each in order, the
 *                        │                            rows locked there, the rows stamped with the lease, the lease's own rows
 *                        └─▶ foreign                  rows that this node cannot run: stepped over, or parked by the caller
 *
 * What open breakers keep back counts as foreign, too; there is a statement of its own for it, so that nobody pays while none is
 * open. A claim is made only while the node knows which are open: it says under which number it knows them.
 *
 * The statement commits without waiting for the disk: a crash of the server may take a claim back, and the job is claimed
 * again under another random lease.
 */

import { assert } from '../../../host/errors.ts'
import type { BreakerId } from '../../../job/breaker.ts'
import type { ClaimedJob, ErrorRecord } from '../../../job/job.ts'
import { PARKED_BY } from '../../stored-values.ts'
import { plainArray, textArray } from '../array-literal.ts'
import type { ClaimStart } from '../claim-cursors.ts'
import type { Db } from '../database.ts'
import { decodeClaimed, NO_UUID, type ClaimRow } from '../rows.ts'

// What hardly any job has is one column, which is mostly null: each column costs, here and where it is read.
const CLAIMED_COLUMNS = `j.seq, j.ctid, j.id, j.name, j.args, j.args_codec, j.attempt, j.max_attempts, j.created_at, j.due_at,
  case when j.crashes <> 0 or j.backoff is not null or j.timeout_ms is not null or j.key is not null or cardinality(j.tags) > 0
      or j.trace is not null
    then jsonb_build_array(j.crashes, j.backoff, j.timeout_ms, j.key, to_jsonb(j.tags), j.trace)::text end`

const STAMP = `
  update /* schema */.job j set lease = $1::uuid, attempt = j.attempt + 1, claimed_at = (select /* schema */.now_ms()), started_at = 0,
    progress = null`

const STATE = `
  select set_config('synchronous_commit', 'off', true) as soft,
    (select n.breakers from /* schema */.node n where n.id = $2::uuid and n.dead_at is null) as breakers,
    (select value from /* schema */.generation) as generation,
    /* schema */.now_ms() as now`

// The first row of the answer: it has no id and no name. Repeated on every row it would cost as much as a job does.
const STATE_ROW = 'generation, null, null, null, null, null, breakers::integer, null, now'

const IS_FREE = `j.lease = '${NO_UUID}'`

const HELD = 'insert into /* schema */.lease (id, node, queue, priority, lo_seq, hi_seq, at)'

const ON_SAME_LEASE = `
  on conflict (id, queue, priority) do update
    set lo_seq = least(lease.lo_seq, excluded.lo_seq), hi_seq = greatest(lease.hi_seq, excluded.hi_seq)`

// `picked` is a fence: its rows are locked, and no more of them than asked. `skip locked` lets claims of several processes
// pass each other. The lateral joins stop at the first level that has enough, so rows of later levels are not even locked.
// `alive` locks the node's row, so that a rescue of this node waits for the claim and then finds its lease; it is only locked
// when there is something to claim. The rows are found again by their places (ctid), which the lock holds still: all at once,
// which takes a third less than a join.
// Which rows the node may run is told by `may_run`; the only thing in which the two statements differ.
const claimBy = ({ columns, mayRun, met }: ClaimVariant): string => `
  with want as materialized (
    select w.queue, w.count, w.place from unnest($4::text[], $5::integer[]) with ordinality w (queue, count, place)
    where not exists (select 1 from /* schema */.queue q where q.name = w.queue and q.is_paused)),
  level as materialized (
    select p.queue, p.priority, coalesce(c.seq, 0) as after
    from (select w.queue, q.priority from want w join /* schema */.queue_priority q on q.queue = w.queue
      union select w.queue, 0::smallint from want w) p
    left join unnest($6::text[], $7::smallint[], $8::bigint[]) c (queue, priority, seq)
      on c.queue = p.queue and c.priority = p.priority),
  picked as materialized (
    select j.* from want w cross join lateral (
      select r.* from (select l.priority, l.after from level l where l.queue = w.queue order by l.priority) l
      cross join lateral (
        select j.ctid as place, j.seq, j.priority, j.queue, ${columns} from /* schema */.job j
        where j.queue = w.queue and j.priority = l.priority and j.seq > l.after and ${IS_FREE}
        order by j.seq limit w.count for update skip locked) r
      limit w.count) j),
  alive as materialized (
    select n.id from /* schema */.node n where n.id = $2::uuid and n.dead_at is null and n.breakers = $10::bigint
      and exists (select 1 from picked) for key share),
  claimed as (
    ${STAMP}
    where ${mayRun} and exists (select 1 from alive)
    returning ${CLAIMED_COLUMNS}, j.queue, j.priority),
  held as (
    ${HELD}
    select $1::uuid, $2::uuid, queue, priority, min(seq), max(seq), (select /* schema */.now_ms())
    from picked where ${met.isOwn} and exists (select 1 from alive) group by queue, priority
    ${ON_SAME_LEASE}),
  state as materialized (
    ${STATE},
      case when $9::boolean then (
        select min(d.due_at) from want w cross join lateral (
          select j.due_at from /* schema */.job j where j.queue = w.queue and j.seq is null and j.parked is null
          order by j.due_at limit 1) d) end as next_due)
  select ${STATE_ROW}, next_due, null, null, null from state where soft is not null
  union all
  select * from claimed
  union all
  select seq, null, null, name, ${met.key}, null, null, null, null, null, null, queue, priority
  from picked where not (${met.isOwn})`

interface ClaimVariant {
  /** What is read of a row besides its place. */
  readonly columns: string
  /** Which locked rows are claimed. */
  readonly mayRun: string
  /** What is told of the others. */
  readonly met: { readonly isOwn: string; readonly key: string }
}

const CLAIM = claimBy({
  columns: 'j.name',
  mayRun: 'j.ctid = any(array(select place from picked)) and j.name = any($3::text[])',
  met: { isOwn: 'name = any($3::text[])', key: 'null' },
})

// A list of rows in a subquery is looked up in a table that is made of it once.
const IS_KEPT_BACK = `(queue, name) in (select * from unnest($11::text[], $12::text[]))
      or (key is not null and (queue, key) in (select * from unnest($13::text[], $14::text[])))`

const CLAIM_GUARDED = claimBy({
  columns: 'j.name, j.key',
  mayRun: `j.ctid = any(array(select place from picked where name = any($3::text[]) and not (${IS_KEPT_BACK})))`,
  met: { isOwn: `name = any($3::text[]) and not (${IS_KEPT_BACK})`, key: 'key' },
})

// The same for one priority of one queue, in which all was taken that was asked for the last time: a seventh cheaper. Rows of
// names that this node cannot run are passed by; the general statement looks at them.
const CLAIM_ON = `
  with alive as materialized (
    select n.id from /* schema */.node n where n.id = $2::uuid and n.dead_at is null and n.breakers = $8::bigint
      and not exists (select 1 from /* schema */.queue q where q.name = $4::text and q.is_paused) for key share),
  claimed as (
    ${STAMP}
    where exists (select 1 from alive) and j.ctid = any(array(
      select j.ctid from /* schema */.job j
      where j.queue = $4::text and j.priority = $5::smallint and j.seq > $6::bigint and ${IS_FREE} and j.name = any($3::text[])
      order by j.seq limit $7::integer for update skip locked))
    returning ${CLAIMED_COLUMNS}),
  held as (
    ${HELD}
    select $1::uuid, $2::uuid, $4::text, $5::smallint, min(seq), max(seq), (select /* schema */.now_ms()) from claimed having count(*) > 0
    ${ON_SAME_LEASE}),
  state as materialized (${STATE})
  select ${STATE_ROW}, null::bigint, null from state where soft is not null
  union all
  select * from claimed`

// Jobs that are parked for a half-open breaker, each with a new place in the order. Called with the breaker locked.
const probesBy = (column: string, parked: string): string => `
  with picked as materialized (
    select j.place, j.priority, nextval('/* schema */.job_seq') as seq from (
      select j.ctid as place, j.priority from /* schema */.job j
      where j.queue = $4::text and j.parked = '${parked}' and j.${column} >= $5::text and j.${column} <= $5::text
        and j.name = any($3::text[]) and not (j.name = any($7::text[])) and not (j.key is not null and j.key = any($8::text[]))
      order by j.${column}, j.due_at limit $6::integer for update skip locked) j),
  alive as materialized (
    select n.id from /* schema */.node n where n.id = $2::uuid and n.dead_at is null and exists (select 1 from picked) for key share),
  claimed as (
    ${STAMP}, parked = null, seq = p.seq
    from picked p where j.ctid = p.place and exists (select 1 from alive)
    returning ${CLAIMED_COLUMNS.replace('j.seq', 'p.seq')}, j.queue, j.priority),
  held as (
    ${HELD}
    select $1::uuid, $2::uuid, $4::text, priority, min(seq), max(seq), (select /* schema */.now_ms())
    from picked where exists (select 1 from alive) group by priority
    ${ON_SAME_LEASE}),
  state as materialized (${STATE})
  select ${STATE_ROW}, null::bigint, null, null, null from state where soft is not null
  union all
  select * from claimed`

const CLAIM_PROBES = { name: probesBy('name', PARKED_BY.name), key: probesBy('key', PARKED_BY.key) } as const

/** Jobs that breakers keep back. */
export interface KeptBackJobs {
  readonly names: readonly { readonly queue: string; readonly subject: string }[]
  readonly keys: readonly { readonly queue: string; readonly subject: string }[]
}

/** What one claim statement is asked for. */
export interface ClaimOrder {
  readonly node: string
  readonly lease: string
  /** The names that the node can run. */
  readonly names: readonly string[]
  readonly wants: readonly { readonly queue: string; readonly count: number; readonly start: ClaimStart }[]
  /** Whether to look when the next scheduled job is due. */
  readonly mustLookAhead: boolean
  /** The number under which the node knows which breakers are open: see `node.breakers`. */
  readonly breakers: number
  /** What those keep back; null when none of the asked queues has one. */
  readonly keptBack: KeptBackJobs | null
  /** Where to go on, when that is in one priority of one queue and nobody needs to know more: then `wants` is not looked at. */
  readonly on: {
    readonly queue: string
    readonly priority: number
    readonly seq: number
    readonly count: number
  } | null
}

/** Where a row of the ready index was met. */
export interface Met {
  readonly queue: string
  readonly priority: number
  readonly seq: number
  readonly name: string
  /** Known only while breakers are open. */
  readonly key: string | null
}

/** A job that was claimed, its place in the order, and where its row lies. */
export interface TakenJob {
  readonly seq: number
  readonly job: ClaimedJob
  readonly place: string
}

/** What was met in one queue. */
export interface MetInQueue {
  readonly count: number
  /** The highest `seq` at each priority. */
  readonly highest: ReadonlyMap<number, number>
  /** Rows that the node cannot run. */
  readonly foreign: readonly Met[]
}

/** What one claim statement answers. */
export interface Claimed {
  readonly isAlive: boolean
  /** Whether the node knew which breakers are open; otherwise nothing was claimed. */
  readonly isInformed: boolean
  readonly generation: number
  readonly now: number
  readonly hasLookedAhead: boolean
  /** When the first scheduled job of the asked queues is due; null when there is none, or nobody looked. */
  readonly nextDueAt: number | null
  /** In the order in which they are to run: by priority, then by `seq`. */
  readonly jobs: readonly TakenJob[]
  readonly broken: readonly { readonly id: string; readonly queue: string; readonly error: ErrorRecord }[]
  /** Every queue in which a row was met. */
  readonly met: ReadonlyMap<string, MetInQueue>
}

/** Claims. */
export async function claimJobs(db: Db, order: ClaimOrder): Promise<Claimed> {
  const common = [order.lease, order.node, textArray(order.names)]
  const { on } = order
  if (on !== null) {
    const rows = await db.repeat(CLAIM_ON, [...common, on.queue, on.priority, on.seq, on.count, order.breakers])
    return readAnswer(rows as unknown as readonly AnswerRow[], order)
  }
  const levels = order.wants.flatMap(({ queue, start }) => start.levels.map((level) => ({ queue, ...level })))
  const parameters = [
    ...common,
    textArray(order.wants.map(({ queue }) => queue)),
    plainArray(order.wants.map(({ count }) => count)),
    textArray(levels.map(({ queue }) => queue)),
    plainArray(levels.map(({ priority }) => priority)),
    plainArray(levels.map(({ seq }) => seq)),
    order.mustLookAhead,
    order.breakers,
  ]
  const { keptBack } = order
  const rows =
    keptBack === null
      ? await db.repeat(CLAIM, parameters)
      : await db.query(CLAIM_GUARDED, [
          ...parameters,
          textArray(keptBack.names.map(({ queue }) => queue)),
          textArray(keptBack.names.map(({ subject }) => subject)),
          textArray(keptBack.keys.map(({ queue }) => queue)),
          textArray(keptBack.keys.map(({ subject }) => subject)),
        ])
  return readAnswer(rows as unknown as readonly AnswerRow[], order)
}

/** What {@link claimProbes} is asked for. */
export interface ProbeOrder {
  readonly node: string
  readonly lease: string
  readonly names: readonly string[]
  readonly of: BreakerId
  /** What other breakers of the queue keep back. */
  readonly besides: { readonly names: readonly string[]; readonly keys: readonly string[] }
  readonly count: number
}

/** Claims probes of a half-open breaker, which the caller has locked, from those that are parked for it. */
export async function claimProbes(db: Db, order: ProbeOrder): Promise<Claimed> {
  const { node, lease, names, of, besides, count } = order
  const rows = await db.query(CLAIM_PROBES[of.by], [
    lease,
    node,
    textArray(names),
    of.queue,
    of.subject,
    count,
    textArray(besides.names),
    textArray(besides.keys),
  ])
  const answer = readAnswer(rows as unknown as readonly AnswerRow[], {
    lease,
    mustLookAhead: false,
    on: null,
    breakers: -1,
  })
  return { ...answer, jobs: answer.jobs.map(({ job, ...rest }) => ({ ...rest, job: { ...job, probeOf: of } })) }
}

/**
 * A claimed job; a row that the node cannot run, which has only its place in the order, its name, queue and priority; or the
 * state, which has no name.
 */
type AnswerRow = ClaimRow

function readAnswer(
  rows: readonly AnswerRow[],
  order: Pick<ClaimOrder, 'lease' | 'mustLookAhead' | 'on' | 'breakers'>,
): Claimed {
  const met = new Map<string, { count: number; readonly highest: Map<number, number>; readonly foreign: Met[] }>()
  const jobs: TakenJob[] = []
  const broken: { readonly id: string; readonly queue: string; readonly error: ErrorRecord }[] = []
  const { breakers, ...state } = stateOf(rows)
  for (const row of rows) {
    const [seq, place, id, name] = row
    if (name === null) continue
    const queue = order.on?.queue ?? row[11]
    const priority = order.on?.priority ?? row[12]
    let inQueue = met.get(queue)
    if (inQueue === undefined) met.set(queue, (inQueue = { count: 0, highest: new Map(), foreign: [] }))
    inQueue.count += 1
    if (seq > (inQueue.highest.get(priority) ?? 0)) inQueue.highest.set(priority, seq)
    if (id === null || place === null) {
      // Where a claimed job has its args, the row of another has its key.
      inQueue.foreign.push({ queue, priority, seq, name, key: row[4] as string | null })
      continue
    }
    const job = decodeClaimed(row, id, name, { queue, priority, lease: order.lease, claimedAt: state.now })
    if ('message' in job) broken.push({ id, queue, error: job })
    else jobs.push({ seq, job, place })
  }
  if (!isInOrder(jobs)) jobs.sort((a, b) => a.job.priority - b.job.priority || a.seq - b.seq)
  const known = { isAlive: breakers !== null, isInformed: breakers === order.breakers }
  return { ...state, ...known, hasLookedAhead: order.mustLookAhead, jobs, broken, met }
}

function stateOf(
  rows: readonly AnswerRow[],
): Pick<Claimed, 'generation' | 'now' | 'nextDueAt'> & { readonly breakers: number | null } {
  const row = rows.find(([, , , name]) => name === null)
  assert(row !== undefined, 'a claim was answered without its state')
  // The first part of the statement.
  const [generation, breakers, now, nextDueAt] = [row[0], row[6], row[8], row[9]] as [
    number,
    number | null,
    number,
    number | null,
  ]
  return { breakers, generation, now, nextDueAt }
}

/** The server mostly answers in this order already, but nothing promises it. */
function isInOrder(jobs: readonly TakenJob[]): boolean {
  for (let index = 1; index < jobs.length; index++) {
    const [a, b] = [jobs[index - 1], jobs[index]]
    if (a === undefined || b === undefined) continue
    if (a.job.priority > b.job.priority || (a.job.priority === b.job.priority && a.seq > b.seq)) return false
  }
  return true
}
