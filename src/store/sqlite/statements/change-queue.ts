/** `changeQueue`: settings that outlive processes. */

import { auditedChange } from '../../audit-content.ts'
import type { Order, QueueChange } from '../../store.ts'
import type { Db } from '../connection.ts'
import { plainText } from '../../stored-values.ts'
import { writeAudit } from './audit.ts'

const SET_PAUSED = `
  insert into millrace_queue (name, is_paused) values (?, ?)
  on conflict (name) do update set is_paused = excluded.is_paused`

const SET_SCALE = `
  insert into millrace_queue (name, scale_min, scale_max) values (?, ?, ?)
  on conflict (name) do update set scale_min = excluded.scale_min, scale_max = excluded.scale_max`

/** See {@link Store.changeQueue}. */
export function changeQueue(db: Db, queue: string, change: QueueChange, order?: Order): void {
  if (change.isPaused !== undefined) db.prepare(SET_PAUSED).run(plainText(queue), change.isPaused ? 1 : 0)
  if (change.scale !== undefined) {
    db.prepare(SET_SCALE).run(plainText(queue), change.scale?.min ?? null, change.scale?.max ?? null)
  }
  const done = auditedChange(change)
  if (done !== null) writeAudit(db, order, { ...done, queue })
}
