/** `giveBackJobs`: jobs that return to their old place, as if they had never been claimed. */

import type { FencedAnswer, HeldJob } from '../../store.ts'
import type { Db } from '../connection.ts'
import { hasLog } from './add-logs.ts'
import { CANCELLED_BY_OPERATOR, EndedCounter, moveToCancelled, recordAttempt } from './end-job.ts'

const READ_HELD = `
  select id, queue, attempt, node, started_at, cancel_requested from millrace_job
  where id = ? and lease = ? and state = 'running'`

const HELD_BY_NODE = `select id, lease from millrace_job where node = ? and state = 'running'`

// The due time stays, and with it the place. The lease goes, so that a late write about this claim is stale.
const GIVE_BACK = `
  update millrace_job set state = 'queued', attempt = max(0, attempt - 1), lease = null, node = null, claimed_at = null,
    started_at = null, progress = null
  where id = ? and lease = ? and state = 'running'`

interface HeldRow {
  readonly id: string
  readonly queue: string
  readonly attempt: number
  readonly node: string
  readonly started_at: number | null
  readonly cancel_requested: number
}

/** See {@link Store.giveBackJobs}. */
export function giveBackJobs(db: Db, held: readonly HeldJob[]): FencedAnswer {
  const stale: string[] = []
  const counter = new EndedCounter()
  for (const job of held) {
    // The columns of the statement, in a strict table.
    const row = db.prepare(READ_HELD).get(job.id, job.lease) as HeldRow | undefined
    if (row === undefined) {
      stale.push(job.id)
      continue
    }
    if (hasLog(db, job)) {
      const { id, attempt, node, started_at: startedAt } = row
      recordAttempt(db, {
        ...{ id, attempt, lease: job.lease, node, startedAt, endedAt: db.now },
        ...{ error: null, isFailure: false },
      })
    }
    if (row.cancel_requested === 1) {
      moveToCancelled(db, job.id, null, db.now, CANCELLED_BY_OPERATOR)
      counter.add(row.queue, db.now)
    } else {
      db.prepare(GIVE_BACK).run(job.id, job.lease)
    }
  }
  counter.write(db)
  return { stale }
}

/** The jobs that a node holds. */
export function readHeld(db: Db, node: string): readonly HeldJob[] {
  // The columns of the statement; a running row has a lease by the table's check.
  return db.prepare(HELD_BY_NODE).all(node) as HeldJob[]
}
