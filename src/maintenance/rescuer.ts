/**
 * The rescuer: finds nodes that died and frees their jobs. Any node may run it, all of them do; the store's guard lets one
 * win.
 *
 * A node is dead when it is certainly gone (same boot and pid namespace, no such process), or when it has been silent for
 * long enough *by the store's clock and by this node's own watch*: either clock alone may jump, and a database that was away
 * makes everybody look silent.
 */

import type { Host, Timer } from '../host/host.ts'
import type { NodeRecord, RescueAnswer, Store } from '../store/store.ts'
import { isCertainlyGone, type ProcessIdentity } from './process-identity.ts'

/** What was seen of a node's beat. */
export interface Observation {
  readonly beatSeq: number
  /** Monotonic time at which this `beatSeq` was seen first. */
  readonly since: number
}

/** What the rescuer needs. */
export interface RescuerOptions {
  readonly store: Store
  readonly node: string
  readonly identity: ProcessIdentity
  readonly onRescued: (node: NodeRecord, answer: RescueAnswer) => void
  readonly onError: (error: unknown) => void
  /** How long a node may be silent. Default: 10,000. */
  readonly deadAfterMs?: number | undefined
  /** How often it looks. Default: 500, so that jobs of a process that died on this host run again within a second. */
  readonly everyMs?: number | undefined
  /** A job is set aside as failed after this many crashes. Default: 3. */
  readonly quarantineAfter?: number | undefined
}

const DEAD_AFTER_MS = 10_000

/** Judges one node by what was seen of it. Pure but for the look at the process table. */
export function isDead(
  node: NodeRecord,
  seen: Observation | undefined,
  now: number,
  own: ProcessIdentity,
  deadAfterMs: number,
): boolean {
  if (isCertainlyGone(node, own)) return true
  return (
    seen !== undefined &&
    seen.beatSeq === node.beatSeq &&
    now - seen.since >= deadAfterMs &&
    node.beatAgeMs >= deadAfterMs
  )
}

/** Looks for dead nodes at a steady pace. */
export class Rescuer {
  readonly #host: Host
  readonly #options: RescuerOptions
  readonly #seen = new Map<string, Observation>()
  #timer: Timer | undefined
  #isStopped = false
  #underWay: Promise<void> = Promise.resolve()

  constructor(host: Host, options: RescuerOptions) {
    this.#host = host
    this.#options = options
  }

  /** Looks once now, then again and again. Resolves after the first look. */
  async start(): Promise<void> {
    await this.#tick()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#underWay
  }

  #tick(): Promise<void> {
    this.#underWay = this.#look()
      .catch((error: unknown) => this.#options.onError(error))
      .then(() => {
        if (this.#isStopped) return
        this.#timer = this.#host.clock.after(this.#options.everyMs ?? 500, () => void this.#tick(), {
          keepAlive: false,
        })
      })
    return this.#underWay
  }

  async #look(): Promise<void> {
    const nodes = await this.#options.store.readNodes()
    const now = this.#host.clock.monotonic()
    const alive = new Set<string>()
    for (const node of nodes) {
      if (node.isDead || node.id === this.#options.node) continue
      alive.add(node.id)
      const seen = this.#seen.get(node.id)
      if (isDead(node, seen, now, this.#options.identity, this.#options.deadAfterMs ?? DEAD_AFTER_MS))
        // One that cannot be freed now must not keep the others waiting.
        await this.#rescue(node).catch((error: unknown) => this.#options.onError(error))
      else if (seen?.beatSeq !== node.beatSeq) this.#seen.set(node.id, { beatSeq: node.beatSeq, since: now })
    }
    for (const id of this.#seen.keys()) if (!alive.has(id)) this.#seen.delete(id)
  }

  async #rescue(node: NodeRecord): Promise<void> {
    this.#host.trace.point('rescuer.rescue', node.id)
    const answer = await this.#options.store.rescueNode({
      node: node.id,
      beatSeq: node.beatSeq,
      quarantineAfter: this.#options.quarantineAfter ?? 3,
    })
    if (answer !== null) this.#options.onRescued(node, answer)
  }
}
