/** `retryJobs`: failed and cancelled jobs live again. What is kept of their earlier attempts stays. */

import type { Chosen } from '../../bulk-target.ts'
import type { BulkAnswer, RetrySpread } from '../../store.ts'
import type { Db } from '../connection.ts'
import { wholeNumber } from '../../stored-values.ts'
import { changeEach } from './bulk-target.ts'
import { CARRIED_COLUMNS } from './end-job.ts'
import { readRow } from './read-job.ts'

const FROM_DEAD = `
  insert into millrace_job (${CARRIED_COLUMNS}, state, due_at, attempt, crashes)
  select ${CARRIED_COLUMNS}, ?3, ?2, 0, 0 from millrace_dead where id = ?1`

const FROM_HISTORY = `
  insert into millrace_job (${CARRIED_COLUMNS}, state, due_at, attempt, crashes)
  select ${CARRIED_COLUMNS}, ?3, ?2, 0, 0 from millrace_history where id = ?1 and state = 'cancelled'`

const REMOVE_DEAD = 'delete from millrace_dead where id = ?'

const REMOVE_HISTORY = 'delete from millrace_history where id = ?'

/** See {@link Store.retryJobs}. */
export function retryJobs(db: Db, chosen: Chosen, { dueInMs, stepMs }: RetrySpread): BulkAnswer {
  let retried = 0
  return changeEach(chosen, (id) => {
    const row = readRow(db, id)
    if (row === null) return 'unknown'
    if (row.state !== 'failed' && row.state !== 'cancelled') return row.state
    const laterMs = Math.max(0, Math.floor(dueInMs + stepMs * retried))
    const [insert, remove] = row.state === 'failed' ? [FROM_DEAD, REMOVE_DEAD] : [FROM_HISTORY, REMOVE_HISTORY]
    db.prepare(insert).run(id, wholeNumber(db.now + laterMs), laterMs === 0 ? 'queued' : 'scheduled')
    db.prepare(remove).run(id)
    retried += 1
    return null
  })
}
