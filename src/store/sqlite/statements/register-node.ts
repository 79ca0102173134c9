/** The life of a node's row: `registerNode`, its beat, `readOrders`, `orderNode`, `watchNodes`, `readNodes`, `retireNode`. */

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
import type { Db } from '../connection.ts'
import type { NodeNames } from '../node-names.ts'
import { parseJson, plainText, plainTextOrNull, wholeNumber } from '../../stored-values.ts'
import { writeAudit } from './audit.ts'
import { readBreakers } from './breakers.ts'
import { giveBackJobs, readHeld } from './give-back-jobs.ts'
import { unparkSome } from './park-jobs.ts'
import { publishJobs } from './published-jobs.ts'
import { readPausedQueues, readScales } from './read-queues.ts'

const REGISTER = `
  insert into millrace_node (id, host, pid, pid_scope, pid_start, version, beat_ms, started_at, beat_at, beat_seq, queues, jobs, is_notifying)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?)
  on conflict (id) do update set beat_ms = excluded.beat_ms, beat_at = excluded.beat_at, beat_seq = beat_seq + 1,
    queues = excluded.queues, jobs = excluded.jobs, is_notifying = excluded.is_notifying`

const BEAT = `
  update millrace_node set beat_at = ?2, beat_seq = beat_seq + 1, snapshot = coalesce(?3, snapshot)
  where id = ?1 and dead_at is null`

const READ_WISH = `
  select wanted, (select watched_until from millrace_watch) as watched_until from millrace_node where id = ? and dead_at is null`

const SET_WISH = 'update millrace_node set wanted = ?2 where id = ?1 and dead_at is null returning host, pid'

// One who looks while another does has nothing to write most of the time.
const WATCH = 'update millrace_watch set watched_until = ?1 + ?2 where watched_until < ?1 + ?2 / 2'

const STOP_ORDERS = `
  select id, lease from millrace_job indexed by millrace_job_running where state = 'running' and node = ? and cancel_requested = 1`

const READ_NODES = `
  select id, host, pid, pid_scope, pid_start, version, started_at, beat_at, beat_seq, dead_at, wanted, rescue, queues,
    jobs, snapshot
  from millrace_node where dead_at is null or dead_at > ? order by started_at, id`

const RETIRE = 'delete from millrace_node where id = ? and dead_at is null'

/** How long a dead node is shown. */
export const DEAD_NODE_KEPT_MS: number = 60 * 60 * 1000

interface NodeRow {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly pid_scope: string | null
  readonly pid_start: string | null
  readonly version: string
  readonly started_at: number
  readonly beat_at: number
  readonly beat_seq: number
  readonly dead_at: number | null
  readonly wanted: NodeWish | null
  readonly rescue: string | null
  readonly queues: string
  readonly jobs: string
  readonly snapshot: string | null
}

/** See {@link Store.registerNode}. The rest of many parked jobs follows with the node's claims. */
export function registerNode(db: Db, node: NodeRegistration, names: NodeNames): void {
  db.prepare(REGISTER).run(
    node.id,
    plainText(node.host),
    node.pid,
    plainTextOrNull(node.pidScope),
    plainTextOrNull(node.pidStart),
    plainText(node.version),
    node.beatMs,
    db.now,
    wholeNumber(db.now),
    JSON.stringify(node.queues),
    JSON.stringify(node.jobs),
    node.isNotifying ? 1 : 0,
  )
  publishJobs(db, node.jobs)
  names.register(node)
  for (const queue of node.queues) unparkSome(db, names, node.id, queue)
}

/** Says that the node lives; answers false when it was declared dead. */
export function beat(db: Db, node: string, snapshot: NodeSnapshot | null): boolean {
  const text = snapshot === null ? null : JSON.stringify(snapshot)
  return Number(db.prepare(BEAT).run(node, db.now, text).changes) === 1
}

/** See {@link Store.readOrders}. */
export function readOrders(db: Db, node: string): NodeOrders {
  // The columns of the statement; the first has a check.
  const row = db.prepare(READ_WISH).get(node) as
    | { readonly wanted: NodeWish | null; readonly watched_until: number }
    | undefined
  // The columns of the statement; a running row has a lease by the table's check.
  const stop = db.prepare(STOP_ORDERS).all(node) as { readonly id: string; readonly lease: string }[]
  return {
    isKnown: row !== undefined,
    stop: stop.map(({ id, lease }) => ({ id, lease })),
    pausedQueues: readPausedQueues(db),
    scales: readScales(db),
    wanted: row?.wanted ?? null,
    isWatched: row !== undefined && row.watched_until > db.now,
    breakers: readBreakers(db),
  }
}

/** See {@link Store.orderNode}. */
export function orderNode(db: Db, node: string, wanted: NodeWish | null, order?: Order): boolean {
  // The columns of the statement, in a strict table.
  const row = db.prepare(SET_WISH).get(node, wanted) as { readonly host: string; readonly pid: number } | undefined
  if (row === undefined) return false
  writeAudit(db, order, auditedWish({ node, host: row.host, pid: row.pid }, wanted))
  return true
}

/** See {@link Store.watchNodes}. */
export function watchNodes(db: Db, forMs: number): void {
  db.prepare(WATCH).run(db.now, wholeNumber(Math.ceil(forMs)))
}

/** See {@link Store.readNodes}. */
export function readNodes(db: Db): readonly NodeRecord[] {
  // The columns of the statement, in a strict table.
  const rows = db.prepare(READ_NODES).all(db.now - DEAD_NODE_KEPT_MS) as NodeRow[]
  return rows.map((row) => decodeNode(row, db.now))
}

/** See {@link Store.retireNode}. A node that was declared dead stays listed as that: it holds nothing any more. */
export function retireNode(db: Db, node: string): void {
  giveBackJobs(db, readHeld(db, node))
  db.prepare(RETIRE).run(node)
}

function decodeNode(row: NodeRow, now: number): NodeRecord {
  return {
    id: row.id,
    host: row.host,
    pid: row.pid,
    pidScope: row.pid_scope,
    pidStart: row.pid_start,
    version: row.version,
    startedAt: row.started_at,
    beatAt: row.beat_at,
    beatAgeMs: now - row.beat_at,
    beatSeq: row.beat_seq,
    isDead: row.dead_at !== null,
    rescue: decodeRescue(row),
    wanted: row.wanted,
    // These three were written by `registerNode` and `beat` from values of these types.
    queues: (parseJson(row.queues) ?? []) as readonly string[],
    jobs: (parseJson(row.jobs) ?? []) as readonly PublishedJob[],
    snapshot: row.snapshot === null ? null : (parseJson(row.snapshot) as NodeSnapshot | null),
  }
}

function decodeRescue({ rescue, dead_at: at }: NodeRow): NodeRescue | null {
  if (rescue === null || at === null) return null
  // Written by `rescueNode` from a value of this type.
  const known = parseJson(rescue) as Omit<NodeRescue, 'at'> | null
  return known === null ? null : { ...known, at }
}
