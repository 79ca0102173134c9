/**
 * The table of events as metrics: each event is a counter of its own name, and its measurements are histograms, counters or
 * gauges, by their unit and by whether the event tells of something that happened or of how things are.
 *
 *     job:stop ─▶ millrace.job.stop (counter), millrace.job.stop.wait and .run (histograms, in seconds)
 */

import type { Attributes } from '@opentelemetry/api'

import { EVENT_NAMES, EVENT_TABLE, type Measurement } from '../../runner/event-table.ts'
import type { RunnerEvents } from '../../runner/events.ts'
import type { Telemetry } from '../../telemetry/tracing.ts'
import type { InstrumentRow, Instruments } from './instruments.ts'

type EventName = keyof RunnerEvents
type On = Parameters<Telemetry['attach']>[0]
type Payload = Readonly<Record<string, unknown>>

/** Fields that become attributes: those with few values. */
const ATTRIBUTES = ['queue', 'name', 'outcome', 'status', 'by'] as const

/** Events whose `reason` is one of a few words. */
const HAS_REASON: ReadonlySet<EventName> = new Set<EventName>(['job:interrupt', 'node:fenced', 'queue:scale'])

/** Events that tell how things are now. */
const STATES: ReadonlySet<EventName> = new Set<EventName>(['queue:depth', 'queue:scale', 'node:clock'])

interface MeasurementRow extends InstrumentRow {
  readonly field: string
  readonly divisor: number
  readonly kind: 'counter' | 'histogram' | 'gauge'
}

/** See the head of this file. */
export class EventMetrics {
  readonly #instruments: Instruments
  /** Whose events are not listened to yet: an event costs nothing only while nobody listens. */
  #waiting: On[] = []

  constructor(instruments: Instruments) {
    this.#instruments = instruments
  }

  /** Takes a runner, whose events are listened to from the next {@link EventMetrics.listen} on. */
  attach(on: On): void {
    this.#waiting.push(on)
  }

  /** Listens to every event of the table, of the runners that have come since. */
  listen(): void {
    if (this.#waiting.length === 0) return
    const all = this.#waiting
    this.#waiting = []
    for (const on of all) this.#listenTo(on)
  }

  #listenTo(on: On): void {
    for (const name of EVENT_NAMES) {
      const counter = counterOf(name)
      const measurements = measurementsOf(name)
      on(name, (payload) => this.#record(name, payload, counter, measurements))
    }
  }

  #record(name: EventName, payload: Payload, counter: InstrumentRow, measurements: readonly MeasurementRow[]): void {
    const attributes = attributesOf(name, payload)
    this.#instruments.add(counter, 1, attributes)
    for (const row of measurements) {
      const value = payload[row.field]
      // Null is "unknown", or "none".
      if (typeof value !== 'number') continue
      if (row.kind === 'counter') this.#instruments.add(row, value, attributes)
      else if (row.kind === 'gauge') this.#instruments.set(row, value / row.divisor, attributes)
      else this.#instruments.record(row, value / row.divisor, attributes)
    }
  }
}

function attributesOf(name: EventName, payload: Payload): Attributes {
  const attributes: Attributes = {}
  for (const field of ATTRIBUTES) {
    const value = payload[field]
    if (typeof value === 'string') attributes[field] = value
  }
  const { reason } = payload
  if (HAS_REASON.has(name) && typeof reason === 'string') attributes['reason'] = reason
  return attributes
}

function counterOf(name: EventName): InstrumentRow {
  return { name: metricName(name), unit: '{event}', description: EVENT_TABLE[name].when }
}

function measurementsOf(name: EventName): readonly MeasurementRow[] {
  return Object.entries(EVENT_TABLE[name].measurements).map(([field, measurement]): MeasurementRow => {
    const isDuration = measurement.unit === 'ms'
    return {
      field,
      name: `${metricName(name)}.${snakeCase(isDuration ? field.replace(/Ms$/u, '') : field)}`,
      unit: isDuration ? 's' : `{${measurement.unit.replace(/s$/u, '')}}`,
      description: measurement.means,
      divisor: isDuration ? 1_000 : 1,
      kind: STATES.has(name) ? 'gauge' : kindOf(measurement),
    }
  })
}

function kindOf({ unit }: Measurement): MeasurementRow['kind'] {
  switch (unit) {
    case 'ms':
    case 'calls':
      return 'histogram'
    case 'jobs':
      return 'counter'
    case 'handlers':
    case 'consumers':
      return 'gauge'
  }
}

/** `breaker:half-open` is `millrace.breaker.half_open`. */
function metricName(event: EventName): string {
  return `millrace.${event.replaceAll(':', '.').replaceAll('-', '_')}`
}

function snakeCase(field: string): string {
  return field.replace(/[A-Z]/gu, (letter) => `_${letter.toLowerCase()}`)
}
