/** `deleteJobs`: jobs go with all that is kept of them. */

import type { Chosen } from '../../bulk-target.ts'
import type { BulkAnswer } from '../../store.ts'
import type { Db } from '../connection.ts'
import { changeEach } from './bulk-target.ts'
import { removeLive, removeTraces } from './end-job.ts'
import { readRow } from './read-job.ts'

const REMOVE_DEAD = 'delete from millrace_dead where id = ?'

const REMOVE_HISTORY = 'delete from millrace_history where id = ?'

/** See {@link Store.deleteJobs}. */
export function deleteJobs(db: Db, chosen: Chosen): BulkAnswer {
  return changeEach(chosen, (id) => {
    const row = readRow(db, id)
    if (row === null) return 'unknown'
    if (row.state === 'running') return 'running'
    removeLive(db, id)
    db.prepare(REMOVE_DEAD).run(id)
    db.prepare(REMOVE_HISTORY).run(id)
    removeTraces(db, id)
    return null
  })
}
