/** What the store knows when the work is done: how many jobs are in which state, their results, and why some failed. */

import { JOB_STATES, type JobState, type JobSummary, type Runner } from '../index.ts'
import { groupFailures, type FailureGroup } from './failures.ts'
import type { ManifestFacts } from './jobs/manifests.ts'
import type { Fingerprint } from './jobs/sources.ts'

/** How many jobs are in each state. */
export type StateCounts = Readonly<Record<JobState, number>>

/** All jobs of the run. */
export interface Tally {
  readonly total: StateCounts
  readonly byQueue: ReadonlyMap<string, StateCounts>
  readonly failures: readonly FailureGroup[]
  readonly manifests: readonly ManifestFacts[]
  readonly fingerprints: readonly Fingerprint[]
}

/** Reads all jobs, a page at a time. */
export async function tallyOf(runner: Runner): Promise<Tally> {
  const total = noJobs()
  const byQueue = new Map<string, Record<JobState, number>>()
  const failed: JobSummary[] = []
  const manifests: ManifestFacts[] = []
  const fingerprints: Fingerprint[] = []
  for await (const job of allJobs(runner)) {
    const counts = byQueue.get(job.queue) ?? noJobs()
    byQueue.set(job.queue, counts)
    total[job.state]++
    counts[job.state]++
    if (job.state === 'failed') failed.push(job)
    if (job.state !== 'completed') continue
    // The names are those of the registered functions, and the results what they returned.
    if (job.name === 'manifests.read') manifests.push(job.result as ManifestFacts)
    if (job.name === 'sources.fingerprint') fingerprints.push(job.result as Fingerprint)
  }
  return { total, byQueue, failures: groupFailures(failed), manifests, fingerprints }
}

/** How many jobs have ended, in whatever way. */
export function endedOf({ completed, failed, cancelled }: StateCounts): number {
  return completed + failed + cancelled
}

/** How many jobs there are. */
export function sumOf(counts: StateCounts): number {
  return JOB_STATES.reduce((sum, state) => sum + counts[state], 0)
}

/** No job in any state. */
export function noJobs(): Record<JobState, number> {
  return { scheduled: 0, queued: 0, running: 0, completed: 0, failed: 0, cancelled: 0 }
}

async function* allJobs(runner: Runner): AsyncGenerator<JobSummary> {
  let after: string | undefined
  do {
    const page = await runner.list({ limit: 500, after })
    yield* page.jobs
    after = page.next
  } while (after !== undefined)
}
