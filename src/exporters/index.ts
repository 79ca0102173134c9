/** millrace/telemetry: metrics for Prometheus, and probes. */

export { openTelemetry } from './opentelemetry/opentelemetry.ts'
export type { Telemetry } from '../telemetry/tracing.ts'
export { prometheusText } from './prometheus.ts'
export { PROMETHEUS_TYPE } from './prometheus-text.ts'
export { healthOf, probeHandler, serveProbes, type Health, type ProbeOptions, type ProbeServer } from './probes.ts'
