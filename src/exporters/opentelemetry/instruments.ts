/**
 * Instruments of OpenTelemetry, made when they are first used.
 *
 * The API gives instruments of whichever provider is registered when it is asked; an SDK may be registered after the runner was
 * made. So the provider is looked at each time, and all instruments are made anew when it is another.
 */

import type * as api from '@opentelemetry/api'
import type { Attributes, Counter, Gauge, Histogram, Meter, MeterProvider } from '@opentelemetry/api'

type Api = typeof api

/** What an instrument is called, in what it counts, and what it means. */
export interface InstrumentRow {
  readonly name: string
  /** In the notation of UCUM: `s`, `{job}`. */
  readonly unit: string
  readonly description: string
}

/** The bounds of durations, in seconds: those that the conventions for messaging advise, and some for long jobs. */
const BOUNDS_S = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60, 300, 900]

/** See the head of this file. */
export class Instruments {
  readonly #api: Api
  readonly #version: string
  readonly #made = new Map<string, unknown>()
  #provider: MeterProvider | undefined
  #meter: Meter | undefined

  constructor(api: Api, version: string) {
    this.#api = api
    this.#version = version
  }

  /** Adds to a counter. */
  add(row: InstrumentRow, value: number, attributes: Attributes): void {
    this.#instrument<Counter>(row, (meter) => meter.createCounter(row.name, row)).add(value, attributes)
  }

  /** Records one of many, such as a duration in seconds. */
  record(row: InstrumentRow, value: number, attributes: Attributes): void {
    const options = row.unit === 's' ? { ...row, advice: { explicitBucketBoundaries: [...BOUNDS_S] } } : row
    this.#instrument<Histogram>(row, (meter) => meter.createHistogram(row.name, options)).record(value, attributes)
  }

  /** Sets what is so now. */
  set(row: InstrumentRow, value: number, attributes: Attributes): void {
    this.#instrument<Gauge>(row, (meter) => meter.createGauge(row.name, row)).record(value, attributes)
  }

  #instrument<Kind>({ name }: InstrumentRow, make: (meter: Meter) => Kind): Kind {
    const provider = this.#api.metrics.getMeterProvider()
    if (this.#meter === undefined || provider !== this.#provider) {
      this.#provider = provider
      this.#meter = provider.getMeter('millrace', this.#version)
      this.#made.clear()
    }
    // A name stands for one kind, because each row is used by one method.
    const known = this.#made.get(name) as Kind | undefined
    if (known !== undefined) return known
    const made = make(this.#meter)
    this.#made.set(name, made)
    return made
  }
}
