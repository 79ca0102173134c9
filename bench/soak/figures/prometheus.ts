/** The figures as Prometheus sees them: the last scrape of every process, added up. */

import { OUTCOMES, type AttemptOutcome } from '../../../src/metrics/attempt-totals.ts'
import { readMetrics, type ReadMetrics, type ReadSample } from '../../../test/support/prometheus.ts'
import type { LoadNode } from '../node.ts'
import { jobKey } from './events.ts'
import type { FiguresSource, JobFigures, MsRange, Reading } from './figures.ts'

const NAME = 'Prometheus'

/** @param parent reads the metrics of the process that enqueues */
export function prometheusSource(nodes: () => readonly LoadNode[], parent: () => Promise<string>): FiguresSource {
  return {
    name: NAME,
    when: 'nodes-live',
    read: async () => {
      const living = nodes().filter(({ killedAt }) => killedAt === null)
      await Promise.all(living.map((node) => node.scrape()))
      const texts = nodes().flatMap(({ lastScrape }) => (lastScrape === null ? [] : [lastScrape.text]))
      const now = readMetrics(living[0]?.lastScrape?.text ?? '\n')
      return {
        source: NAME,
        jobs: jobsOf([...texts, await parent()].map(readMetrics)),
        depth: ['queue_depth', 'queue_scheduled', 'queue_running']
          .flatMap((name) => samplesOf(now, name))
          .reduce((sum, { value }) => sum + value, 0),
        losses: nodes().flatMap(({ name, killedAt, lastScrape }) =>
          killedAt === null
            ? []
            : [{ node: name, surelyUntil: lastScrape?.from ?? 0, perhapsUntil: lastScrape?.to ?? 0 }],
        ),
      } satisfies Reading
    },
  }
}

/** How many attempts came to this, in one text. */
export function attemptsIn(text: string, name: string, outcome: AttemptOutcome): number {
  return valueOf(readMetrics(text), 'attempts_total', { name, outcome })
}

function jobsOf(all: readonly ReadMetrics[]): readonly JobFigures[] {
  const of = all.flatMap((read) => ['attempts_total', 'enqueued_total'].flatMap((name) => samplesOf(read, name)))
  const names = new Map(of.map(({ labels: { queue = '', name = '' } }) => [jobKey(queue, name), { queue, name }]))
  return [...names.values()].map(({ queue, name }) => {
    const labels = { queue, name }
    const total = (metric: string, more: Readonly<Record<string, string>>) =>
      all.reduce((sum, read) => sum + valueOf(read, metric, { ...labels, ...more }), 0)
    const runs = all.flatMap((read) => samplesOf(read, 'attempt_run_seconds', labels))
    const attempts = OUTCOMES.map((outcome) => [outcome, total('attempts_total', { outcome })] as const)
    return {
      ...labels,
      enqueued: total('enqueued_total', { status: 'created' }),
      // It has each outcome once.
      attempts: Object.fromEntries(attempts) as Record<AttemptOutcome, number>,
      run: {
        count: runs.reduce((total, { count }) => total + count, 0),
        sumMs: runs.reduce((total, { sum }) => total + sum, 0) * 1_000,
        p95: percentile(runs),
      },
      deadLetters: null,
    }
  })
}

/** The bucket that the 95th percentile lies in. */
function percentile(runs: readonly ReadSample[]): MsRange {
  const buckets = new Map<number, number>()
  for (const [bound, below] of runs.flatMap((run) => [...run.buckets])) {
    buckets.set(bound * 1_000, (buckets.get(bound * 1_000) ?? 0) + below)
  }
  const rank = Math.ceil(0.95 * runs.reduce((total, { count }) => total + count, 0))
  let from = 0
  for (const [bound, below] of [...buckets].sort(([one], [other]) => one - other)) {
    if (below >= rank) return { from, to: bound }
    from = bound
  }
  return { from, to: Infinity }
}

function valueOf(read: ReadMetrics, name: string, labels: Readonly<Record<string, string>>): number {
  return samplesOf(read, name, labels).reduce((sum, { value }) => sum + value, 0)
}

/** The samples of one of our metrics that have at least these labels. */
function samplesOf(
  read: ReadMetrics,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): readonly ReadSample[] {
  const { samples } = read.families.find((family) => family.name === `millrace_${name}`) ?? { samples: [] }
  return samples.filter((sample) => Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
}
