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
import type { NodeSnapshot } from '../store.ts'
import { endClient } from './ended-within.ts'
import { beat } from './statements/nodes.ts'
import type { Database, Db } from './database.ts'

/** What beats for nodes. */
export interface Heart {
  /** Beats for a node from now on, every `beatMs` milliseconds. */
  beatFor(node: string, beatMs: number): void
  /** The next beat of the node stores this. */
  carry(node: string, snapshot: NodeSnapshot): void
  /** Ends the beat of a node. */
  stop(node: string): void
  /** Ends everything. */
  close(): Promise<void>
}

/** How soon a failed beat is tried again. */
const RETRY_MS = 250
/** How long a beat, or connecting for it, may take. */
const LIMIT_MS = 3_000

interface Beating {
  readonly beatMs: number
  snapshot: NodeSnapshot | null
  timer: Timer | null
}

interface Connection {
  readonly db: Db
  end(): Promise<void>
}

/** A heart on the event loop of its thread. */
export class LoopHeart implements Heart {
  readonly #clock: Clock
  readonly #database: Database
  readonly #onBegin: () => void
  readonly #beating = new Map<string, Beating>()
  #connection: Promise<Connection> | null = null

  /** @param onBegin Called when it begins to beat for a node and did for none before. */
  constructor(clock: Clock, database: Database, onBegin: () => void = () => {}) {
    this.#clock = clock
    this.#database = database
    this.#onBegin = onBegin
  }

  beatFor(node: string, beatMs: number): void {
    this.stop(node)
    if (this.#beating.size === 0) this.#onBegin()
    const beating: Beating = { beatMs, snapshot: null, timer: null }
    this.#beating.set(node, beating)
    this.#beatIn(node, beating, beatMs)
  }

  carry(node: string, snapshot: NodeSnapshot): void {
    const beating = this.#beating.get(node)
    if (beating !== undefined) beating.snapshot = snapshot
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
    const { snapshot } = beating
    let isAlive = true
    let pauseMs = beating.beatMs
    try {
      const { db } = await (this.#connection ??= this.#connect())
      isAlive = await beat(db, node, snapshot)
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
