/**
 * Beats for nodes: on a connection of its own, so that no long query delays a beat, and in a thread of its own
 * (`thread-heart.ts`) where that is possible, so that no handler does.
 *
 *     stopped ──beatFor──▶ beating ──stop, or the node is declared dead──▶ stopped
 *
 * A beat that fails, or is not answered for so long that two of them and a pause fit into the time after which a node counts
 * as dead, is tried again soon on a new connection. That a node is late, the others see by themselves.
 */

import type { Clock, Timer } from '../../host/clock.ts'
import type { NodeSnapshot, RescueRequest } from '../store.ts'
import { endClient } from './ended-within.ts'
import { beat } from './statements/nodes.ts'
import type { Database, Db } from './database.ts'

/** What beats for nodes. */
export interface Heart {
  /** Beats from now on, every `beatMs` milliseconds, for a node that was just registered: that counts as its first beat. */
  beatFor(node: string, beatMs: number): void
  /** The next beat of the node stores this; null is none. */
  carry(node: string, snapshot: NodeSnapshot | null): void
  /** A beat of the node that did not come from here was confirmed; it was sent `agoMs` milliseconds ago. */
  confirm(node: string, agoMs: number): void
  /** For how long no beat of the node has been confirmed, in milliseconds. */
  silenceMs(node: string): number
  /** See {@link Store.vouch}. */
  vouch(node: string, forMs: number): void
  /** Ends the beat of a node. */
  stop(node: string): void
  /** See {@link Store.rescueNodeSync}. */
  rescueSync(request: RescueRequest, limitMs: number): boolean
  /** Ends everything. */
  close(): Promise<void>
}

/** How soon a failed beat is tried again. */
const RETRY_MS = 250
/** How long a beat, or connecting for it, may take. */
const LIMIT_MS = 3_000

/** Whom a heart tells. */
export interface HeartListeners {
  /** It begins to beat for a node and did for none before. */
  readonly onBegin?: () => void
  /** A beat was confirmed that was sent `agoMs` milliseconds ago. */
  readonly onBeat?: (node: string, agoMs: number) => void
  /** Whether the node vouches for itself; otherwise no beat is made for it. */
  readonly isVouched?: (node: string) => boolean
}

interface Beating {
  readonly beatMs: number
  snapshot: NodeSnapshot | null
  timer: Timer | null
  /** Monotonic time at which the last beat that was confirmed was sent. */
  confirmedAt: number
}

interface Connection {
  readonly db: Db
  end(): Promise<void>
}

/** A heart on the event loop of its thread. */
export class LoopHeart implements Heart {
  readonly #clock: Clock
  readonly #database: Database
  readonly #listeners: HeartListeners
  readonly #beating = new Map<string, Beating>()
  #connection: Promise<Connection> | null = null

  constructor(clock: Clock, database: Database, listeners: HeartListeners = {}) {
    this.#clock = clock
    this.#database = database
    this.#listeners = listeners
  }

  beatFor(node: string, beatMs: number): void {
    this.stop(node)
    if (this.#beating.size === 0) this.#listeners.onBegin?.()
    const beating: Beating = { beatMs, snapshot: null, timer: null, confirmedAt: this.#clock.monotonic() }
    this.#beating.set(node, beating)
    this.#beatIn(node, beating, beatMs)
  }

  carry(node: string, snapshot: NodeSnapshot | null): void {
    const beating = this.#beating.get(node)
    if (beating !== undefined) beating.snapshot = snapshot
  }

  confirm(node: string, agoMs: number): void {
    const beating = this.#beating.get(node)
    if (beating !== undefined) beating.confirmedAt = Math.max(beating.confirmedAt, this.#clock.monotonic() - agoMs)
    this.#listeners.onBeat?.(node, agoMs)
  }

  silenceMs(node: string): number {
    return this.#clock.monotonic() - (this.#beating.get(node)?.confirmedAt ?? -Infinity)
  }

  /** It lives on the event loop that is vouched for. */
  vouch(): void {}

  /** What it would have to wait for comes by the event loop that would wait. */
  rescueSync(): false {
    return false
  }

  stop(node: string): void {
    this.#beating.get(node)?.timer?.cancel()
    this.#beating.delete(node)
    if (this.#beating.size === 0) void this.#disconnect()
  }

  async close(): Promise<void> {
    for (const { timer } of this.#beating.values()) timer?.cancel()
    this.#beating.clear()
    await this.#disconnect()
  }

  #beatIn(node: string, beating: Beating, ms: number): void {
    beating.timer = this.#clock.after(ms, () => void this.#beat(node, beating), { keepAlive: false })
  }

  async #beat(node: string, beating: Beating): Promise<void> {
    if (this.#listeners.isVouched?.(node) === false) return this.#beatIn(node, beating, beating.beatMs)
    const { snapshot } = beating
    let isAlive = true
    let pauseMs = beating.beatMs
    try {
      const { db } = await (this.#connection ??= this.#connect())
      const sentAt = this.#clock.monotonic()
      isAlive = await beat(db, node, snapshot)
      if (isAlive) this.confirm(node, this.#clock.monotonic() - sentAt)
      if (beating.snapshot === snapshot) beating.snapshot = null
    } catch {
      // Whoever looks at the nodes sees the late beat, and the store's own calls report the outage.
      pauseMs = Math.min(RETRY_MS, beating.beatMs)
      await this.#disconnect()
    }
    if (this.#beating.get(node) !== beating) return
    if (isAlive) this.#beatIn(node, beating, pauseMs)
    else this.#beating.delete(node)
  }

  async #connect(): Promise<Connection> {
    const client = await this.#database.client(LIMIT_MS)
    await client.connect()
    return {
      db: this.#database.on(client),
      end: () => endClient(this.#clock, client),
    }
  }

  async #disconnect(): Promise<void> {
    const connection = this.#connection
    this.#connection = null
    try {
      await (await connection)?.end()
    } catch {
      // It never came up.
    }
  }
}
