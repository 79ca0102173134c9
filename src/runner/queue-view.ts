/** Queues as the public API and exporters show them: a pure view over what the store knows of queues and nodes. */

import type { Processes } from '../host/processes.ts'
import { DEFAULT_QUEUE } from '../queue/queue-settings.ts'
import { wantedReplicas } from '../queue/wanted-replicas.ts'
import type { NodeRecord, QueueRecord, ScaleBounds } from '../store/store.ts'
import { nodeState } from './node-view.ts'
import type { QueueInfo } from './runner.ts'
import { concurrencyOption } from './scale-options.ts'

/** What queues are shown from. */
export interface QueueFacts {
  readonly queues: readonly QueueRecord[]
  readonly nodes: readonly NodeRecord[]
  /** Whose process table can be looked at. */
  readonly processes: Processes
  /** Between how many and how many jobs of a queue this process would run at the same time; null for one that runs none. */
  readonly concurrencyOf: (queue: string) => ScaleBounds | null
}

/** Shows queues, in the order of the store. */
export function queueInfos({ queues, nodes, processes, concurrencyOf }: QueueFacts): readonly QueueInfo[] {
  const served = servedByQueue(nodes.filter((node) => nodeState(node, processes) !== 'dead'))
  return queues.map(({ endedLastMinute, isPaused, parked, scale, ...rest }) => {
    const own = concurrencyOf(rest.name)
    const bounds = scale ?? own
    const there = served.get(rest.name)
    const endedPerSecond = endedLastMinute / 60
    const wanted = wantedReplicas({
      depth: rest.depth,
      parked,
      running: rest.running,
      slots: there?.slots ?? null,
      endedPerSecond,
      isPaused,
      // What nodes have counts, and only without one what is stored or configured here.
      slotsPerReplica: there?.most ?? bounds?.max ?? DEFAULT_QUEUE.concurrency.max,
    })
    return {
      ...rest,
      rate: endedPerSecond,
      paused: isPaused,
      concurrency: own === null || bounds === null ? 0 : concurrencyOption(bounds),
      scaled: scale === null ? null : concurrencyOption(scale),
      wantedReplicas: wanted.count,
      wantedReason: wanted.reason,
    }
  })
}

/** How many jobs of a queue run at the same time: on all nodes now, and at most on one. */
interface Served {
  readonly slots: number
  readonly most: number
}

function servedByQueue(nodes: readonly NodeRecord[]): ReadonlyMap<string, Served> {
  const served = new Map<string, Served>()
  for (const { queue, concurrency, bounds } of nodes.flatMap(({ snapshot }) => snapshot?.queues ?? [])) {
    const { slots, most } = served.get(queue) ?? { slots: 0, most: 1 }
    served.set(queue, { slots: slots + concurrency, most: Math.max(most, bounds?.max ?? concurrency) })
  }
  return served
}
