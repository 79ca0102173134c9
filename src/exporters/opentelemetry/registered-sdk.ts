/**
 * Whether an SDK of OpenTelemetry is registered. Until one is, whatever is made by the API goes nowhere, and jobs must not pay
 * for it. One may be registered at any time, so it is asked anew for each call of the store, and only costs a look.
 */

import type * as api from '@opentelemetry/api'

/** Answers whether there is one now, for traces or for metrics. */
export function sdkProbe({ trace, metrics, ProxyTracerProvider, createNoopMeter }: typeof api): () => boolean {
  // What stands for "none" in that API: the same object each time.
  const noTracers = new ProxyTracerProvider().getDelegate()
  const noMeter = createNoopMeter()
  let seen: api.MeterProvider | undefined
  let isMetering = false
  return () => {
    const tracers = trace.getTracerProvider()
    if (!(tracers instanceof ProxyTracerProvider) || tracers.getDelegate() !== noTracers) return true
    const meters = metrics.getMeterProvider()
    if (meters !== seen) {
      seen = meters
      isMetering = meters.getMeter('millrace') !== noMeter
    }
    return isMetering
  }
}
