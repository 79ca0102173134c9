/**
 * The ear of a process: a connection that listens for "there may be jobs", and the row that tells enqueuers whether somebody
 * here is idle and wants to be told.
 *
 *     closed ──open──▶ connecting ──▶ listening: heard, or deaf ──close──▶ closed
 *                       ▲      │            │ the connection broke, or was heard and is not any more
 *                       │      │            ▼
 *                       └──────┴────────── wait    a minute where a pooler shares its connections: nothing would arrive
 *
 * Nobody is idle until claims say so: a process that only waits for results listens too.
 *
 * Every ten seconds it is notified over another connection of this process. What does not come within two means that it is
 * deaf, and the claims are told to look by themselves more often; enqueuers are not asked to notify it then. Notifications
 * are hints either way; looking is the truth.
 */

import type { Client, Notification } from 'pg'
import type { Host, Timer } from '../../host/host.ts'
import { uuidV4 } from '../../host/uuid.ts'
import type { Database, Db } from './database.ts'
import { endClient, endedWithin } from './ended-within.ts'
import { isShared, lookAt } from './pooler.ts'

const SET_WAKE = `
  insert into /* schema */.wake (listener, is_idle, seen_at) values ($1::uuid, $2::boolean, (select /* schema */.now_ms()))
  on conflict (listener) do update set is_idle = excluded.is_idle, seen_at = excluded.seen_at`

const REMOVE_WAKE = 'delete from /* schema */.wake where listener = $1::uuid'

const PROBE_EVERY_MS = 10_000
const PROBE_TIMEOUT_MS = 2_000
const RECONNECT_MIN_MS = 100
const RECONNECT_MAX_MS = 5_000
/** How often it is looked at whether a pooler still shares its connections. */
const POOLER_EVERY_MS = 60_000

/** What a listener needs. */
export interface ListenerOptions {
  readonly database: Database
  readonly channel: string
  readonly onNotify: () => void
}

/** A notification that is waited for. */
interface Probe {
  readonly token: string
  timeout: Timer | null
}

/** See the head of this file. */
export class Listener {
  readonly #host: Host
  readonly #options: ListenerOptions
  readonly #id: string
  #isOpen = false
  #isHeard = false
  #timesUnheard = 0
  #isIdle = false
  #client: Client | null = null
  #probe: Probe | null = null
  #timer: Timer | null = null
  #waitMs = RECONNECT_MIN_MS

  constructor(host: Host, options: ListenerOptions) {
    this.#host = host
    this.#options = options
    this.#id = uuidV4(host)
  }

  /** Whether notifications reach this process, as far as it knows. */
  get isHeard(): boolean {
    return this.#isHeard
  }

  /** How often notifications reached this process, and then did not any more. */
  get timesUnheard(): number {
    return this.#timesUnheard
  }

  /** Whether enqueuers are told that somebody here is idle. */
  get isIdle(): boolean {
    return this.#isIdle
  }

  /** Begins to listen; resolves when it does, or when the first try has failed: it goes on trying. */
  async open(): Promise<void> {
    if (this.#isOpen) return
    this.#isOpen = true
    await this.#connect()
  }

  /** Tells enqueuers whether somebody here is idle. When it resolves, they see it. */
  async setIdle(isIdle: boolean): Promise<void> {
    if (!this.#isOpen || this.#isIdle === isIdle) return
    this.#isIdle = isIdle
    await this.#tell(this.#options.database.general)
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#isHeard = false
    this.#timer?.cancel()
    this.#probe?.timeout?.cancel()
    const client = this.#client
    this.#client = null
    // Where that fails: the row is too old after half a minute, and pruned later.
    await endedWithin(this.#host.clock, this.#options.database.general.query(REMOVE_WAKE, [this.#id]))
    if (client !== null) await endClient(this.#host.clock, client)
  }

  async #connect(): Promise<void> {
    const { database, channel, onNotify } = this.#options
    let client: Client | null = null
    try {
      client = await database.client()
      await client.connect()
      const { isPooled } = await lookAt(client)
      const isDeaf = isPooled && (await isShared(client, database.general))
      if (!this.#isOpen || isDeaf) {
        // To listen would leave that behind on a connection that others are given next.
        this.#isIdle = false
        this.#connectIn(POOLER_EVERY_MS)
        await endClient(this.#host.clock, client)
        return
      }
      this.#client = client
      // A broken connection is replaced; `end` follows every error.
      client.on('end', () => this.#lost(client))
      client.on('notification', (message) => this.#receive(message))
      await client.query(`listen "${channel}"`)
      await this.#tell(database.general)
      this.#waitMs = RECONNECT_MIN_MS
      await this.#sendProbe()
      // Something may have come while nobody listened.
      onNotify()
    } catch {
      // The store's own calls report what is wrong with the database.
      await this.#drop(client)
    }
  }

  /** Gives a connection up; another is made after a while. */
  async #drop(client: Client | null): Promise<void> {
    this.#lost(client)
    if (client !== null) await endClient(this.#host.clock, client)
  }

  #lost(client: Client | null): void {
    if (!this.#isOpen || (this.#client !== null && this.#client !== client)) return
    if (this.#client === null && this.#timer !== null) return
    this.#client = null
    if (this.#isHeard) this.#timesUnheard += 1
    this.#isHeard = false
    this.#probe?.timeout?.cancel()
    this.#probe = null
    this.#connectIn(this.#waitMs)
    this.#waitMs = Math.min(this.#waitMs * 2, RECONNECT_MAX_MS)
  }

  #connectIn(ms: number): void {
    this.#timer?.cancel()
    if (!this.#isOpen) return
    const connect = (): void => {
      this.#timer = null
      void this.#connect()
    }
    this.#timer = this.#host.clock.after(ms, connect, { keepAlive: false })
  }

  #receive({ payload }: Notification): void {
    if (payload === undefined || payload === '') {
      this.#options.onNotify()
      return
    }
    if (payload !== this.#probe?.token) return
    this.#probe.timeout?.cancel()
    this.#probe = null
    this.#isHeard = true
  }

  async #sendProbe(): Promise<void> {
    const { clock } = this.#host
    const probe: Probe = { token: uuidV4(this.#host), timeout: null }
    this.#probe = probe
    // From another connection, as others do: what a connection sends to itself comes back even through a pooler.
    await this.#options.database.general.query('select pg_notify($1, $2)', [this.#options.channel, probe.token])
    if (this.#client === null) return
    // It may have arrived before the answer.
    if (this.#probe === probe) {
      probe.timeout = clock.after(PROBE_TIMEOUT_MS, () => void this.#wentUnheard(probe), { keepAlive: false })
    }
    this.#timer?.cancel()
    this.#timer = clock.after(PROBE_EVERY_MS, () => void this.#probeAgain(), { keepAlive: false })
  }

  async #probeAgain(): Promise<void> {
    this.#timer = null
    try {
      await this.#tell(this.#options.database.general)
      await this.#sendProbe()
    } catch {
      // Where one connection fails, this one is mostly gone too, and may not know it yet.
      await this.#drop(this.#client)
    }
  }

  async #wentUnheard(probe: Probe): Promise<void> {
    if (this.#probe !== probe) return
    this.#probe = null
    if (this.#isHeard) {
      const { name } = this.#options.database
      this.#host.logger.log({
        level: 'warn',
        code: 'listen_broken',
        args: [name],
        message: `notifications of database ${name} do not arrive any more; jobs are looked for by asking until a new connection hears them`,
      })
      await this.#drop(this.#client)
      return
    }
    // Something on the way loses notifications, so nobody need send them.
    await this.setIdle(false).catch(() => {})
  }

  async #tell(db: Db): Promise<void> {
    await db.query(SET_WAKE, [this.#id, this.#isIdle])
  }
}
