/** `cancelJobs`: waiting jobs end at once; a running one is asked to stop, and its node learns it from `readOrders`. */

import { unreachable } from '../../../host/errors.ts'
import type { Chosen } from '../../bulk-target.ts'
import type { BulkAnswer } from '../../store.ts'
import type { Db } from '../connection.ts'
import { changeEach } from './bulk-target.ts'
import { CANCELLED_BY_OPERATOR, EndedCounter, moveToCancelled } from './end-job.ts'
import { readRow } from './read-job.ts'

const ASK_TO_STOP = `update millrace_job set cancel_requested = 1 where id = ? and state = 'running'`

/** See {@link Store.cancelJobs}. */
export function cancelJobs(db: Db, chosen: Chosen): BulkAnswer {
  const counter = new EndedCounter()
  const answer = changeEach(chosen, (id) => {
    const row = readRow(db, id)
    if (row === null) return 'unknown'
    switch (row.state) {
      case 'scheduled':
      case 'queued':
        // The lease of an ended attempt goes along: its ack, if it comes again, is still known.
        moveToCancelled(db, id, row.lease, db.now, CANCELLED_BY_OPERATOR)
        counter.add(row.queue, db.now)
        return null
      case 'running':
        db.prepare(ASK_TO_STOP).run(id)
        return null
      case 'completed':
      case 'failed':
      case 'cancelled':
        return row.state
      default:
        return unreachable(row.state)
    }
  })
  counter.write(db)
  return answer
}
