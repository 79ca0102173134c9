/** The figures as Prometheus sees them: the last scrape of every process, added up. */

import type { LoadNode } from '../node.ts'
import { jobKey } from './events.ts'
import { OUTCOMES, type FiguresSource, type JobFigures, type MsRange, type Outcome, type Reading } from './figures.ts'
import { readPrometheusText, type TextSample } from './prometheus-text.ts'

type Samples = ReadonlyMap<string, readonly TextSample[]>

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
      const now = readPrometheusText(living[0]?.lastScrape?.text ?? '\n')
      return {
        source: NAME,
        jobs: jobsOf([...texts, await parent()].map(readPrometheusText)),
        depth: ['queue_depth', 'queue_scheduled', 'queue_running']
          .flatMap((name) => now.get(`millrace_${name}`) ?? [])
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
export function attemptsIn(text: string, name: string, outcome: Outcome): number {
  return sumOf(readPrometheusText(text), 'millrace_attempts_total', { name, outcome })
}

function jobsOf(all: readonly Samples[]): readonly JobFigures[] {
  const of = all.flatMap((samples) =>
    ['attempts', 'enqueued'].flatMap((name) => samples.get(`millrace_${name}_total`) ?? []),
  )
  const names = new Map(of.map(({ labels: { queue = '', name = '' } }) => [jobKey(queue, name), { queue, name }]))
  const total = (metric: string, labels: Readonly<Record<string, string>>) =>
    all.reduce((sum, samples) => sum + sumOf(samples, `millrace_${metric}`, labels), 0)
  return [...names.values()].map(({ queue, name }) => {
    const labels = { queue, name }
    const count = total('attempt_run_seconds_count', labels)
    const attempts = OUTCOMES.map((outcome) => [outcome, total('attempts_total', { ...labels, outcome })] as const)
    return {
      ...labels,
      enqueued: total('enqueued_total', { ...labels, status: 'created' }),
      // It has each outcome once.
      attempts: Object.fromEntries(attempts) as Record<Outcome, number>,
      run: { count, sumMs: total('attempt_run_seconds_sum', labels) * 1_000, p95: percentile(all, labels, count) },
      deadLetters: null,
    }
  })
}

/** The bucket that the 95th percentile lies in. */
function percentile(all: readonly Samples[], labels: Readonly<Record<string, string>>, count: number): MsRange {
  const buckets = new Map<number, number>()
  for (const samples of all) {
    for (const sample of samples.get('millrace_attempt_run_seconds_bucket') ?? []) {
      if (!matches(sample, labels)) continue
      const bound = sample.labels['le'] === '+Inf' ? Infinity : Number(sample.labels['le']) * 1_000
      buckets.set(bound, (buckets.get(bound) ?? 0) + sample.value)
    }
  }
  const rank = Math.ceil(0.95 * count)
  let from = 0
  for (const [bound, below] of [...buckets].sort(([one], [other]) => one - other)) {
    if (below >= rank) return { from, to: bound }
    from = bound
  }
  return { from, to: Infinity }
}

function sumOf(samples: Samples, name: string, labels: Readonly<Record<string, string>>): number {
  const matching = (samples.get(name) ?? []).filter((sample) => matches(sample, labels))
  return matching.reduce((sum, { value }) => sum + value, 0)
}

function matches(sample: TextSample, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
}
