/**
 * `rescueNode`: declares a node dead and frees what it held, in one transaction that is guarded by the beat: a node that has
 * beaten meanwhile keeps everything, and of two rescuers one comes too late.
 *
 * A claim of that node which is under way holds a lock on its row, so the declaration waits for it and then sees its lease.
 */

import type { ErrorRecord } from '../../../job/job.ts'
import { crashError, decideRescue, rescueNote } from '../../rescue-decision.ts'
import { rescueForensics, type DeadNode, type DyingJob, type RescueFacts } from '../../rescue-forensics.ts'
import type { NodeSnapshot, RescueAnswer, RescueRequest } from '../../store.ts'
import { encodeError, parseJson } from '../../stored-values.ts'
import { plainArray, textArray } from '../array-literal.ts'
import type { Db, Row } from '../database.ts'
import { isLockTaken } from '../errors.ts'
import { NO_UUID, UNDER_LEASE } from '../rows.ts'
import { releaseNotices } from './notices.ts'
import {
  CANCELLED_BY_OPERATOR,
  countEnded,
  moveToCancelled,
  moveToDead,
  raiseGeneration,
  recordAttempts,
  type EndedAttempt,
  type EndedJob,
} from './end-jobs.ts'

// The lock keeps out claims of the node; its own beats it would only delay.
const LOCK_NODE =
  'select host, pid from /* schema */.node where id = $1::uuid and beat_seq = coalesce($2::bigint, beat_seq) and dead_at is null for update'

// Nothing when its row is gone.
const READ_DEAD = 'select version, started_at, beat_at, snapshot from /* schema */.node where id = $1::uuid'

const DECLARE_DEAD = 'update /* schema */.node set dead_at = (select /* schema */.now_ms()) where id = $1::uuid'

const NOTE_RESCUE = 'update /* schema */.node set rescue = $2 where id = $1::uuid'

const REMOVE_NODE = 'delete from /* schema */.node where id = $1::uuid'

const heldByNode = (lock: string): string => `
  select j.id, j.lease, j.queue, j.name, j.attempt, j.max_attempts, j.crashes, j.started_at, j.cancel_requested,
    j.created_at, j.due_at, j.claimed_at, (select /* schema */.now_ms())
  from /* schema */.lease l cross join ${UNDER_LEASE}
  where l.node = $1::uuid order by j.seq ${lock}`

const HELD_BY_NODE = heldByNode('for update of j')

const HELD_AND_UNLOCKED = heldByNode('for update of j skip locked')

// A dead process may have left a transaction of the user's own open, in which it ended a job: until the server learns that it
// is gone, or for as long as it is stopped. So may another rescuer have been stopped. That is waited for a moment, in which
// most of them end; the rescue of other nodes must not have to wait for it.
const BEFORE_WAITING = `savepoint before_waiting; set local lock_timeout = '1s'`
const AFTER_WAITING = 'rollback to savepoint before_waiting'

// The place in the ready index stays. The lease goes: if the node lives after all, its late writes are stale. So does the one
// that was acked before: since the claim its ack is not known again.
const REQUEUE = `
  update /* schema */.job j set attempt = r.attempt, crashes = r.crashes, error = r.error, lease = '${NO_UUID}',
    last_lease = '${NO_UUID}', claimed_at = 0, started_at = 0, progress = null
  from unnest($1::uuid[], $2::integer[], $3::integer[], $4::text[]) r (id, attempt, crashes, error) where j.id = r.id`

// A lease that still holds what is in such a transaction stays: pruning frees that once the transaction has ended.
const DROP_LEASES = `
  delete from /* schema */.lease l where l.node = $1::uuid and not exists (select 1 from ${UNDER_LEASE})`

type HeldRow = readonly [
  id: string,
  lease: string,
  queue: string,
  name: string,
  attempt: number,
  maxAttempts: number,
  crashes: number,
  startedAt: number,
  isCancelRequested: boolean,
  createdAt: number,
  dueAt: number,
  claimedAt: number,
  now: number,
]

/** See {@link Store.rescueNode}. */
export async function rescueNode(db: Db, request: RescueRequest): Promise<RescueAnswer | null> {
  const [dead] = (await unlessLocked(db, () => db.query(LOCK_NODE, [request.node, request.beatSeq]))) ?? []
  if (dead === undefined) return null
  await db.query(DECLARE_DEAD, [request.node])
  const answer = await freeJobs(db, request, { host: String(dead[0]), pid: Number(dead[1]) })
  if (request.blame === 'nobody') await db.query(REMOVE_NODE, [request.node])
  else await db.query(NOTE_RESCUE, [request.node, rescueNote(request, answer)])
  return answer
}

/** Frees what a node holds that is dead. */
export async function freeJobs(
  db: Db,
  { node, by, quarantineAfter, blame }: Omit<RescueRequest, 'beatSeq'>,
  dead: { readonly host: string; readonly pid: number },
): Promise<RescueAnswer> {
  const attempts: EndedAttempt[] = []
  const toRequeue: {
    readonly id: string
    readonly attempt: number
    readonly crashes: number
    readonly error: ErrorRecord
  }[] = []
  const toFail: { readonly ended: EndedJob; readonly dying: DyingJob }[] = []
  const toCancel: EndedJob[] = []
  const quarantined: string[] = []
  const crash = crashError(dead, node)
  // The columns of the statement.
  const rows = (await lockHeld(db, node)) as unknown as readonly HeldRow[]
  for (const row of rows) {
    const [id, lease, queue, name, attempt, maxAttempts, before, startedAt, isCancelRequested, ...times] = row
    const [createdAt, dueAt, claimedAt, now] = times
    const held = {
      id,
      lease,
      name,
      attempt,
      maxAttempts,
      crashes: before,
      isStarted: startedAt !== 0,
      isCancelRequested,
    }
    const decision = decideRescue(held, { error: crash, quarantineAfter, blame })
    const { crashes } = decision
    attempts.push({ id, attempt, lease, node, startedAt, endedAt: now, error: decision.crash, isFailure: true })
    const ended = { id, queue, lease: null, node, crashes, startedAt: null, endedAt: now, progress: null }
    if (decision.type === 'requeue') {
      toRequeue.push({ id, attempt: decision.attempt, crashes, error: decision.crash })
    } else if (decision.type === 'fail') {
      const dying = { queue, crashes, createdAt, dueAt, claimedAt, startedAt: startedAt === 0 ? null : startedAt }
      toFail.push({ ended: { ...ended, error: decision.error }, dying })
      if (decision.isQuarantined) quarantined.push(id)
    } else {
      toCancel.push({ ...ended, error: CANCELLED_BY_OPERATOR })
    }
  }
  await recordAttempts(db, attempts)
  if (toRequeue.length > 0) {
    await db.query(REQUEUE, [
      plainArray(toRequeue.map(({ id }) => id)),
      plainArray(toRequeue.map(({ attempt }) => attempt)),
      plainArray(toRequeue.map(({ crashes }) => crashes)),
      textArray(toRequeue.map(({ error }) => encodeError(error))),
    ])
    await raiseGeneration(db)
  }
  const failed =
    toFail.length === 0
      ? []
      : await withForensics(db, toFail, { id: node, ...dead }, { by: by ?? null, heldJobs: rows.length })
  await moveToDead(db, failed)
  await moveToCancelled(db, toCancel)
  await countEnded(db, [...failed, ...toCancel], null)
  await db.query(DROP_LEASES, [node])
  await releaseNotices(db, node)
  const idsOf = (jobs: readonly { readonly id: string }[]): string[] => jobs.map(({ id }) => id)
  return { requeued: idsOf(toRequeue), failed: idsOf(failed), cancelled: idsOf(toCancel), quarantined }
}

type DeadRow = readonly [version: string, startedAt: number, beatAt: number, snapshot: string | null]

/** The jobs that fail, with what is known of their node. */
async function withForensics(
  db: Db,
  jobs: readonly { readonly ended: EndedJob; readonly dying: DyingJob }[],
  dead: Pick<DeadNode, 'id' | 'host' | 'pid'>,
  rescue: Pick<RescueFacts, 'by' | 'heldJobs'>,
): Promise<readonly EndedJob[]> {
  // The columns of the statement.
  const [row] = (await db.query(READ_DEAD, [dead.id])) as unknown as readonly DeadRow[]
  const [version, startedAt, beatAt, told] = row ?? [null, null, null, null]
  // Written by `beat` from a value of this type.
  const snapshot = told === null ? null : (parseJson(told) as NodeSnapshot | null)
  const known = { ...dead, version, startedAt, beatAt, snapshot }
  return jobs.map(({ ended, dying }) => ({
    ...ended,
    forensics: rescueForensics({ dead: known, now: ended.endedAt, ...rescue }, dying),
  }))
}

/** Locks the jobs of a node, but for those that somebody else keeps locked. */
async function lockHeld(db: Db, node: string): Promise<readonly Row[]> {
  const all = await unlessLocked(db, () => db.query(HELD_BY_NODE, [node]))
  return all ?? db.query(HELD_AND_UNLOCKED, [node])
}

/** What a statement answers that waits for locks, but not for long; null when it would have to wait longer. */
async function unlessLocked(db: Db, run: () => Promise<readonly Row[]>): Promise<readonly Row[] | null> {
  await db.query(BEFORE_WAITING)
  try {
    return await run()
  } catch (error) {
    if (!isLockTaken(error)) throw error
    await db.query(AFTER_WAITING)
    return null
  }
}
