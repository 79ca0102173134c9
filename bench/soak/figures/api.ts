/** The figures as the API tells them: `metrics()`, `list()`, `dead.list()` and `queues()`. */

import type { JobSummary } from '../../../src/index.ts'
import type { LoadRunner } from '../load.ts'
import type { LoadNode } from '../node.ts'
import { jobKey } from './events.ts'
import type { FiguresSource, JobFigures, Reading } from './figures.ts'

const NAME = 'API'
/** What a crash loses of the history: it is written every ten seconds; a second more for a write that takes its time. */
const FLUSH_MS = 11_000
/** A percentile is the middle of a bucket, off by at most this share; the shortest buckets are a microsecond wide. */
const BUCKET_SHARE = 1 / 32
const SHORTEST_BUCKET_MS = 0.001
const PAGE = 1_000

export function apiSource(runner: LoadRunner, nodes: () => readonly LoadNode[]): FiguresSource {
  return {
    name: NAME,
    // What a node has not written yet it writes as it ends.
    when: 'nodes-ended',
    read: async () => {
      const [metrics, jobs, dead, queues] = await Promise.all([
        runner.metrics({ since: '2d' }),
        listAll((after) => runner.list({ limit: PAGE, after })),
        listAll((after) => runner.dead.list({ limit: PAGE, after })),
        runner.queues(),
      ])
      const enqueued = countsOf(jobs)
      const deadLetters = countsOf(dead)
      return {
        source: NAME,
        jobs: metrics.jobs.map(({ queue, name, run: { mean, p95 }, ...attempts }): JobFigures => {
          const width = (p95 ?? 0) * BUCKET_SHARE + SHORTEST_BUCKET_MS
          return {
            queue,
            name,
            enqueued: enqueued.get(jobKey(queue, name)) ?? 0,
            attempts,
            run: {
              count: attempts.attempts,
              sumMs: (mean ?? 0) * attempts.attempts,
              p95: { from: (p95 ?? 0) - width, to: (p95 ?? 0) + width },
            },
            deadLetters: deadLetters.get(jobKey(queue, name)) ?? 0,
          }
        }),
        depth: queues.reduce((sum, { depth, scheduled, running }) => sum + depth + scheduled + running, 0),
        losses: nodes().flatMap(({ name, killedAt }) =>
          killedAt === null ? [] : [{ node: name, surelyUntil: killedAt - FLUSH_MS, perhapsUntil: Infinity }],
        ),
      } satisfies Reading
    },
  }
}

/** All pages of a list. */
export async function listAll<Job extends JobSummary>(
  page: (after: string | undefined) => Promise<{ readonly jobs: readonly Job[]; readonly next?: string | undefined }>,
): Promise<readonly Job[]> {
  const all: Job[] = []
  let after: string | undefined
  do {
    const { jobs, next } = await page(after)
    all.push(...jobs)
    after = next
  } while (after !== undefined)
  return all
}

function countsOf(jobs: readonly JobSummary[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const { queue, name } of jobs) counts.set(jobKey(queue, name), (counts.get(jobKey(queue, name)) ?? 0) + 1)
  return counts
}
