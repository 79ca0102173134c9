/** Spans and metrics as an SDK of OpenTelemetry gets them: from the caller of `enqueue` to the jobs that its job enqueues. */

import { context, metrics, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
  type DataPoint,
  type Histogram,
} from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
  type ReadableSpan,
} from '@opentelemetry/sdk-trace-node'
import { createClient, currentJob, job, type JobModules } from 'millrace'
import { openTelemetry } from 'millrace/telemetry'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { aWorker } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

const DATABASES: readonly (readonly [string, () => Promise<{ database: string }>])[] = [
  ['SQLite', async () => ({ database: tempDatabase().url })],
  ['PostgreSQL', async () => ({ database: (await postgresDatabase()).url })],
]

/** A program that has registered an SDK. */
function anSdk() {
  const spans = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] })
  provider.register()
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })
  const meters = new MeterProvider({ readers: [reader] })
  metrics.setGlobalMeterProvider(meters)
  onTestFinished(async () => {
    trace.disable()
    context.disable()
    propagation.disable()
    metrics.disable()
    await Promise.all([provider.shutdown(), meters.shutdown()])
  })
  /** The points of a metric, as they are now. */
  const points = async (name: string): Promise<readonly DataPoint<unknown>[]> => {
    exporter.reset()
    await reader.forceFlush()
    const all = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    return all.filter(({ descriptor }) => descriptor.name === name).flatMap(({ dataPoints }) => [...dataPoints])
  }
  return { finished: () => spans.getFinishedSpans(), points }
}

/** The one span of that name. */
function the(spans: readonly ReadableSpan[], name: string, of?: string): ReadableSpan {
  const found = spans.filter(
    (span) => span.name === name && (of === undefined || span.attributes['millrace.job.name'] === of),
  )
  expect(found.map((span) => span.name)).toEqual([name])
  // Looked at above.
  return found[0] as ReadableSpan
}

const parentOf = (span: ReadableSpan): string | undefined => span.parentSpanContext?.spanId

describe.each(DATABASES)('openTelemetry on %s', (_name, database) => {
  it('follows a job from its enqueuer through its handler to the job which that enqueues', async () => {
    const { finished } = anSdk()
    const work = {
      first: async () => {
        trace.getTracer('app').startSpan('within').end()
        const handle = await currentJob().enqueue(work.second, ['x'], { queue: 'other' })
        return handle.id
      },
      second: (text: string) => text,
    }
    const { url, enqueue } = await start({ work }, await database())
    const caller = trace.getTracer('app').startSpan('request')
    const secondId = await context.with(trace.setSpan(context.active(), caller), () => enqueue('work.first', []))
    caller.end()
    expect(url).toBeDefined()
    await eventually(() => finished().filter(({ name }) => name.startsWith('ack')).length === 2)

    const spans = finished()
    const enqueued = the(spans, 'enqueue default')
    const processed = the(spans, 'process default')
    const second = the(spans, 'enqueue other')
    const last = the(spans, 'process other')
    const traceId = caller.spanContext().traceId
    expect([enqueued, processed, second, last].map((span) => span.spanContext().traceId)).toEqual(
      Array(4).fill(traceId),
    )
    expect(parentOf(enqueued)).toBe(caller.spanContext().spanId)
    expect(parentOf(processed)).toBe(enqueued.spanContext().spanId)
    expect(parentOf(the(spans, 'within'))).toBe(processed.spanContext().spanId)
    expect(parentOf(second)).toBe(processed.spanContext().spanId)
    expect(parentOf(last)).toBe(second.spanContext().spanId)
    expect(enqueued.kind).toBe(SpanKind.PRODUCER)
    expect(processed.kind).toBe(SpanKind.CONSUMER)
    expect(last.attributes).toEqual({
      'messaging.system': 'millrace',
      'messaging.operation.name': 'process',
      'messaging.operation.type': 'process',
      'messaging.destination.name': 'other',
      'messaging.message.id': secondId,
      'millrace.job.name': 'work.second',
      'millrace.job.attempt': 1,
      'millrace.job.max_attempts': 3,
      'millrace.outcome': 'completed',
    })

    const claim = the(spans, 'claim other')
    expect(claim.kind).toBe(SpanKind.CLIENT)
    expect(claim.attributes).toMatchObject({ 'messaging.operation.type': 'receive', 'messaging.message.id': secondId })
    expect(claim.links.map((link) => link.context.spanId)).toEqual([second.spanContext().spanId])
    const ack = the(spans, 'ack other')
    expect(ack.attributes).toMatchObject({ 'messaging.operation.type': 'settle', 'messaging.message.id': secondId })
    expect(ack.links.map((link) => link.context.spanId)).toEqual([last.spanContext().spanId])
    expect([claim, ack].map(parentOf)).toEqual([undefined, undefined])
  })

  it('stores the trace with the job, where it is shown, also for jobs of a client', async () => {
    const { finished } = anSdk()
    const { url } = await start({ work: { run: () => 1 } }, await database())
    const client = createClient({ database: url, telemetry: openTelemetry() })
    onTestFinished(() => client.close())
    const handle = await client.enqueue('work.run', [])
    await handle.result()
    await eventually(() => finished().some(({ name }) => name === 'process default'))
    const { traceId, spanId } = the(finished(), 'enqueue default').spanContext()
    expect((await client.job(handle.id))?.trace).toEqual({ traceparent: `00-${traceId}-${spanId}-01` })
    expect(parentOf(the(finished(), 'process default'))).toBe(spanId)
  })

  it('gives each attempt a span of its own, with the error that ended it', async () => {
    const { finished } = anSdk()
    const work = {
      flaky: job({ backoff: { base: 1, factor: 1, max: 1 } }, () => {
        if (currentJob().attempt === 1) throw new TypeError('not yet')
      }),
    }
    const { enqueue } = await start({ work }, await database())
    await enqueue('work.flaky', [])
    await eventually(() => finished().filter(({ name }) => name === 'process default').length === 2)
    const [first, second] = finished().filter(({ name }) => name === 'process default')
    expect(first?.attributes).toMatchObject({ 'millrace.outcome': 'retry', 'error.type': 'TypeError' })
    expect(first?.status).toEqual({ code: SpanStatusCode.ERROR, message: 'not yet' })
    expect(first?.events.map(({ name, attributes }) => [name, attributes?.['exception.message']])).toEqual([
      ['exception', 'not yet'],
    ])
    expect(second?.attributes).toMatchObject({ 'millrace.job.attempt': 2, 'millrace.outcome': 'completed' })
    expect(second?.status.code).toBe(SpanStatusCode.UNSET)
    expect(parentOf(second as ReadableSpan)).toBe(the(finished(), 'enqueue default').spanContext().spanId)
  })

  it('makes one span of a batch that is enqueued together', async () => {
    const { finished } = anSdk()
    const { runner } = await start({ work: { run: () => 1 } }, await database())
    const handles = await runner.enqueueAll([
      ['work.run', []],
      ['work.run', []],
    ])
    await Promise.all(handles.map((handle) => handle.result()))
    await eventually(() => finished().filter(({ name }) => name === 'process default').length === 2)
    const batch = the(finished(), 'enqueue default')
    expect(batch.attributes).toMatchObject({ 'messaging.batch.message_count': 2 })
    for (const span of finished().filter(({ name }) => name === 'process default')) {
      expect(parentOf(span)).toBe(batch.spanContext().spanId)
    }
  })

  it('counts and measures what the events tell', async () => {
    const { points } = anSdk()
    const work = {
      good: () => 1,
      bad: job({ maxAttempts: 1 }, () => {
        throw new Error('bad')
      }),
    }
    const { runner } = await start({ work }, await database())
    const handles = await runner.enqueueAll([
      ['work.good', []],
      ['work.good', []],
      ['work.bad', []],
    ])
    await Promise.all(handles.map((handle) => handle.result().catch(() => {})))
    await eventually(async () => (await runner.metrics()).total.attempts === 3)

    const queue = 'default'
    const good = { queue, name: 'work.good', outcome: 'completed' }
    const bad = { queue, name: 'work.bad', outcome: 'failed' }
    expect(await points('millrace.job.stop')).toMatchObject([{ attributes: good, value: 2 }])
    expect(await points('millrace.job.exception')).toMatchObject([{ attributes: bad, value: 1 }])
    expect(await points('millrace.job.stop.run')).toMatchObject([{ attributes: good, value: { count: 2 } }])
    expect(await points('millrace.job.stop.wait')).toMatchObject([{ attributes: good, value: { count: 2 } }])
    expect(await points('messaging.client.sent.messages')).toMatchObject([{ value: 3 }])
    expect(sum(await points('messaging.client.consumed.messages'))).toBe(3)
    const processed = await points('messaging.process.duration')
    expect(
      processed.map(({ attributes, value }) => [
        attributes['millrace.job.name'],
        attributes['error.type'],
        // Histograms, as their name says.
        (value as Histogram).count,
      ]),
    ).toEqual([
      ['work.good', undefined, 2],
      ['work.bad', 'Error', 1],
    ])
    const calls = await points('messaging.client.operation.duration')
    expect(new Set(calls.map(({ attributes }) => attributes['messaging.operation.name']))).toEqual(
      new Set(['enqueue', 'claim', 'ack']),
    )
  })
})

describe('openTelemetry without an SDK', () => {
  it('begins to send when one is registered while the runner works', async () => {
    const { runner } = await start({ work: { run: () => 1 } }, { database: tempDatabase().url })
    await (await runner.enqueue('work.run', [])).result()
    const { finished, points } = anSdk()
    await (await runner.enqueue('work.run', [])).result()
    await eventually(() => finished().some(({ name }) => name === 'ack default'))
    expect(parentOf(the(finished(), 'process default'))).toBe(the(finished(), 'enqueue default').spanContext().spanId)
    await eventually(async () => (await points('millrace.job.stop')).length === 1)
    expect(await points('millrace.job.stop')).toMatchObject([{ value: 1 }])
  })

  it('stores no trace and changes nothing', async () => {
    const { runner } = await start({ work: { run: () => 1 } }, { database: tempDatabase().url })
    const handle = await runner.enqueue('work.run', [])
    expect(await handle.result()).toBe(1)
    expect((await runner.job(handle.id))?.trace).toBeUndefined()
  })
})

function sum(points: readonly DataPoint<unknown>[]): number {
  return points.reduce((total, { value }) => total + Number(value), 0)
}

/** A worker that is traced, and `enqueue` that waits for the result. */
async function start<const Jobs extends JobModules>(jobs: Jobs, { database }: { database: string }) {
  const { runner } = await aWorker(jobs, { database, telemetry: openTelemetry() })
  const enqueue = async (name: string, args: readonly unknown[]): Promise<unknown> => {
    // Its types are those of the jobs at hand, which are checked elsewhere.
    const untyped = runner as unknown as {
      enqueue: (name: string, args: readonly unknown[]) => ReturnType<typeof runner.enqueue>
    }
    return (await untyped.enqueue(name, args)).result()
  }
  return { runner, enqueue, url: database }
}
