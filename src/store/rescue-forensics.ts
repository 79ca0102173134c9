/**
 * What is kept of the moment in which a job failed because its process had died: the last that the process had told of itself,
 * and what the rescue found. Pure.
 */

import type { Forensics, QueueForensics } from '../job/forensics.ts'
import type { NodeSnapshot } from './store.ts'

/** A node that died, as its row has it; null what is not known, because the row is gone. */
export interface DeadNode {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly version: string | null
  readonly startedAt: number | null
  readonly beatAt: number | null
  readonly snapshot: NodeSnapshot | null
}

/** A job that it held, and that ends with it. Times are milliseconds since 1970. */
export interface DyingJob {
  readonly queue: string
  /** This one included. */
  readonly crashes: number
  readonly createdAt: number
  readonly dueAt: number
  readonly claimedAt: number
  /** Null when no start was written down. */
  readonly startedAt: number | null
}

/** The rescue. */
export interface RescueFacts {
  readonly dead: DeadNode
  /** How many jobs were found in its hands. */
  readonly heldJobs: number
  readonly by: string | null
  readonly now: number
}

const MOST_QUEUES = 20
const LONGEST_HOST = 255

/**
 * See the head of this file. What a node of another version told of itself may have another shape: it is left out then, because
 * a rescue must not fail for what is good to know.
 */
export function rescueForensics(facts: RescueFacts, job: DyingJob): Forensics {
  try {
    return forensicsOf(facts, job)
  } catch {
    return forensicsOf({ ...facts, dead: { ...facts.dead, snapshot: null } }, job)
  }
}

function forensicsOf({ dead, heldJobs, by, now }: RescueFacts, job: DyingJob): Forensics {
  const { id, host, pid, version, startedAt, beatAt, snapshot } = dead
  const queues = snapshot?.queues ?? []
  const since = (from: number, to: number): number => Math.max(0, Math.round(to - from))
  const own = queues.filter(({ queue }) => queue === job.queue)
  const handlers = queues.reduce((sum, { consumers }) => sum + busyAmong(consumers), 0)
  return {
    death: { silentMs: beatAt === null ? null : since(beatAt, now), crashes: job.crashes, foundBy: by },
    node: {
      id,
      host: host.slice(0, LONGEST_HOST),
      pid,
      version,
      nodeVersion: null,
      uptimeMs: startedAt === null || beatAt === null ? null : since(startedAt, beatAt),
    },
    load: { averages: null, cpus: null, loopLagMs: snapshot?.loopLagMs ?? null },
    memory: {
      residentBytes: snapshot?.memoryBytes ?? null,
      heapUsedBytes: null,
      heapLimitBytes: null,
      freeBytes: null,
      totalBytes: null,
    },
    held: { jobs: heldJobs, handlers: snapshot === null ? null : handlers, stuck: null, outbox: null },
    queues: [...own, ...queues.filter(({ queue }) => queue !== job.queue)].slice(0, MOST_QUEUES).map(queueForensics),
    recentErrors: [],
    timing: {
      waitMs: since(job.dueAt, job.startedAt ?? job.claimedAt),
      runMs: job.startedAt === null ? null : since(job.startedAt, beatAt ?? job.startedAt),
      ageMs: since(job.createdAt, job.claimedAt),
    },
  }
}

function queueForensics({
  queue,
  concurrency,
  demand,
  buffered,
  consumers,
}: NodeSnapshot['queues'][number]): QueueForensics {
  const running = busyAmong(consumers)
  return { queue, concurrency, running, buffered: buffered.length, demand, depth: null, depthAgeMs: null }
}

function busyAmong(consumers: NodeSnapshot['queues'][number]['consumers']): number {
  return consumers.filter(({ job }) => job !== null).length
}
