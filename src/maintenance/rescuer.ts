/**
 * The rescuer: finds nodes that died and frees their jobs. Any node may run it, all of them do; the store's guard lets one
 * win.
 *
 * A node is dead when it is certainly gone (same boot and pid namespace, no such process), or when it has been silent for
 * long enough *by the store's clock and by this node's own watch*: either clock alone may jump, and a database that was away
 * makes everybody look silent. Watched is the time between two reads that succeeded, one soon after the other; not the time
 * that a read took, not that in which reads failed, and not that in which this process itself was stopped.
 *
 *     reading all nodes ──every 3 s, sooner when a silence is about to be long enough──▶ reading …
 *          ▲        │ the nodes that share this host
 *          │        ▼
 *          └─ gone ─ looking at their processes, four times a second, without a query
 *
 * A read that failed, or a node that could not be freed, is tried again after a second.
 */

import type { Host, Timer } from '../host/host.ts'
import { isCertainlyGone, isNeighbour, type Processes } from '../host/processes.ts'
import { QUARANTINE_AFTER } from '../job/crashes.ts'
import type { NodeRecord, RescueAnswer, Store } from '../store/store.ts'

/** What was seen of a node's beat. */
export interface Observation {
  readonly beatSeq: number
  /** For how long this `beatSeq` has been watched, in milliseconds. */
  readonly silentMs: number
}

/** What the rescuer needs. */
export interface RescuerOptions {
  readonly store: Store
  readonly node: string
  readonly onRescued: (node: NodeRecord, answer: RescueAnswer) => void
  readonly onError: (error: unknown) => void
  /** How long a node may be silent. Default: 10,000. */
  readonly deadAfterMs?: number | undefined
  /** How often it reads the nodes. Default: 3,000. */
  readonly everyMs?: number | undefined
  /** How often it looks at the processes of this host, so that their jobs run again within a second. Default: 250. */
  readonly neighboursEveryMs?: number | undefined
}

/** How long a node may be silent, by default; after that its leases are gone. */
export const LEASE_MS = 10_000
const READ_EVERY_MS = 3_000
const RETRY_MS = 1_000

/** Judges one node by what was seen of it. Pure but for the look at the process table. */
export function isDead(
  node: NodeRecord,
  seen: Observation | undefined,
  processes: Processes,
  deadAfterMs: number,
): boolean {
  if (isCertainlyGone(node, processes)) return true
  return silenceLeftMs(node, seen, deadAfterMs) <= 0
}

/** How long a node may go on being silent until it is dead. */
function silenceLeftMs(node: NodeRecord, seen: Observation | undefined, deadAfterMs: number): number {
  if (seen === undefined || seen.beatSeq !== node.beatSeq) return deadAfterMs
  // A beat of the future: the store's clock was set back, by an hour perhaps, and says nothing until it has caught up.
  const ageMs = node.beatAgeMs < 0 ? Infinity : node.beatAgeMs
  return deadAfterMs - Math.min(seen.silentMs, ageMs)
}

/** Looks for dead nodes at a steady pace. */
export class Rescuer {
  readonly #host: Host
  readonly #options: RescuerOptions
  readonly #deadAfterMs: number
  readonly #everyMs: number
  readonly #seen = new Map<string, Observation>()
  /** The living nodes of this host, as of the last read. */
  #neighbours: readonly NodeRecord[] = []
  #readAt = 0
  /** Monotonic time at which the last read ended, if it succeeded. */
  #watchedSince: number | null = null
  #timer: Timer | undefined
  #isStopped = false
  #underWay: Promise<void> = Promise.resolve()

  constructor(host: Host, options: RescuerOptions) {
    this.#host = host
    this.#options = options
    this.#deadAfterMs = options.deadAfterMs ?? LEASE_MS
    this.#everyMs = options.everyMs ?? READ_EVERY_MS
  }

  /** Reads the nodes once now, then again and again. Resolves after the first time. */
  async start(): Promise<void> {
    await this.#read()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#underWay
  }

  #read(): Promise<void> {
    this.#underWay = this.#look()
      .catch((error: unknown) => {
        this.#options.onError(error)
        this.#neighbours = []
        this.#watchedSince = null
        return RETRY_MS
      })
      .then((againInMs) => {
        this.#readAt = this.#host.clock.monotonic() + againInMs
        this.#arm()
      })
    return this.#underWay
  }

  /** Until the next read only the processes of this host are looked at. */
  #arm(): void {
    if (this.#isStopped) return
    const untilReadMs = this.#readAt - this.#host.clock.monotonic()
    const neighboursMs = this.#neighbours.length > 0 ? (this.#options.neighboursEveryMs ?? 250) : Infinity
    const tick = (): void => {
      const { processes } = this.#host
      const isDue = this.#host.clock.monotonic() >= this.#readAt
      if (isDue || this.#neighbours.some((node) => isCertainlyGone(node, processes))) void this.#read()
      else this.#arm()
    }
    this.#timer = this.#host.clock.after(Math.max(0, Math.min(untilReadMs, neighboursMs)), tick, { keepAlive: false })
  }

  /** Answers in how many milliseconds to read again. */
  async #look(): Promise<number> {
    const { node: self, neighboursEveryMs } = this.#options
    const { clock, processes } = this.#host
    const own = processes.own()
    const watchedMs = this.#watchedSince === null ? 0 : clock.monotonic() - this.#watchedSince
    // A wait that was much longer than it should have been is this process's own trouble.
    const countedMs = Math.min(watchedMs, 1.5 * this.#everyMs)
    const nodes = await this.#options.store.readNodes()
    this.#watchedSince = clock.monotonic()
    const alive = new Set<string>()
    const neighbours: NodeRecord[] = []
    let againInMs = this.#everyMs
    for (const node of nodes) {
      if (node.isDead || node.id === self) continue
      alive.add(node.id)
      const before = this.#seen.get(node.id)
      const silentMs = before?.beatSeq === node.beatSeq ? before.silentMs + countedMs : 0
      const seen = { beatSeq: node.beatSeq, silentMs }
      this.#seen.set(node.id, seen)
      if (isDead(node, seen, processes, this.#deadAfterMs)) {
        const isFreed = await this.#rescue(node)
        if (!isFreed) againInMs = Math.min(againInMs, RETRY_MS)
      } else {
        const leftMs = silenceLeftMs(node, seen, this.#deadAfterMs)
        againInMs = Math.min(againInMs, Math.max(leftMs, neighboursEveryMs ?? 250))
        if (isNeighbour(node, own)) neighbours.push(node)
      }
    }
    for (const id of this.#seen.keys()) if (!alive.has(id)) this.#seen.delete(id)
    this.#neighbours = neighbours
    return againInMs
  }

  /** Answers false when the node has still to be freed, or may have to be. One that cannot be must not keep others waiting. */
  async #rescue(node: NodeRecord): Promise<boolean> {
    this.#host.trace.point('rescuer.rescue', node.id)
    const { store, onRescued, onError } = this.#options
    try {
      const answer = await store.rescueNode({
        node: node.id,
        by: this.#options.node,
        beatSeq: node.beatSeq,
        quarantineAfter: QUARANTINE_AFTER,
      })
      if (answer === null) return false
      onRescued(node, answer)
      return true
    } catch (error) {
      onError(error)
      return false
    }
  }
}
