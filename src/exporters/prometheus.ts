/**
 * The metrics of a process for Prometheus.
 *
 * What attempts came to is counted anyway (`metrics/metrics-recorder.ts`), so that being scraped costs a job nothing. What is
 * in the store is read for each scrape; one that comes meanwhile shares the answer. A store that is away costs its own figures
 * and no other.
 */

import { OUTCOMES } from '../metrics/attempt-totals.ts'
import type { Histogram } from '../metrics/histogram.ts'
import { MOST_SERIES, OTHER, type MetricSeries } from '../metrics/metrics-recorder.ts'
import { nodeState } from '../runner/node-view.ts'
import type { AnyRunner, QueueInfo } from '../runner/runner.ts'
import { telemetrySourceOf, type TelemetrySource } from '../runner/telemetry-source.ts'
import type { NodeRecord } from '../store/store.ts'
import { prometheusLines, type Family, type HistogramSample, type Sample } from './prometheus-text.ts'
import { readStoredFigures } from './stored-figures.ts'

/** The bounds of the histograms: doublings from a millisecond to eighteen minutes, which are bounds of our buckets too. */
const BOUNDS_MS: readonly number[] = Array.from({ length: 21 }, (_, power) => 1.024 * 2 ** power)

const underWay = new WeakMap<object, Promise<string>>()

/**
 * The metrics of this process and of the queues, as text that Prometheus reads. Label values are bounded: beyond a thousand
 * pairs of queue and job name, and beyond a thousand queues, the rest is counted as `(other)`.
 *
 * @param runner What `createRunner` answered.
 */
export function prometheusText(runner: AnyRunner): Promise<string> {
  const shared = underWay.get(runner)
  if (shared !== undefined) return shared
  const text = collect(telemetrySourceOf(runner)).finally(() => underWay.delete(runner))
  underWay.set(runner, text)
  return text
}

async function collect(source: TelemetrySource): Promise<string> {
  const stored = await readStoredFigures(source)
  const families = [...attemptFamilies(source), ...processFamilies(source), ...reliabilityFamilies(source)]
  families.push(gauge('store_up', 'Whether the store answered this scrape.', [[{}, stored === null ? 0 : 1]]))
  if (stored !== null) families.push(...queueFamilies(stored.queues), nodeFamily(source, stored.nodes))
  return prometheusLines(families)
}

function attemptFamilies(source: TelemetrySource): Family[] {
  const series = source.attempts()
  const labelled = series.map(({ queue, name, totals }) => ({ labels: { queue, name }, totals }))
  return [
    counter(
      'attempts',
      'Attempts that ended in this process, by how they ended.',
      labelled.flatMap(({ labels, totals }) =>
        OUTCOMES.map((outcome) => [{ ...labels, outcome }, totals.counts[outcome]] as const),
      ),
    ),
    histogram('attempt_wait_seconds', 'How long jobs waited, from due to start.', series, 'wait'),
    histogram('attempt_run_seconds', 'How long handlers ran.', series, 'run'),
    counter(
      'enqueued',
      'Jobs that this process enqueued, by what became of it.',
      source.enqueued().map(({ queue, name, status, jobs }) => [{ queue, name, status }, jobs] as const),
    ),
  ]
}

function processFamilies(source: TelemetrySource): Family[] {
  const { state, worker } = source.inspect()
  const running = gauge('worker_running', 'Whether this process runs jobs.', [[{}, state === 'running' ? 1 : 0]])
  if (worker === null) return [running]
  return [
    running,
    gauge('worker_held_jobs', 'Jobs that this process holds: in buffers, in handlers and waiting to be acked.', [
      [{}, worker.held],
    ]),
    gauge('worker_handlers', 'Handlers that run in this process now.', [[{}, worker.handlers]]),
    gauge('worker_stuck_handlers', 'Handlers that go on although they were told to stop.', [[{}, worker.stuck]]),
    gauge('worker_outbox_jobs', 'Ended jobs whose end is not written yet.', [[{}, worker.outbox]]),
    gauge(
      'worker_demand_jobs',
      'Jobs that the consumers of this process asked for and did not get yet.',
      byQueue(
        Object.entries(worker.demand).map(([queue, demand]) => ({ queue, value: demand })),
        sumOf,
      ),
    ),
  ]
}

function reliabilityFamilies(source: TelemetrySource): Family[] {
  const { counters: of } = source.inspect()
  return [
    counter('stale_acks', 'Ends of attempts that came too late and changed nothing.', [[{}, of.staleAcks]]),
    counter('rescued_nodes', 'Dead nodes that this process found.', [[{}, of.rescuedNodes]]),
    counter('rescued_jobs', 'Jobs of dead nodes that this process freed, by what became of them.', [
      [{ end: 'requeued' }, of.rescuedRequeued],
      [{ end: 'failed' }, of.rescuedFailed],
      [{ end: 'cancelled' }, of.rescuedCancelled],
    ]),
    counter('quarantined_jobs', 'Jobs of dead nodes that were set aside: they were in too many crashes.', [
      [{}, of.quarantined],
    ]),
    counter('given_back_jobs', 'Jobs that this process handed back unended.', [[{}, of.givenBack]]),
    counter('interrupted_jobs', 'Handlers that were stopped before their end.', [[{}, of.interrupted]]),
    counter('fences', 'How often this process had lost its leases, or may have.', [
      [{ reason: 'declared-dead' }, of.fencedDeclaredDead],
      [{ reason: 'unconfirmed' }, of.fencedUnconfirmed],
    ]),
    counter('unknown_outcomes', 'Jobs of which nobody knows whether they are stored.', [[{}, of.unknownOutcomes]]),
    counter('hints_lost', 'How often hints of other processes ceased to come.', [[{}, of.hintsLost]]),
    counter('clock_jumps', 'How often the clock of this machine was set.', [[{}, of.clockJumps]]),
    counter('stuck_handlers', 'Handlers that went on although they were told to stop.', [[{}, of.stuckHandlers]]),
    counter('queue_crashes', 'How often the stages of a queue crashed too often.', [[{}, of.queueCrashes]]),
    counter('store_errors', 'How often the store failed.', [[{}, of.storeErrors]]),
    counter('surplus_jobs', 'Jobs that nobody had asked for; a bug when above 0.', [[{}, of.surplusJobs]]),
  ]
}

// Every process tells the same of the store: `max`, not `sum`, is right over several.
function queueFamilies(queues: readonly QueueInfo[]): Family[] {
  const family = (name: string, help: string, valueOf: (queue: QueueInfo) => number, join = sumOf): Family => {
    const values = queues.map((queue) => ({ queue: queue.name, value: valueOf(queue) }))
    return gauge(name, help, byQueue(values, join))
  }
  return [
    family('queue_depth', 'Jobs that are due and wait; stops at 100000.', ({ depth }) => depth),
    family('queue_scheduled', 'Jobs that are not due yet; stops at 100000.', ({ scheduled }) => scheduled),
    family('queue_running', 'Jobs that are claimed, by all processes.', ({ running }) => running),
    family(
      'queue_oldest_age_seconds',
      'How long the oldest due job waits; 0 when none does.',
      ({ oldestAgeMs }) => (oldestAgeMs ?? 0) / 1_000,
      mostOf,
    ),
    family('queue_paused', 'Whether the queue is paused.', ({ paused }) => (paused ? 1 : 0), mostOf),
    family(
      'queue_wanted_replicas',
      'How many processes the queue could use, for scalers outside.',
      ({ wantedReplicas }) => wantedReplicas,
      mostOf,
    ),
  ]
}

/** Queues may be made from data: those beyond a thousand are told together. */
function byQueue(
  values: readonly { readonly queue: string; readonly value: number }[],
  join: (values: readonly number[]) => number,
): Value[] {
  const rest = values.slice(MOST_SERIES).map(({ value }) => value)
  const apart = values.slice(0, MOST_SERIES).map(({ queue, value }): Value => [{ queue }, value])
  return rest.length === 0 ? apart : [...apart, [{ queue: OTHER }, join(rest)]]
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}

function mostOf(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0)
}

function nodeFamily({ host }: TelemetrySource, nodes: readonly NodeRecord[]): Family {
  const counts = { alive: 0, draining: 0, dead: 0 }
  for (const node of nodes) counts[nodeState(node, host.processes)] += 1
  return gauge(
    'nodes',
    'Processes that run jobs, by state; the dead ones of the last hour.',
    Object.entries(counts).map(([state, count]) => [{ state }, count] as const),
  )
}

type Value = readonly [labels: Readonly<Record<string, string>>, value: number]

function gauge(name: string, help: string, values: readonly Value[]): Family {
  return { type: 'gauge', name: `millrace_${name}`, help, samples: values.map(sampleOf) }
}

function counter(name: string, help: string, values: readonly Value[]): Family {
  return { type: 'counter', name: `millrace_${name}_total`, help, samples: values.map(sampleOf) }
}

function sampleOf([labels, value]: Value): Sample {
  return { labels, value }
}

function histogram(name: string, help: string, series: readonly MetricSeries[], about: 'wait' | 'run'): Family {
  const samples = series.map(({ queue, name: job, totals }): HistogramSample => {
    const counts: Histogram = totals[about]
    const below = counts.countsBelow(BOUNDS_MS)
    return {
      labels: { queue, name: job },
      buckets: BOUNDS_MS.map((ms, at) => [ms / 1_000, below[at] ?? 0] as const),
      sum: (about === 'wait' ? totals.waitMs : totals.runMs) / 1_000,
      count: counts.count,
    }
  })
  return { type: 'histogram', name: `millrace_${name}`, help, samples }
}
