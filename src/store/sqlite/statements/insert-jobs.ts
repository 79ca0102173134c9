/** `insertJobs`: new jobs, all or none. */

import type { NewJob } from '../../../job/job.ts'
import type { InsertedJob } from '../../store.ts'
import type { Db } from '../connection.ts'
import { encodeBackoff, plainText, plainTextOrNull, wholeNumber } from '../../stored-values.ts'

const INSERT = `
  insert into millrace_job (id, name, queue, state, args, args_codec, priority, due_at, created_at, max_attempts, backoff, timeout_ms, key, tags, trace)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (id) do nothing`

const HAS_ENDED = `
  select 1 as found from millrace_history where id = ?1
  union all
  select 1 as found from millrace_dead where id = ?1`

/** See {@link Store.insertJobs}. */
export function insertJobs(db: Db, jobs: readonly NewJob[]): readonly InsertedJob[] {
  const insert = db.prepare(INSERT)
  return jobs.map((job): InsertedJob => {
    const id = plainText(job.id)
    // A random id cannot be in use by an ended job; only a chosen one is worth the two look-ups.
    if (job.isIdChosen && db.prepare(HAS_ENDED).get(id) !== undefined) return { id, status: 'duplicate' }
    const dueAt = dueTime(job, db.now)
    const { changes } = insert.run(
      id,
      plainText(job.name),
      plainText(job.queue),
      dueAt > db.now ? 'scheduled' : 'queued',
      plainText(job.args.text),
      job.args.codec,
      job.priority,
      wholeNumber(dueAt),
      db.now,
      job.maxAttempts,
      encodeBackoff(job.backoff),
      job.timeoutMs,
      plainTextOrNull(job.key),
      job.tags.length === 0 ? '[]' : JSON.stringify(job.tags),
      plainTextOrNull(job.trace),
    )
    return { id, status: Number(changes) === 1 ? 'created' : 'duplicate' }
  })
}

/** A time that has passed counts as now: the job became due when it was stored, behind those that were due before. */
function dueTime(job: NewJob, now: number): number {
  if (job.due === null) return now
  return Math.max(now, Math.ceil('at' in job.due ? job.due.at : now + job.due.delayMs))
}
