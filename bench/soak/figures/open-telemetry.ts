/** The figures as the SDK of OpenTelemetry has them when a process ends, added up. A killed process tells nothing. */

import { OUTCOMES, type AttemptOutcome } from '../../../src/metrics/attempt-totals.ts'
import type { LoadNode } from '../node.ts'
import type { InstrumentPoint } from '../open-telemetry.ts'
import { jobKey } from './events.ts'
import type { FiguresSource, JobFigures, MsRange, Reading } from './figures.ts'

const NAME = 'OpenTelemetry'
const ENDS = ['millrace.job.stop', 'millrace.job.exception'] as const
const DEPTHS = ['millrace.queue.depth.depth', 'millrace.queue.depth.scheduled', 'millrace.queue.depth.running'] as const

/** @param parent what was measured in the process that enqueues */
export function openTelemetrySource(
  nodes: () => readonly Pick<LoadNode, 'name' | 'killedAt' | 'points'>[],
  parent: () => Promise<readonly InstrumentPoint[]>,
): FiguresSource {
  return {
    name: NAME,
    when: 'nodes-ended',
    read: async () => {
      const living = nodes().flatMap(({ points }) => points)
      return {
        source: NAME,
        jobs: jobsOf([...living, ...(await parent())]),
        depth: depthOf(living),
        losses: nodes().flatMap(({ name, killedAt }) =>
          killedAt === null ? [] : [{ node: name, surelyUntil: 0, perhapsUntil: 0 }],
        ),
      } satisfies Reading
    },
  }
}

function jobsOf(points: readonly InstrumentPoint[]): readonly JobFigures[] {
  const enqueues = points.filter(({ instrument }) => instrument === 'millrace.job.enqueue')
  const names = new Map(
    enqueues.map(({ attributes }) => {
      const [queue, name] = [String(attributes['queue']), String(attributes['name'])]
      return [jobKey(queue, name), { queue, name }]
    }),
  )
  return [...names.values()].map(({ queue, name }) => {
    const own = points.filter(({ attributes }) => attributes['queue'] === queue && attributes['name'] === name)
    const ends = own.filter(({ instrument }) => ENDS.some((end) => instrument === end))
    const runs = own.filter(({ instrument }) => ENDS.some((end) => instrument === `${end}.run`))
    const attempts = OUTCOMES.map((outcome) => {
      const points = ends.filter(({ attributes }) => attributes['outcome'] === outcome)
      return [outcome, sumOf(points)] as const
    })
    const created = enqueues.filter((point) => own.includes(point) && point.attributes['status'] === 'created')
    return {
      queue,
      name,
      enqueued: sumOf(created),
      // It has each outcome once.
      attempts: Object.fromEntries(attempts) as Record<AttemptOutcome, number>,
      run: { count: countOf(runs), sumMs: sumOf(runs) * 1_000, p95: percentile(runs) },
      deadLetters: null,
    }
  })
}

/** Every node tells the same of a queue, sooner or later: the most of what they told. */
function depthOf(points: readonly InstrumentPoint[]): number {
  const most = new Map<string, number>()
  for (const { instrument, attributes, value } of points) {
    if (!DEPTHS.some((depth) => depth === instrument)) continue
    const key = `${instrument} ${String(attributes['queue'])}`
    most.set(key, Math.max(most.get(key) ?? 0, value))
  }
  return [...most.values()].reduce((sum, value) => sum + value, 0)
}

/** The bucket that the 95th percentile lies in. The bounds are the same in every process. */
function percentile(runs: readonly InstrumentPoint[]): MsRange {
  const bounds = runs[0]?.buckets?.bounds ?? []
  const rank = Math.ceil(0.95 * countOf(runs))
  let below = 0
  for (const [index, bound] of bounds.entries()) {
    below += runs.reduce((sum, { buckets }) => sum + (buckets?.counts[index] ?? 0), 0)
    if (below >= rank) return { from: (bounds[index - 1] ?? 0) * 1_000, to: bound * 1_000 }
  }
  return { from: (bounds.at(-1) ?? 0) * 1_000, to: Infinity }
}

function countOf(runs: readonly InstrumentPoint[]): number {
  return runs.flatMap(({ buckets }) => buckets?.counts ?? []).reduce((sum, count) => sum + count, 0)
}

function sumOf(points: readonly InstrumentPoint[]): number {
  return points.reduce((sum, { value }) => sum + value, 0)
}
