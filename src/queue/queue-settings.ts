/** The settings of a queue on this node. */

import type { ScaleBounds } from '../store/store.ts'
import type { QueueBreaker } from './breaker-verdict.ts'

/** How long ended jobs are kept, in milliseconds; 0 keeps none. */
export interface KeepSettings {
  readonly completedMs: number
  readonly cancelledMs: number
  /** Failed jobs are always kept for a while. */
  readonly failedMs: number
}

/** The settings of a queue, checked and complete. */
export interface QueueSettings {
  /** Between how many and how many consumers run its jobs on one node. */
  readonly concurrency: ScaleBounds
  /** How many jobs a consumer may hold. */
  readonly maxDemand: number
  /** How many jobs the producer claims ahead of demand; `auto` follows their pace. */
  readonly prefetch: number | 'auto'
  /** How long an attempt may take where neither the job nor its code says. */
  readonly timeoutMs: number
  readonly keep: KeepSettings
  /** When its jobs are kept back because what they depend on fails; null is never. */
  readonly breaker: QueueBreaker | null
}

/** The queue of jobs that name none. */
export const DEFAULT_QUEUE_NAME = 'default'

const HOUR_MS = 3_600_000

/** A queue of which the configuration says nothing. */
export const DEFAULT_QUEUE: QueueSettings = {
  concurrency: { min: 10, max: 10 },
  maxDemand: 1,
  prefetch: 'auto',
  timeoutMs: 15 * 60_000,
  keep: { completedMs: 24 * HOUR_MS, cancelledMs: 24 * HOUR_MS, failedMs: 30 * 24 * HOUR_MS },
  breaker: null,
}
