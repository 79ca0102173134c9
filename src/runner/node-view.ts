/** Nodes as the public API shows them: a pure view over what the store knows. */

import { isCertainlyGone, type Processes } from '../host/processes.ts'
import { toDate } from '../host/time.ts'
import { LEASE_MS } from '../maintenance/rescuer.ts'
import type { SystemSnapshot } from '../stage/index.ts'
import type { NodeRecord, NodeWish, QueueSnapshot } from '../store/store.ts'

/** One consumer of a node. */
export interface ConsumerInfo {
  readonly queue: string
  readonly startedAt: Date
  /** Attempts that ended without an error. */
  readonly done: number
  /** Attempts that ended with one. */
  readonly failed: number
  /** When its last job ended; null before the first. */
  readonly lastJobAt: Date | null
  /** The id of the job that runs now. */
  readonly job?: string | undefined
}

/** One queue on a node. */
export interface NodeQueueInfo {
  readonly queue: string
  /** How many consumers there are to be now, and between how many and how many. */
  readonly concurrency: number
  readonly min: number
  readonly max: number
  /** How many jobs its consumers have asked for and not got. */
  readonly demand: number
  /** How many jobs are claimed and wait in a buffer. */
  readonly buffered: number
}

/** `draining`: it begins no more jobs. `dead`: it is gone, or has been silent for ten seconds. */
export type NodeState = 'alive' | 'draining' | 'dead'

/** A process that runs jobs, or did. */
export interface NodeInfo {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly version: string
  readonly startedAt: Date
  readonly beatAt: Date
  readonly state: NodeState
  /** Null before its first picture of itself. */
  readonly loopLagMs: number | null
  readonly memoryBytes: number | null
  readonly consumers: readonly ConsumerInfo[]
  readonly queues: readonly NodeQueueInfo[]
  /** What an operator wants of it, and whether it does that by now. */
  readonly order: { readonly wanted: NodeWish; readonly isObeyed: boolean } | null
  /** What became of the jobs of a dead one: who freed how many, and when. Null until somebody has. */
  readonly rescued: {
    readonly by: string | null
    readonly at: Date
    readonly requeued: number
    readonly failed: number
    readonly cancelled: number
  } | null
  /** Its stages with their demand and buffers. Null but for nodes that know that somebody watches. */
  readonly flow: SystemSnapshot | null
}

/** Whether a node that nobody has declared dead yet is as good as dead. */
export function isSilent(node: NodeRecord, processes: Processes): boolean {
  return node.beatAgeMs >= LEASE_MS || isCertainlyGone(node, processes)
}

/** How a node is now. */
export function nodeState(node: NodeRecord, processes: Processes): NodeState {
  return node.isDead || isSilent(node, processes) ? 'dead' : (node.snapshot?.state ?? 'alive')
}

/** Shows a node, or of it what has to do with one queue. */
export function nodeInfo(node: NodeRecord, processes: Processes, queue?: string): NodeInfo {
  const { id, host, pid, version, snapshot, wanted, rescue } = node
  const state = nodeState(node, processes)
  const isDead = state === 'dead'
  const queues = (snapshot?.queues ?? []).filter((one) => queue === undefined || one.queue === queue)
  return {
    id,
    host,
    pid,
    version,
    startedAt: toDate(node.startedAt),
    beatAt: toDate(node.beatAt),
    state,
    loopLagMs: snapshot?.loopLagMs ?? null,
    memoryBytes: snapshot?.memoryBytes ?? null,
    consumers: isDead ? [] : queues.flatMap(consumersOf),
    queues: queues.map(queueOf),
    order: wanted === null || isDead ? null : { wanted, isObeyed: snapshot?.obeys === wanted },
    rescued: rescue === null ? null : { ...rescue, at: toDate(rescue.at) },
    // Published by the node from a snapshot of this type.
    flow: isDead ? null : ((snapshot?.flow ?? null) as SystemSnapshot | null),
  }
}

function consumersOf({ queue, consumers }: QueueSnapshot): ConsumerInfo[] {
  return consumers.map(({ startedAt, done, failed, lastJobAt, job }) => ({
    queue,
    startedAt: toDate(startedAt),
    done,
    failed,
    lastJobAt: lastJobAt === null ? null : toDate(lastJobAt),
    ...(job === null ? {} : { job }),
  }))
}

function queueOf({ queue, concurrency, bounds, demand, buffered }: QueueSnapshot): NodeQueueInfo {
  const { min, max } = bounds ?? { min: concurrency, max: concurrency }
  return { queue, concurrency, min, max, demand, buffered: buffered.length }
}
