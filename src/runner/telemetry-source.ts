/** What exporters of metrics and traces read of a runner, besides its public face. */

import type { Host } from '../host/host.ts'
import type { EnqueueCount, MetricSeries } from '../metrics/metrics-recorder.ts'
import type { ScaleBounds, Store } from '../store/store.ts'
import { runnerError } from './errors.ts'
import type { Runner } from './runner.ts'

/** See the head of this file. */
export interface TelemetrySource {
  readonly host: Host
  readonly store: Store
  /** What all attempts in this process came to since the runner was made. */
  readonly attempts: () => readonly MetricSeries[]
  /** What this process enqueued since then. */
  readonly enqueued: () => readonly EnqueueCount[]
  readonly inspect: Runner['inspect']
  /** The queues that the configuration knows. */
  readonly queues: readonly string[]
  /** Between how many and how many jobs of a queue this process would run at the same time. */
  readonly concurrencyOf: (queue: string) => ScaleBounds
  readonly stuckLimit: number
}

const sources = new WeakMap<object, TelemetrySource>()

/** Makes a runner known to exporters. */
export function registerTelemetrySource(runner: object, source: TelemetrySource): void {
  sources.set(runner, source)
}

/**
 * What exporters read of a runner that `createRunner` made.
 *
 * @throws `ERR_NO_TELEMETRY`.
 */
export function telemetrySourceOf(runner: object): TelemetrySource {
  const source = sources.get(runner)
  if (source !== undefined) return source
  throw runnerError(
    'ERR_NO_TELEMETRY',
    'metrics and probes are those of a runner that createRunner of this copy of millrace made; pass what it answered itself, and see with `npm ls millrace` whether there are several copies',
  )
}
