/** millrace/telemetry: metrics for Prometheus, probes, and numbers for scalers. */

export { openTelemetry } from './opentelemetry/opentelemetry.ts'
export type { Telemetry } from '../telemetry/tracing.ts'
export { prometheusText } from './prometheus.ts'
export { PROMETHEUS_TYPE } from './prometheus-text.ts'
export type { QueueScaling, ScalingDocument } from './scaling.ts'
export { healthOf, probeHandler, serveProbes, type Health, type ProbeOptions, type ProbeServer } from './probes.ts'
