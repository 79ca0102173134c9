/** `retryJobs`: failed and cancelled jobs live again. What is kept of their earlier attempts stays. */

import type { Chosen } from '../../bulk-target.ts'
import type { BulkAnswer } from '../../store.ts'
import type { Db } from '../connection.ts'
import { changeEach } from './bulk-target.ts'
import { CARRIED_COLUMNS } from './end-job.ts'
import { readRow } from './read-job.ts'

const FROM_DEAD = `
  insert into millrace_job (${CARRIED_COLUMNS}, state, due_at, attempt, crashes)
  select ${CARRIED_COLUMNS}, 'queued', ?2, 0, 0 from millrace_dead where id = ?1`

const FROM_HISTORY = `
  insert into millrace_job (${CARRIED_COLUMNS}, state, due_at, attempt, crashes)
  select ${CARRIED_COLUMNS}, 'queued', ?2, 0, 0 from millrace_history where id = ?1 and state = 'cancelled'`

const REMOVE_DEAD = 'delete from millrace_dead where id = ?'

const REMOVE_HISTORY = 'delete from millrace_history where id = ?'

/** See {@link Store.retryJobs}. */
export function retryJobs(db: Db, chosen: Chosen): BulkAnswer {
  return changeEach(chosen, (id) => {
    const row = readRow(db, id)
    if (row === null) return 'unknown'
    if (row.state === 'failed') {
      db.prepare(FROM_DEAD).run(id, db.now)
      db.prepare(REMOVE_DEAD).run(id)
      return null
    }
    if (row.state === 'cancelled') {
      db.prepare(FROM_HISTORY).run(id, db.now)
      db.prepare(REMOVE_HISTORY).run(id)
      return null
    }
    return row.state
  })
}
