/** `recordProgress`: news of running jobs. */

import type { FencedAnswer, ProgressNote } from '../../store.ts'
import type { Db } from '../connection.ts'
import { writeLog } from './add-logs.ts'

const SET_PROGRESS = `
  update millrace_job set progress = coalesce(?3, progress)
  where id = ?1 and lease = ?2 and state = 'running'`

/** See {@link Store.recordProgress}. */
export function recordProgress(db: Db, notes: readonly ProgressNote[]): FencedAnswer {
  const stale: string[] = []
  for (const note of notes) {
    const { changes } = db.prepare(SET_PROGRESS).run(note.id, note.lease, note.progress)
    if (Number(changes) === 0) stale.push(note.id)
    else writeLog(db, note)
  }
  return { stale }
}
