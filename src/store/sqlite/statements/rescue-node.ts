/**
 * `rescueNode`: declares a node dead and frees what it held, in one transaction that is guarded by the beat: a node that has
 * beaten meanwhile keeps everything, and of two rescuers one comes too late.
 */

import { crashError, decideRescue, rescueNote } from '../../rescue-decision.ts'
import { rescueForensics, type DeadNode, type DyingJob } from '../../rescue-forensics.ts'
import type { NodeSnapshot, RescueAnswer, RescueRequest } from '../../store.ts'
import type { Db } from '../connection.ts'
import { CANCELLED_BY_OPERATOR, EndedCounter, moveToCancelled, moveToDead, recordAttempt } from './end-job.ts'
import { encodeError, parseJson } from '../../stored-values.ts'
import { releaseNotices } from './notices.ts'

const DECLARE_DEAD = `
  update millrace_node set dead_at = ?3 where id = ?1 and beat_seq = coalesce(?2, beat_seq) and dead_at is null
  returning id, host, pid, version, started_at, beat_at, snapshot`

const NOTE_RESCUE = 'update millrace_node set rescue = ? where id = ?'

const REMOVE_NODE = 'delete from millrace_node where id = ?'

const HELD_BY_NODE = `
  select id, lease, queue, name, attempt, max_attempts, crashes, started_at, cancel_requested, created_at, due_at, claimed_at
  from millrace_job indexed by millrace_job_running where state = 'running' and node = ? order by seq`

// The due time stays, and with it the place. The lease goes: if the node lives after all, its late writes are stale.
const REQUEUE = `
  update millrace_job set state = 'queued', attempt = ?2, crashes = ?3, error = ?4, lease = null, node = null, claimed_at = null,
    started_at = null, progress = null
  where id = ?1`

interface HeldRow {
  readonly id: string
  readonly lease: string
  readonly queue: string
  readonly name: string
  readonly attempt: number
  readonly max_attempts: number
  readonly crashes: number
  readonly started_at: number | null
  readonly cancel_requested: number
  readonly created_at: number
  readonly due_at: number
  readonly claimed_at: number | null
}

interface DeadRow {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly version: string
  readonly started_at: number
  readonly beat_at: number
  readonly snapshot: string | null
}

/** See {@link Store.rescueNode}. */
export function rescueNode(db: Db, request: RescueRequest): RescueAnswer | null {
  const { node, beatSeq, quarantineAfter, blame } = request
  // The columns of the statement, in a strict table.
  const dead = db.prepare(DECLARE_DEAD).get(node, beatSeq, db.now) as DeadRow | undefined
  if (dead === undefined) return null
  const requeued: string[] = []
  const failed: string[] = []
  const cancelled: string[] = []
  const quarantined: string[] = []
  const counter = new EndedCounter()
  const crash = crashError(dead, node)
  // The columns of the statement, in a strict table.
  const rows = db.prepare(HELD_BY_NODE).all(node) as HeldRow[]
  const facts = { dead: deadNode(dead), heldJobs: rows.length, by: request.by ?? null, now: db.now }
  for (const row of rows) {
    const { id, attempt, lease, started_at: startedAt } = row
    const held = {
      id,
      lease,
      name: row.name,
      attempt,
      maxAttempts: row.max_attempts,
      crashes: row.crashes,
      isStarted: startedAt !== null,
      isCancelRequested: row.cancel_requested === 1,
    }
    const decision = decideRescue(held, { error: crash, quarantineAfter, blame })
    const { crashes } = decision
    recordAttempt(db, { id, attempt, lease, node, startedAt, endedAt: db.now, error: decision.crash, isFailure: true })
    if (decision.type !== 'requeue') counter.add(row.queue, db.now)
    switch (decision.type) {
      case 'requeue':
        db.prepare(REQUEUE).run(id, decision.attempt, crashes, encodeError(decision.crash))
        requeued.push(id)
        break
      case 'fail':
        moveToDead(db, {
          id,
          crashes,
          lease: null,
          endedAt: db.now,
          error: decision.error,
          forensics: rescueForensics(facts, dying(row, crashes)),
        })
        failed.push(id)
        if (decision.isQuarantined) quarantined.push(id)
        break
      case 'cancel':
        moveToCancelled(db, id, null, db.now, CANCELLED_BY_OPERATOR)
        cancelled.push(id)
    }
  }
  counter.write(db)
  releaseNotices(db, node)
  if (blame === 'nobody') db.prepare(REMOVE_NODE).run(node)
  else db.prepare(NOTE_RESCUE).run(rescueNote(request, { requeued, failed, cancelled, quarantined }), node)
  return { requeued, failed, cancelled, quarantined }
}

function deadNode({ id, host, pid, version, started_at, beat_at, snapshot }: DeadRow): DeadNode {
  // Written by `beat` from a value of this type.
  const told = snapshot === null ? null : (parseJson(snapshot) as NodeSnapshot | null)
  return { id, host, pid, version, startedAt: started_at, beatAt: beat_at, snapshot: told }
}

function dying(row: HeldRow, crashes: number): DyingJob {
  const { queue, created_at: createdAt, due_at: dueAt, claimed_at: claimedAt, started_at: startedAt } = row
  return { queue, crashes, createdAt, dueAt, claimedAt: claimedAt ?? dueAt, startedAt }
}
