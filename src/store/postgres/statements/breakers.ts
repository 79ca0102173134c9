/**
 * Circuit breakers: `countCalls`, `setBreaker`, `readBreakers`, the ends of probes, and what claims do about them besides
 * claiming. What becomes of a breaker is decided by the automaton of `job/breaker.ts`, under a lock on its row, and each change
 * is guarded by the version that was read.
 *
 * When one begins or ceases to block jobs, all nodes are told in the same transaction: see `node.breakers`.
 */

import { assert } from '../../../host/errors.ts'
import {
  breakerKey,
  freeProbes,
  NEW_BREAKER,
  stepBreaker,
  type Breaker,
  type BreakerEvent,
  type BreakerId,
  type BreakerMode,
  type BreakerProbe,
  type BreakerState,
} from '../../../job/breaker.ts'
import { breakerRecord, decodeBreaker, encodeBreaker, IDLE_BREAKER_KEPT_MS } from '../../breaker-content.ts'
import { PARKED_BY, plainText, plainTextOrNull } from '../../stored-values.ts'
import {
  BREAKER_CAP,
  type Ack,
  type BreakerQuery,
  type BreakerRecord,
  type CallReport,
  type Order,
} from '../../store.ts'
import { plainArray, textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { NO_UUID } from '../rows.ts'
import { writeAudit } from './audit.ts'

const COLUMNS = 'b.queue, b.kind, b.subject, b.state, b.open_until, b.version, b.changed_at, b.has_parked, b.content'

const CREATE = `
  insert into /* schema */.breaker (queue, kind, subject, state, version, touched_at, content)
  select *, 'closed', 0, (select /* schema */.now_ms()), '{}' from unnest($1::text[], $2::text[], $3::text[]) b (queue, kind, subject)
  order by 1, 2, 3 on conflict do nothing`

// Everybody locks several in the same order.
const LOCK = `
  select ${COLUMNS}, (select /* schema */.now_ms())
  from /* schema */.breaker b
  where (b.queue, b.kind, b.subject) in (select * from unnest($1::text[], $2::text[], $3::text[]))
  order by b.queue, b.kind, b.subject for update`

const WRITE = `
  update /* schema */.breaker b set state = w.state, open_until = w.open_until, version = w.version, changed_at = w.changed_at,
    touched_at = (select /* schema */.now_ms()), content = w.content
  from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[], $9::bigint[])
    w (queue, kind, subject, state, open_until, version, changed_at, content, seen)
  where b.queue = w.queue and b.kind = w.kind and b.subject = w.subject and b.version = w.seen returning b.queue`

/** A node that registers at the same time is told, or reads what is already so: it takes the same lock, shared. */
const lockOf = (kind: string): string =>
  `select pg_advisory_xact_lock${kind}(hashtext('millrace breakers'), hashtext('/* schema */'))`

const LOCK_NEWS = lockOf('')

/** For `registerNode`: see {@link LOCK_NEWS}. */
export const LOCK_NEWS_SHARED: string = lockOf('_shared')

const TELL_NODES = 'update /* schema */.node set breakers = breakers + 1 where dead_at is null'

const IS_AFTER =
  '(b.changed_at < $6::bigint or b.changed_at = $6::bigint and (b.queue, b.kind, b.subject) > ($7::text, $8::text, $9::text))'

// Conditions that are asked for, and no others: a queue and a subject are found by the key of the table, all else by the order.
const readChanged = ({ queue, by, subject, state, after }: BreakerQuery): string => `
  select ${COLUMNS}, (select /* schema */.now_ms()) from /* schema */.breaker b
  where ${[
    'b.changed_at is not null',
    queue === undefined ? '$1::text is null' : 'b.queue = $1::text',
    by === undefined ? '$2::text is null' : 'b.kind = $2::text',
    subject === undefined ? '$3::text is null' : 'b.subject = $3::text',
    state === undefined ? '$4::text is null' : 'b.state = $4::text',
    ...(after === undefined ? [] : ['b.changed_at <= $6::bigint', IS_AFTER]),
  ].join(' and ')}
  order by b.changed_at desc, b.queue, b.kind, b.subject limit $5::integer`

const READ_ACTIVE = `
  select n.breakers, /* schema */.now_ms(), coalesce((
    select jsonb_agg(jsonb_build_array(b.queue, b.kind, b.subject, b.state, b.open_until, b.has_parked))::text
    from /* schema */.breaker b where b.state <> 'closed' or b.has_parked), '[]')
  from /* schema */.node n where n.id = $1::uuid`

const PRUNE = `
  delete from /* schema */.breaker where (queue, kind, subject) in (
    select queue, kind, subject from /* schema */.breaker
    where touched_at <= (select /* schema */.now_ms()) - $1::bigint and state = 'closed' and not has_parked
      and content::jsonb ->> 'mode' = 'auto' limit 1000)`

// The lock keeps it from closing until its jobs are parked: whoever closes it finds them.
const MARK_PARKED = `
  update /* schema */.breaker b set has_parked = true
  where (b.queue, b.kind, b.subject) in (select * from unnest($1::text[], $2::text[], $3::text[])) and b.state <> 'closed'
  returning b.queue, b.kind, b.subject`

// Row by row through the ready index: joined, the server may read all of it.
const PARK = `
  with kept as materialized (
    select j.place, p.parked from unnest($1::text[], $2::smallint[], $3::bigint[], $4::text[]) p (queue, priority, seq, parked)
    cross join lateral (
      select j.ctid as place from /* schema */.job j
      where j.queue = p.queue and j.priority = p.priority and j.seq = p.seq and j.lease = '${NO_UUID}'
      limit 1 for update skip locked) j)
  update /* schema */.job j set seq = null, parked = k.parked from kept k where j.ctid = k.place`

const SET_PARKED = `
  update /* schema */.breaker set has_parked = false where queue = $1::text and kind = $2::text and subject = $3::text`

/** At most so many parked jobs are taken back at a time. */
export const RELEASE_LIMIT = 2_000

// The first in order; their numbers are given in that order. A name or key is asked for as a range, for which the index alone
// will do: for an equality the server may hope to meet enough rows early in the table.
const releaseBy = (column: string, parked: string): string => `
  with found as materialized (
    select j.place, nextval('/* schema */.job_seq') as seq from (
      select j.ctid as place from /* schema */.job j
      where j.queue = $1::text and j.parked = '${parked}' and j.${column} >= $2::text and j.${column} <= $2::text
      order by j.${column}, j.due_at limit ${RELEASE_LIMIT} for update skip locked) j)
  update /* schema */.job j set parked = null, seq = f.seq from found f where j.ctid = f.place returning 1`

const RELEASE = { name: releaseBy('name', PARKED_BY.name), key: releaseBy('key', PARKED_BY.key) } as const

const HELD = `
  select j.id from unnest($1::uuid[], $2::uuid[]) p (id, lease) join /* schema */.job j on j.id = p.id and j.lease = p.lease`

type BreakerRow = readonly [
  queue: string,
  kind: BreakerId['by'],
  subject: string,
  state: BreakerState,
  openUntil: number | null,
  version: number,
  changedAt: number | null,
  hasParked: boolean,
  content: string,
  now: number,
]

/** A breaker that claims have to heed. */
export interface ActiveBreaker {
  readonly id: BreakerId
  readonly state: BreakerState
  /** When probes may be let through, from now; null when nothing will change by itself. */
  readonly dueInMs: number | null
  readonly hasParked: boolean
}

/** See {@link Store.countCalls}. */
export async function countCalls(db: Db, reports: readonly CallReport[]): Promise<readonly BreakerRecord[]> {
  const events = reports.map(({ id, ...report }) => ({ id, event: { type: 'counted', ...report } as const }))
  return (await changeBreakers(db, events)).filter(({ isNews }) => isNews).map(({ record }) => record)
}

/** See {@link Store.setBreaker}. */
export async function setBreaker(db: Db, id: BreakerId, mode: BreakerMode, order: Order): Promise<BreakerRecord> {
  const event = { type: 'set', mode, who: order.by, why: order.reason } as const
  const [changed] = await changeBreakers(db, [{ id, event }])
  assert(changed !== undefined, 'a breaker was set and is not there')
  const action = mode === 'auto' ? 'breaker-auto' : mode === 'open' ? 'breaker-open' : 'breaker-close'
  await writeAudit(db, order, { action, queue: id.queue, target: { by: id.by, subject: id.subject } })
  return changed.record
}

/** See {@link Store.readBreakers}. */
export async function readBreakers(db: Db, query: BreakerQuery = {}): Promise<readonly BreakerRecord[]> {
  const { queue = null, by = null, subject = null, state = null, limit = BREAKER_CAP, after } = query
  const place = after === undefined ? [] : [after.changedAt, plainText(after.queue), after.by, plainText(after.subject)]
  const asked = [plainTextOrNull(queue), by, plainTextOrNull(subject), state, limit, ...place]
  const rows = (await db.query(readChanged(query), asked)) as unknown as readonly BreakerRow[] // the columns of the statement
  return rows.map((row) => breakerRecord(idOf(row), breakerOf(row), row[9]))
}

/** Tells breakers how their probes ended. */
export async function endProbes(db: Db, acks: readonly Ack[]): Promise<void> {
  const events = acks.flatMap(({ id, lease, probe }) =>
    probe === undefined
      ? []
      : [{ id: probe.of, event: { type: 'probed', probe: { id, lease }, outcome: probe.outcome } as const }],
  )
  if (events.length > 0) await changeBreakers(db, events)
}

/** Those of these breakers that were open long enough go to half-open. */
export async function moveDue(db: Db, ids: readonly BreakerId[]): Promise<void> {
  await changeBreakers(
    db,
    ids.map((id) => ({ id, event: { type: 'due' } as const })),
  )
}

/** Forgets breakers to which nothing has happened for long. */
export async function pruneBreakers(db: Db): Promise<void> {
  await db.query(PRUNE, [IDLE_BREAKER_KEPT_MS])
}

/** The breakers that a node's claims have to heed, and the number under which it knows them; null for an unknown node. */
export async function readActiveBreakers(
  db: Db,
  node: string,
): Promise<{ readonly known: number; readonly active: readonly ActiveBreaker[] } | null> {
  const [row] = await db.query(READ_ACTIVE, [node])
  if (row === undefined) return null
  // The columns of the statement, the last of which was built by it.
  const [known, now, text] = row as readonly [number, number, string]
  const active = JSON.parse(text) as readonly (readonly [
    string,
    BreakerId['by'],
    string,
    BreakerState,
    number | null,
    boolean,
  ])[]
  return {
    known,
    active: active.map(([queue, by, subject, state, openUntil, hasParked]) => ({
      id: { queue, by, subject },
      state,
      dueInMs: openUntil === null ? null : Math.max(0, openUntil - now),
      hasParked,
    })),
  }
}

/** A ready row that a breaker keeps back. */
export interface KeptBack {
  readonly queue: string
  readonly priority: number
  readonly seq: number
  readonly by: BreakerId
}

/** Parks these rows, unless their breakers have closed. In a transaction of its own. */
export async function parkKeptBack(db: Db, rows: readonly KeptBack[]): Promise<void> {
  const ids = new Map(rows.map(({ by }) => [breakerKey(by), by]))
  const marked = await db.query(MARK_PARKED, idParameters([...ids.values()]))
  const blocking = new Set(
    // The columns of the statement.
    (marked as readonly (readonly [string, BreakerId['by'], string])[]).map(([queue, by, subject]) =>
      breakerKey({ queue, by, subject }),
    ),
  )
  const parked = rows.filter(({ by }) => blocking.has(breakerKey(by)))
  if (parked.length === 0) return
  await db.query(PARK, [
    textArray(parked.map(({ queue }) => queue)),
    plainArray(parked.map(({ priority }) => priority)),
    plainArray(parked.map(({ seq }) => seq)),
    textArray(parked.map(({ by }) => PARKED_BY[by.by])),
  ])
}

/** Takes some parked jobs of a breaker back that has closed; answers how many. In a transaction of its own. */
export async function releaseParked(db: Db, id: BreakerId): Promise<number> {
  const { breaker } = (await lock(db, [id])).get(breakerKey(id)) ?? { breaker: NEW_BREAKER }
  if (breaker.state !== 'closed') return 0
  const count = (await db.query(RELEASE[id.by], [id.queue, id.subject])).length
  if (count < RELEASE_LIMIT) await db.query(SET_PARKED, [id.queue, id.by, id.subject])
  return count
}

/**
 * Lets probes of a half-open breaker through: `claim` is asked for as many as are free, and answers which it has claimed. In
 * a transaction of its own, with the breaker locked.
 */
export async function admitProbes<T extends { readonly probes: readonly BreakerProbe[] }>(
  db: Db,
  id: BreakerId,
  claim: (free: number) => Promise<T>,
): Promise<T | null> {
  const locked = (await lock(db, [id])).get(breakerKey(id))
  if (locked === undefined) return null
  const { breaker, now } = locked
  const { probes } = breaker
  const ids = probes.map((probe) => probe.id)
  const held =
    probes.length === 0 ? [] : await db.query(HELD, [plainArray(ids), plainArray(probes.map((p) => p.lease))])
  const alive = new Set(held.map(([job]) => String(job)))
  const lost = probes.filter((probe) => !alive.has(probe.id))
  const cleared = stepBreaker(breaker, { type: 'lost', probes: lost }, now)
  const free = freeProbes(cleared)
  const answer = free === 0 ? null : await claim(free)
  const after = stepBreaker(cleared, { type: 'admitted', probes: answer?.probes ?? [] }, now)
  await write(db, [{ id, before: breaker, after }])
  return answer
}

interface Changed {
  readonly record: BreakerRecord
  /** Whether the state changed. */
  readonly isNews: boolean
}

/** Changes breakers as the automaton says, one event after the other; in a transaction. */
async function changeBreakers(
  db: Db,
  events: readonly { readonly id: BreakerId; readonly event: BreakerEvent }[],
): Promise<readonly Changed[]> {
  const kept = new Map(events.map(({ id }) => [breakerKey(id), plainId(id)]))
  await db.query(CREATE, idParameters([...kept.values()]))
  const before = await lock(db, [...kept.values()])
  const after = new Map(before)
  for (const { id, event } of events) {
    const key = breakerKey(plainId(id))
    const known = after.get(key)
    if (known !== undefined) after.set(key, { ...known, breaker: stepBreaker(known.breaker, event, known.now) })
  }
  const pairs = [...after].flatMap(([key, { id, breaker, now }]) => {
    const old = before.get(key)
    return old === undefined ? [] : [{ id, before: old.breaker, after: breaker, now }]
  })
  await write(db, pairs)
  return pairs.map(({ id, before: old, after: breaker, now }) => ({
    record: breakerRecord(id, breaker, now),
    isNews: old.state !== breaker.state,
  }))
}

async function write(
  db: Db,
  pairs: readonly { readonly id: BreakerId; readonly before: Breaker; readonly after: Breaker }[],
): Promise<void> {
  const changed = pairs.filter(({ before, after }) => before !== after)
  if (changed.length === 0) return
  const columns = changed.map(({ after }) => encodeBreaker(after))
  const rows = await db.query(WRITE, [
    ...idParameters(changed.map(({ id }) => id)),
    textArray(columns.map(({ state }) => state)),
    plainArray(columns.map(({ openUntil }) => openUntil)),
    plainArray(columns.map(({ version }) => version)),
    plainArray(columns.map(({ changedAt }) => changedAt)),
    textArray(columns.map(({ content }) => content)),
    plainArray(changed.map(({ before }) => before.version)),
  ])
  assert(rows.length === changed.length, 'a breaker was changed by somebody else although it was locked')
  if (changed.every(({ before, after }) => before.state === after.state)) return
  await db.query(LOCK_NEWS)
  await db.query(TELL_NODES)
}

/** Locks breakers; those that are not there are left out. */
async function lock(
  db: Db,
  ids: readonly BreakerId[],
): Promise<ReadonlyMap<string, { readonly id: BreakerId; readonly breaker: Breaker; readonly now: number }>> {
  const rows = (await db.query(LOCK, idParameters(ids))) as unknown as readonly BreakerRow[] // the columns of the statement
  return new Map(rows.map((row) => [breakerKey(idOf(row)), { id: idOf(row), breaker: breakerOf(row), now: row[9] }]))
}

function breakerOf([, , , state, openUntil, version, changedAt, , content]: BreakerRow): Breaker {
  return decodeBreaker({ state, openUntil, version, changedAt, content })
}

function idOf([queue, by, subject]: BreakerRow): BreakerId {
  return { queue, by, subject }
}

function plainId({ queue, by, subject }: BreakerId): BreakerId {
  return { queue: plainText(queue), by, subject: plainText(subject) }
}

function idParameters(ids: readonly BreakerId[]): readonly string[] {
  return [
    textArray(ids.map(({ queue }) => queue)),
    textArray(ids.map(({ by }) => by)),
    textArray(ids.map(({ subject }) => subject)),
  ]
}
