/** The SDK of OpenTelemetry in a process of the load: it keeps what is measured until it is asked. */

import { createRequire } from 'node:module'

import { MeterProvider, MetricReader, type DataPoint, type Histogram } from '@opentelemetry/sdk-metrics'

/** What an instrument has for one set of attributes. */
export interface InstrumentPoint {
  readonly instrument: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** Of a counter or gauge; of a histogram, the sum. */
  readonly value: number
  /** Of a histogram: how many were in each bucket, the last without a bound. */
  readonly buckets: { readonly bounds: readonly number[]; readonly counts: readonly number[] } | null
}

/** What is needed of the API. A peer in bench/ may have another version of it, whose types would be found. */
interface Api {
  readonly metrics: { setGlobalMeterProvider(provider: MeterProvider): boolean }
}

class KeepingReader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve()
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve()
  }
}

/** Registers an SDK for this process; answers what reads it. To be called before the runner is made. */
export function registerOpenTelemetry(): () => Promise<readonly InstrumentPoint[]> {
  // The one that millrace loads; it has this function.
  const { metrics } = createRequire(new URL('../../package.json', import.meta.url))('@opentelemetry/api') as Api
  const reader = new KeepingReader()
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
  return async () => {
    const { resourceMetrics, errors } = await reader.collect()
    if (errors.length > 0) throw errors[0]
    return resourceMetrics.scopeMetrics.flatMap(({ metrics: all }) =>
      all.flatMap(({ descriptor, dataPoints }) => dataPoints.map((point) => instrumentPoint(descriptor.name, point))),
    )
  }
}

function instrumentPoint(instrument: string, { attributes, value }: DataPoint<unknown>): InstrumentPoint {
  if (typeof value === 'number') return { instrument, attributes, value, buckets: null }
  // millrace has no other instruments than counters, gauges and histograms with bounds.
  const { sum, buckets } = value as Histogram
  return {
    instrument,
    attributes,
    value: sum ?? 0,
    buckets: { bounds: buckets.boundaries, counts: buckets.counts },
  }
}
