/**
 * The life of a node's row: `registerNode`, its beat, `readOrders`, `orderNode`, `watchNodes`, `readNodes`, `retireNode`; and
 * what nodes publish.
 */

import type {
  NodeOrders,
  NodeRecord,
  NodeRegistration,
  NodeRescue,
  NodeSnapshot,
  NodeWish,
  Order,
  PublishedJob,
} from '../../store.ts'
import { auditedWish } from '../../audit-content.ts'
import { parseJson, plainText, plainTextOrNull } from '../../stored-values.ts'
import { parseTextArray, plainArray, textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { UNDER_LEASE } from '../rows.ts'
import { writeAudit } from './audit.ts'
import { LOCK_NEWS_SHARED, readBreakers } from './breakers.ts'

const REGISTER = `
  insert into /* schema */.node (id, host, pid, pid_scope, pid_start, version, beat_ms, started_at, beat_at, beat_seq, queues, names, jobs,
    is_notifying)
  select $1::uuid, $2, $3, $4, $5, $6, $7, now, now, 1, $8::text[], $9::text[], $10, $11::boolean from (select /* schema */.now_ms() as now) n
  on conflict (id) do update set beat_ms = excluded.beat_ms, beat_at = excluded.beat_at, beat_seq = node.beat_seq + 1,
    queues = excluded.queues, names = excluded.names, jobs = excluded.jobs, is_notifying = excluded.is_notifying`

const PUBLISH = `
  insert into /* schema */.published_job (name, queue, priority, max_attempts, backoff, timeout_ms, key, published_at)
  select *, (select /* schema */.now_ms())
  from unnest($1::text[], $2::text[], $3::smallint[], $4::integer[], $5::text[], $6::double precision[], $7::text[])
    p (name, queue, priority, max_attempts, backoff, timeout_ms, key)
  order by name
  on conflict (name) do update set (queue, priority, max_attempts, backoff, timeout_ms, key, published_at)
    = (excluded.queue, excluded.priority, excluded.max_attempts, excluded.backoff, excluded.timeout_ms, excluded.key, excluded.published_at)`

const READ_PUBLISHED = `
  select name, queue, priority, max_attempts, backoff, timeout_ms, key from /* schema */.published_job
  where name = any ($1::text[])`

/** Says that a node lives; stores its snapshot when it has a new one. */
export const BEAT = `
  update /* schema */.node set beat_at = (select /* schema */.now_ms()), beat_seq = beat_seq + 1, snapshot = coalesce($2, snapshot)
  where id = $1::uuid and dead_at is null returning id`

const READ_ORDERS = `
  select
    exists (select 1 from /* schema */.node where id = $1::uuid and dead_at is null),
    coalesce((select jsonb_agg(jsonb_build_object('id', j.id, 'lease', j.lease)) from /* schema */.lease l cross join ${UNDER_LEASE}
      where l.node = $1::uuid and j.cancel_requested), '[]'),
    coalesce((select array_agg(name order by name collate "C") from /* schema */.queue where is_paused), '{}'),
    coalesce((select jsonb_agg(jsonb_build_object('queue', name, 'min', scale_min, 'max', scale_max) order by name collate "C")
      from /* schema */.queue where scale_min is not null), '[]'),
    (select wanted from /* schema */.node where id = $1::uuid),
    (select watched_until > (select /* schema */.now_ms()) from /* schema */.watch),
    exists (select 1 from /* schema */.breaker where changed_at is not null)`

const SET_WISH = 'update /* schema */.node set wanted = $2 where id = $1::uuid and dead_at is null returning host, pid'

// One who looks while another does has nothing to write most of the time.
const WATCH = `
  update /* schema */.watch set watched_until = (select /* schema */.now_ms()) + $1::bigint
  where watched_until < (select /* schema */.now_ms()) + $1::bigint / 2`

const READ_NODES = `
  select id, host, pid, pid_scope, pid_start, version, started_at, beat_at, beat_seq, dead_at, wanted, rescue,
    queues, jobs, snapshot, (select /* schema */.now_ms())
  from /* schema */.node where dead_at is null or dead_at > (select /* schema */.now_ms()) - $1::bigint order by started_at, id`

const READ_NAMES = 'select names from /* schema */.node where id = $1::uuid and dead_at is null'

const RETIRE = 'delete from /* schema */.node where id = $1::uuid and dead_at is null'

/** How long a dead node is shown. */
export const DEAD_NODE_KEPT_MS: number = 60 * 60 * 1000

type PublishedRow = readonly [
  name: string,
  queue: string | null,
  priority: number | null,
  maxAttempts: number | null,
  backoff: string | null,
  timeoutMs: number | null,
  key: string | null,
]

type NodeRow = readonly [
  id: string,
  host: string,
  pid: number,
  pidScope: string | null,
  pidStart: string | null,
  version: string,
  startedAt: number,
  beatAt: number,
  beatSeq: number,
  deadAt: number | null,
  wanted: NodeWish | null,
  rescue: string | null,
  queues: string,
  jobs: string,
  snapshot: string | null,
  now: number,
]

/** See {@link Store.registerNode}. */
export async function registerNode(db: Db, node: NodeRegistration): Promise<void> {
  await db.query(LOCK_NEWS_SHARED)
  await db.query(REGISTER, [
    node.id,
    plainText(node.host),
    node.pid,
    plainTextOrNull(node.pidScope),
    plainTextOrNull(node.pidStart),
    plainText(node.version),
    node.beatMs,
    textArray(node.queues.map(plainText)),
    textArray(node.jobs.map(({ name }) => plainText(name))),
    JSON.stringify(node.jobs),
    node.isNotifying,
  ])
  if (node.jobs.length > 0) await publish(db, node.jobs)
}

async function publish(db: Db, jobs: readonly PublishedJob[]): Promise<void> {
  await db.query(PUBLISH, [
    textArray(jobs.map(({ name }) => plainText(name))),
    textArray(jobs.map(({ queue }) => plainTextOrNull(queue))),
    plainArray(jobs.map(({ priority }) => priority)),
    plainArray(jobs.map(({ maxAttempts }) => maxAttempts)),
    textArray(
      jobs.map(({ backoff }) => (backoff === null || backoff === 'function' ? backoff : JSON.stringify(backoff))),
    ),
    plainArray(jobs.map(({ timeoutMs }) => timeoutMs)),
    textArray(jobs.map(({ key }) => plainTextOrNull(key))),
  ])
}

/** See {@link Store.readPublishedJobs}. */
export async function readPublishedJobs(db: Db, names: readonly string[]): Promise<readonly PublishedJob[]> {
  // The columns of the statement.
  const rows = (await db.query(READ_PUBLISHED, [textArray(names.map(plainText))])) as unknown as readonly PublishedRow[]
  return rows.map(([name, queue, priority, maxAttempts, backoff, timeoutMs, key]) => ({
    name,
    queue,
    priority,
    maxAttempts,
    // Written by `publish` from a value of this type.
    backoff: backoff === 'function' || backoff === null ? backoff : (parseJson(backoff) as PublishedJob['backoff']),
    timeoutMs,
    key,
  }))
}

/** Answers false when the node was declared dead. */
export async function beat(db: Db, node: string, snapshot: NodeSnapshot | null): Promise<boolean> {
  return (await db.query(BEAT, [node, snapshot === null ? null : JSON.stringify(snapshot)])).length === 1
}

/** See {@link Store.readOrders}. */
export async function readOrders(db: Db, node: string): Promise<NodeOrders> {
  const [row] = await db.query(READ_ORDERS, [node])
  // The columns of the statement, which always answers one row.
  const [isKnown, stop, paused, scales, wanted, isWatched, hasBreakers] = row as readonly [
    boolean,
    string,
    string,
    string,
    NodeWish | null,
    boolean | null,
    boolean,
  ]
  return {
    isKnown,
    // These two were built by the statement.
    stop: JSON.parse(stop) as { readonly id: string; readonly lease: string }[],
    scales: JSON.parse(scales) as NodeOrders['scales'],
    pausedQueues: parseTextArray(paused),
    wanted,
    isWatched: isWatched === true,
    breakers: hasBreakers ? await readBreakers(db) : [],
  }
}

/** See {@link Store.orderNode}; in a transaction. */
export async function orderNode(db: Db, node: string, wanted: NodeWish | null, order?: Order): Promise<boolean> {
  const [row] = await db.query(SET_WISH, [node, wanted])
  if (row === undefined) return false
  // The columns of the statement.
  const [host, pid] = row as readonly [string, number]
  await writeAudit(db, order, auditedWish({ node, host, pid }, wanted))
  return true
}

/** See {@link Store.watchNodes}. */
export async function watchNodes(db: Db, forMs: number): Promise<void> {
  await db.query(WATCH, [Math.ceil(forMs)])
}

/** See {@link Store.readNodes}. */
export async function readNodes(db: Db): Promise<readonly NodeRecord[]> {
  // The columns of the statement.
  const rows = (await db.query(READ_NODES, [DEAD_NODE_KEPT_MS])) as unknown as readonly NodeRow[]
  return rows.map(
    ([
      id,
      host,
      pid,
      pidScope,
      pidStart,
      version,
      startedAt,
      beatAt,
      beatSeq,
      deadAt,
      wanted,
      rescue,
      queues,
      jobs,
      snapshot,
      now,
    ]) => ({
      id,
      host,
      pid,
      pidScope,
      pidStart,
      version,
      startedAt,
      beatAt,
      beatAgeMs: now - beatAt,
      beatSeq,
      isDead: deadAt !== null,
      rescue: decodeRescue(rescue, deadAt),
      wanted,
      queues: parseTextArray(queues),
      // These two were written by `registerNode` and `beat` from values of these types.
      jobs: (parseJson(jobs) ?? []) as readonly PublishedJob[],
      snapshot: snapshot === null ? null : (parseJson(snapshot) as NodeSnapshot | null),
    }),
  )
}

function decodeRescue(rescue: string | null, at: number | null): NodeRescue | null {
  if (rescue === null || at === null) return null
  // Written by `rescueNode` from a value of this type.
  const known = parseJson(rescue) as Omit<NodeRescue, 'at'> | null
  return known === null ? null : { ...known, at }
}

/** The names that a node can run; null when it is unknown, retired or declared dead. */
export async function readNames(db: Db, node: string): Promise<readonly string[] | null> {
  const [row] = await db.query(READ_NAMES, [node])
  return row === undefined ? null : parseTextArray(String(row[0]))
}

/** Removes a node's row. One that was declared dead stays listed as that. */
export async function removeNode(db: Db, node: string): Promise<void> {
  await db.query(RETIRE, [node])
}
