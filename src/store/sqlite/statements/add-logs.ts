/** Log lines of attempts. */

import type { Db } from '../connection.ts'
import { plainText } from '../../stored-values.ts'

const ADD_LINE = 'insert into millrace_job_log (job_id, lease, line) values (?, ?, ?)'

const HAS_LINE = 'select 1 as found from millrace_job_log where job_id = ? and lease = ? limit 1'

/** Adds lines to the log of the attempt that is named by job and lease. */
export function writeLog(
  db: Db,
  entry: { readonly id: string; readonly lease: string; readonly logs: readonly string[] },
): void {
  if (entry.logs.length === 0) return
  const insert = db.prepare(ADD_LINE)
  for (const line of entry.logs) insert.run(entry.id, entry.lease, plainText(line))
}

/** Whether the attempt has written any line. */
export function hasLog(db: Db, held: { readonly id: string; readonly lease: string }): boolean {
  return db.prepare(HAS_LINE).get(held.id, held.lease) !== undefined
}
