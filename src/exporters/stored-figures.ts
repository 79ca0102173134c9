/** What exporters show of the store: read for each who asks, with a bound on how long that may take. */

import { queueInfos } from '../runner/queue-view.ts'
import type { QueueInfo } from '../runner/runner.ts'
import type { TelemetrySource } from '../runner/telemetry-source.ts'
import type { NodeRecord, QueueRecord } from '../store/store.ts'

/** See the head of this file. */
export interface StoredFigures {
  /** Every queue that the store or the configuration knows. */
  readonly queues: readonly QueueInfo[]
  readonly nodes: readonly NodeRecord[]
}

/** How long the store may take. */
const STORE_LIMIT_MS = 3_000

/** Null when the store does not answer, or not soon. */
export function readStoredFigures(source: TelemetrySource): Promise<StoredFigures | null> {
  const { host, store } = source
  return new Promise((resolve) => {
    const timer = host.clock.after(STORE_LIMIT_MS, () => resolve(null), { keepAlive: false })
    const answer = (figures: StoredFigures | null): void => {
      timer.cancel()
      resolve(figures)
    }
    Promise.all([store.readQueues(), store.readNodes()]).then(
      ([queues, nodes]) => answer(figuresOf(source, queues, nodes)),
      () => answer(null),
    )
  })
}

function figuresOf(
  { host, queues: configured, concurrencyOf }: TelemetrySource,
  stored: readonly QueueRecord[],
  nodes: readonly NodeRecord[],
): StoredFigures {
  const names = new Set(stored.map(({ name }) => name))
  // Whoever looks for the figures of a queue wants zeros, not nothing, before its first job.
  const unused = configured.filter((name) => !names.has(name)).map(unusedQueue)
  const queues = queueInfos({ queues: [...stored, ...unused], nodes, processes: host.processes, concurrencyOf })
  return { queues, nodes }
}

function unusedQueue(name: string): QueueRecord {
  return {
    name,
    depth: 0,
    parked: 0,
    scheduled: 0,
    running: 0,
    oldestAgeMs: null,
    endedLastMinute: 0,
    isPaused: false,
    scale: null,
  }
}
