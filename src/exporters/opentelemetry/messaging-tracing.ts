/**
 * The way of a job as spans, and as the metrics that the conventions for messaging name.
 *
 *     caller's span ─▶ enqueue <queue> ─(stored with the job)─▶ process <queue>, one for each run ─▶ what the handler does
 *                                            claim ─ links to the jobs' enqueues        ack ─ links to the processes
 *
 * Names, kinds and attributes: OpenTelemetry semantic conventions 1.45, "Messaging spans" and "Messaging metrics",
 * https://opentelemetry.io/docs/specs/semconv/messaging/, which are not stable yet.
 */

import type * as api from '@opentelemetry/api'
import type { Attributes, Context, Link, Span, SpanContext, Tracer } from '@opentelemetry/api'

import type { Clock } from '../../host/host.ts'
import type { ProcessEnd, ProcessSpan, TracedAttempt, TracedJob, Tracing } from '../../telemetry/tracing.ts'
import type { InstrumentRow, Instruments } from './instruments.ts'
import { readCarrier, writeCarrier } from '../../telemetry/trace-carrier.ts'

type Api = typeof api

const SENT: InstrumentRow = {
  name: 'messaging.client.sent.messages',
  unit: '{message}',
  description: 'Jobs that were enqueued.',
}
const CONSUMED: InstrumentRow = {
  name: 'messaging.client.consumed.messages',
  unit: '{message}',
  description: 'Jobs that were claimed.',
}
const OPERATION: InstrumentRow = {
  name: 'messaging.client.operation.duration',
  unit: 's',
  description: 'How long a call of the store took.',
}
const PROCESS: InstrumentRow = { name: 'messaging.process.duration', unit: 's', description: 'How long handlers ran.' }

/** How many links a span gets: what SDKs keep by default. */
const MOST_LINKS = 128

/** Operations that the conventions have no word for are told by our own names. */
const OPERATIONS = {
  enqueue: { 'messaging.operation.name': 'enqueue', 'messaging.operation.type': 'send' },
  claim: { 'messaging.operation.name': 'claim', 'messaging.operation.type': 'receive' },
  process: { 'messaging.operation.name': 'process', 'messaging.operation.type': 'process' },
  ack: { 'messaging.operation.name': 'ack', 'messaging.operation.type': 'settle' },
} as const

type Operation = keyof typeof OPERATIONS

/** What it needs besides the API. */
export interface MessagingTracingOptions {
  readonly clock: Clock
  readonly instruments: Instruments
  /** The version of millrace. */
  readonly version: string
  /** Whether somebody receives what is made. */
  readonly isActive: () => boolean
}

/** See the head of this file. */
export class MessagingTracing implements Tracing {
  readonly #api: Api
  readonly #clock: Clock
  readonly #instruments: Instruments
  readonly #isActive: () => boolean
  readonly #tracer: Tracer
  /** The spans of handlers, for the links of their acks. */
  readonly #processes = new WeakMap<TracedAttempt, SpanContext>()

  constructor(api: Api, { clock, instruments, version, isActive }: MessagingTracingOptions) {
    this.#api = api
    this.#clock = clock
    this.#instruments = instruments
    this.#isActive = isActive
    // Passes on to whichever SDK is registered later.
    this.#tracer = api.trace.getTracer('millrace', version)
  }

  enqueue<Answer>(jobs: readonly TracedJob[], send: (trace: string | null) => Answer): Answer {
    if (!this.#isActive()) return send(null)
    const { context, propagation, trace, SpanKind } = this.#api
    const attributes = attributesOf('enqueue', jobs)
    const span = this.#tracer.startSpan(spanName('enqueue', jobs), {
      kind: SpanKind.PRODUCER,
      attributes: { ...attributes, ...detailsOf(jobs) },
    })
    const inside = trace.setSpan(context.active(), span)
    const carrier: Record<string, string> = {}
    propagation.inject(inside, carrier)
    return this.#call({ inside, span, attributes, counted: SENT, jobs: jobs.length }, () => send(writeCarrier(carrier)))
  }

  async claim<Answer extends { readonly jobs: readonly TracedAttempt[] }>(
    send: () => Promise<Answer>,
  ): Promise<Answer> {
    if (!this.#isActive()) return send()
    const { context, ROOT_CONTEXT, SpanKind } = this.#api
    const startTime = this.#clock.now()
    const startedAt = this.#clock.monotonic()
    // Whatever code happened to wake the claimer has nothing to do with what it claims.
    const answer = await context.with(ROOT_CONTEXT, send)
    const { jobs } = answer
    // Looking for jobs where there are none is no span: there would be one each second.
    if (jobs.length === 0) return answer
    const attributes = attributesOf('claim', jobs)
    const span = this.#tracer.startSpan(
      spanName('claim', jobs),
      {
        kind: SpanKind.CLIENT,
        startTime,
        attributes: { ...attributes, ...detailsOf(jobs) },
        links: this.#linksTo(jobs, ({ trace }) => this.#enqueuedBy(trace)),
      },
      ROOT_CONTEXT,
    )
    span.end()
    this.#measure(OPERATION, startedAt, attributes)
    this.#instruments.add(CONSUMED, jobs.length, attributes)
    return answer
  }

  process(job: TracedAttempt): ProcessSpan | undefined {
    if (!this.#isActive()) return undefined
    const { context, trace, SpanKind } = this.#api
    const parent = this.#extract(job.trace)
    const attributes = { ...attributesOf('process', [job]), 'millrace.job.name': job.name }
    const span = this.#tracer.startSpan(
      spanName('process', [job]),
      {
        kind: SpanKind.CONSUMER,
        attributes: {
          ...attributes,
          ...detailsOf([job]),
          'millrace.job.attempt': job.attempt,
          'millrace.job.max_attempts': job.maxAttempts,
        },
      },
      parent,
    )
    this.#processes.set(job, span.spanContext())
    const inside = trace.setSpan(parent, span)
    const startedAt = this.#clock.monotonic()
    return {
      run: (handler) => context.with(inside, handler),
      end: (end) => {
        this.#endProcess(span, end)
        const errorType = end.error === undefined ? {} : { 'error.type': errorTypeOf(end.error) }
        this.#measure(PROCESS, startedAt, { ...attributes, 'millrace.outcome': end.outcome, ...errorType })
      },
    }
  }

  ack<Answer>(jobs: readonly TracedAttempt[], send: () => Promise<Answer>): Promise<Answer> {
    if (!this.#isActive()) return send()
    const { trace, ROOT_CONTEXT, SpanKind } = this.#api
    const attributes = attributesOf('ack', jobs)
    const span = this.#tracer.startSpan(
      spanName('ack', jobs),
      {
        kind: SpanKind.CLIENT,
        attributes: { ...attributes, ...detailsOf(jobs) },
        links: this.#linksTo(jobs, (job) => this.#processes.get(job)),
      },
      ROOT_CONTEXT,
    )
    const inside = trace.setSpan(ROOT_CONTEXT, span)
    return this.#call({ inside, span, attributes, counted: null, jobs: jobs.length }, send)
  }

  /** Calls the store within a span, and ends it when the store has answered. */
  #call<Answer>(
    call: {
      readonly inside: Context
      readonly span: Span
      readonly attributes: Attributes
      readonly counted: InstrumentRow | null
      readonly jobs: number
    },
    send: () => Answer,
  ): Answer {
    const startedAt = this.#clock.monotonic()
    const { inside, span, attributes, counted, jobs } = call
    const end = (error?: unknown): void => {
      const how = error === undefined ? attributes : { ...attributes, 'error.type': errorTypeOf(error) }
      if (error !== undefined) this.#fail(span, error)
      span.end()
      this.#measure(OPERATION, startedAt, how)
      if (counted !== null) this.#instruments.add(counted, jobs, how)
    }
    let answer: Answer
    try {
      answer = this.#api.context.with(inside, send)
    } catch (error) {
      end(error)
      throw error
    }
    if (answer instanceof Promise) {
      answer.then(
        () => end(),
        (error: unknown) => end(error),
      )
    } else end()
    return answer
  }

  #endProcess(span: Span, { outcome, error }: ProcessEnd): void {
    span.setAttribute('millrace.outcome', outcome)
    if (error !== undefined) this.#fail(span, error)
    span.end()
  }

  #fail(span: Span, error: unknown): void {
    const { name, message, stack } = errorParts(error)
    span.setAttribute('error.type', errorTypeOf(error))
    span.recordException({ name, message, ...(stack === undefined ? {} : { stack }) })
    span.setStatus({ code: this.#api.SpanStatusCode.ERROR, message })
  }

  #measure(row: InstrumentRow, startedAt: number, attributes: Attributes): void {
    this.#instruments.record(row, (this.#clock.monotonic() - startedAt) / 1_000, attributes)
  }

  #extract(trace: string | null): Context {
    const { propagation, ROOT_CONTEXT } = this.#api
    return trace === null ? ROOT_CONTEXT : propagation.extract(ROOT_CONTEXT, readCarrier(trace))
  }

  #enqueuedBy(trace: string | null): SpanContext | undefined {
    return trace === null ? undefined : this.#api.trace.getSpanContext(this.#extract(trace))
  }

  #linksTo(jobs: readonly TracedAttempt[], contextOf: (job: TracedAttempt) => SpanContext | undefined): Link[] {
    return jobs.slice(0, MOST_LINKS).flatMap((job) => {
      const context = contextOf(job)
      return context === undefined || !this.#api.isSpanContextValid(context) ? [] : [{ context }]
    })
  }
}

/** What is worth being an attribute of a metric too. */
function attributesOf(operation: Operation, jobs: readonly TracedJob[]): Attributes {
  const queue = commonQueue(jobs)
  return {
    'messaging.system': 'millrace',
    ...OPERATIONS[operation],
    ...(queue === undefined ? {} : { 'messaging.destination.name': queue }),
  }
}

/** What only a span tells. */
function detailsOf(jobs: readonly TracedJob[]): Attributes {
  const [first] = jobs
  if (jobs.length !== 1 || first === undefined) return { 'messaging.batch.message_count': jobs.length }
  return { 'messaging.message.id': first.id, 'millrace.job.name': first.name }
}

/** The conventions name a span by operation and destination. */
function spanName(operation: Operation, jobs: readonly TracedJob[]): string {
  const queue = commonQueue(jobs)
  return queue === undefined ? operation : `${operation} ${queue}`
}

/** The queue of all these jobs; undefined where they have several. */
function commonQueue(jobs: readonly TracedJob[]): string | undefined {
  const first = jobs[0]?.queue
  return jobs.every(({ queue }) => queue === first) ? first : undefined
}

function errorTypeOf(error: unknown): string {
  const { code, name } = errorParts(error)
  return code ?? name
}

function errorParts(error: unknown): {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
} {
  if (typeof error !== 'object' || error === null) {
    return { name: 'Error', message: String(error), stack: undefined, code: undefined }
  }
  const text = (field: string): string | undefined => {
    const value: unknown = Reflect.get(error, field)
    return typeof value === 'string' ? value : undefined
  }
  return {
    name: text('name') ?? 'Error',
    message: text('message') ?? '',
    stack: text('stack'),
    code: text('code'),
  }
}
