/** Which jobs an operator's verb is about, and the answer that all of these verbs give. */

import { JOB_STATES, type JobState } from '../../../job/job.ts'
import type { Chosen } from '../../bulk-target.ts'
import type { BulkAnswer, JobFilter, JobPage, JobQuery, JobTarget } from '../../store.ts'

/**
 * Named jobs as they are; for a filter the newest `limit` that match and are in one of `states`. A running job whose stop
 * was asked for already has nothing left to change. `readPage` reads one bounded page: there may be many without a match.
 */
export function chooseJobs(
  target: JobTarget,
  states: readonly JobState[],
  readPage: (query: JobQuery) => JobPage,
): Chosen {
  if ('ids' in target) return { ids: target.ids, isNamed: true, next: null }
  const wanted = new Set(target.filter.states ?? JOB_STATES)
  const filter: JobFilter = { ...target.filter, states: states.filter((state) => wanted.has(state)) }
  const ids: string[] = []
  let { after } = target
  for (;;) {
    // One more than asked tells whether there are more.
    const limit = target.limit + 1 - ids.length
    const page = readPage({ ...filter, limit, after, searchLimit: 0 })
    for (const job of page.jobs) if (!job.isCancelRequested) ids.push(job.id)
    if (ids.length > target.limit) {
      const chosen = ids.slice(0, target.limit)
      return { ids: chosen, isNamed: false, next: chosen.at(-1) ?? null }
    }
    if (page.next === null) return { ids, isNamed: false, next: null }
    after = page.next
  }
}

/** Changes the chosen jobs one by one; `change` answers null when it did, else why the job was left as it is. */
export function changeEach(chosen: Chosen, change: (id: string) => JobState | 'unknown' | null): BulkAnswer {
  const changed: string[] = []
  const skipped: { readonly id: string; readonly reason: JobState | 'unknown' }[] = []
  for (const id of chosen.ids) {
    const reason = change(id)
    if (reason === null) changed.push(id)
    // A filter's job that was changed by somebody since it was chosen no longer matches.
    else if (chosen.isNamed) skipped.push({ id, reason })
  }
  return { changed, skipped, next: chosen.next }
}
