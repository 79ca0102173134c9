/** How many processes the queues could use, as JSON for scalers outside such as KEDA. */

import type { TelemetrySource } from '../runner/telemetry-source.ts'
import { readStoredFigures } from './stored-figures.ts'

/** What `/scaling` answers. */
export interface ScalingDocument {
  /** The most that any of the queues wants: for processes that serve all of them. */
  readonly wantedReplicas: number
  readonly queues: Readonly<Record<string, QueueScaling>>
}

/** A queue, and why it wants so many. */
export interface QueueScaling {
  readonly wantedReplicas: number
  readonly reason: string
  readonly depth: number
  readonly running: number
  readonly oldestAgeMs: number | null
  /** Jobs ended per second over the last minute. */
  readonly rate: number
  readonly paused: boolean
}

/** Null while the store does not answer: no number is better than a wrong one. */
export async function scalingDocument(source: TelemetrySource): Promise<ScalingDocument | null> {
  const stored = await readStoredFigures(source)
  if (stored === null) return null
  const entries = stored.queues.map(
    ({ name, wantedReplicas, wantedReason: reason, depth, running, oldestAgeMs, rate, paused }) =>
      [name, { wantedReplicas, reason, depth, running, oldestAgeMs, rate, paused }] as const,
  )
  const most = entries.reduce((sofar, [, { wantedReplicas }]) => Math.max(sofar, wantedReplicas), 0)
  return { wantedReplicas: most, queues: Object.fromEntries(entries) }
}
