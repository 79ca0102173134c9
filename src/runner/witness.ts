/**
 * What a node can say of the moment in which a job failed, without asking anybody: it writes down what it has at hand. Many
 * jobs may fail in one moment, so what they have in common is made once for all that fail within a few milliseconds.
 */

import type { Host } from '../host/host.ts'
import type { Forensics, QueueForensics } from '../job/forensics.ts'
import type { FinishedJob } from '../queue/finished-job.ts'
import { RecentFailures } from '../queue/recent-failures.ts'
import type { NodeSnapshot, QueueRecord } from '../store/store.ts'
import { VERSION } from './version.ts'

/** What a witness looks at. */
export interface WitnessOptions {
  readonly node: string
  /** The node's picture of itself. */
  readonly snapshot: () => NodeSnapshot
  readonly held: () => Forensics['held']
}

/** For so long what jobs have in common counts as of the same moment. */
const SAME_MOMENT_MS = 20
const MOST_QUEUES = 20
const LONGEST_HOST = 255

type Scene = Pick<Forensics, 'node' | 'load' | 'memory' | 'held'> & { readonly queues: readonly QueueForensics[] }

/** See the head of this file. One per node. */
export class Witness {
  readonly #host: Host
  readonly #options: WitnessOptions
  readonly #failures: RecentFailures
  readonly #depths = new Map<string, { readonly depth: number; readonly at: number }>()
  #scene: Scene | undefined
  #sceneAt = -Infinity

  constructor(host: Host, options: WitnessOptions) {
    this.#host = host
    this.#options = options
    this.#failures = new RecentFailures(host.clock)
  }

  /** The node has read how deep the queues are. */
  saw(queues: readonly Pick<QueueRecord, 'name' | 'depth'>[]): void {
    const at = this.#host.clock.monotonic()
    this.#depths.clear()
    for (const { name, depth } of queues) this.#depths.set(name, { depth, at })
  }

  /** An attempt ended: notes its error, and adds to a job that failed for good what is known of this moment. */
  attest(finished: FinishedJob): FinishedJob {
    const { job, ending } = finished
    if (ending.type !== 'retry' && ending.type !== 'failed') return finished
    const before = this.#failures.of(job.name)
    this.#failures.note(job, ending.error)
    if (ending.type === 'retry') return finished
    return { ...finished, ending: { ...ending, forensics: this.#forensics(finished, before) } }
  }

  #forensics({ job, waitMs, runMs }: FinishedJob, recentErrors: Forensics['recentErrors']): Forensics {
    const { queues, ...rest } = this.#look()
    const isOwn = ({ queue }: QueueForensics): boolean => queue === job.queue
    return {
      death: null,
      ...rest,
      queues: [...queues.filter(isOwn), ...queues.filter((queue) => !isOwn(queue))].slice(0, MOST_QUEUES),
      recentErrors,
      timing: {
        waitMs: Math.round(waitMs),
        runMs: runMs === null ? null : Math.round(runMs),
        ageMs: Math.max(0, Math.round(job.claimedAt - job.createdAt)),
      },
    }
  }

  #look(): Scene {
    const now = this.#host.clock.monotonic()
    if (this.#scene === undefined || now - this.#sceneAt > SAME_MOMENT_MS) {
      this.#scene = this.#newScene(now)
      this.#sceneAt = now
    }
    return this.#scene
  }

  #newScene(now: number): Scene {
    const { processes } = this.#host
    const { node, held, snapshot } = this.#options
    const { host, pid } = processes.own()
    const { nodeVersion, uptimeMs, loadAverages, cpus, ...memory } = processes.vitals()
    const { loopLagMs, memoryBytes, queues } = snapshot()
    return {
      node: { id: node, host: host.slice(0, LONGEST_HOST), pid, version: VERSION, nodeVersion, uptimeMs },
      load: { averages: loadAverages, cpus, loopLagMs },
      memory: { residentBytes: memoryBytes, ...memory },
      held: held(),
      queues: queues.map(({ queue, concurrency, demand, buffered, consumers }) => {
        const seen = this.#depths.get(queue)
        const running = consumers.filter(({ job }) => job !== null).length
        const depth = seen?.depth ?? null
        const depthAgeMs = seen === undefined ? null : Math.round(now - seen.at)
        return { queue, concurrency, running, buffered: buffered.length, demand, depth, depthAgeMs }
      }),
    }
  }
}
