/**
 * The processes of a run: each slot has one, and a new one soon after it ended. Everything that is done to them, and every
 * end, is written down, so that the audit can tell what had a cause.
 *
 *     starting ──▶ alive ◀──wake── asleep
 *        ▲          │ ends, however that comes
 *        └── soon ──┘          close: SIGTERM to all, and nobody comes back
 */

import { fork, type ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { CrashPoint, Slot } from './plan.ts'
import type { StoreName } from './profiles.ts'

/** Why a process was to end, where the harness knows. */
export type Cause = 'kill' | 'crash' | 'term' | 'term-kill' | 'close' | 'none'

/** The end of a process. */
export interface Exit {
  readonly slot: string
  readonly pid: number
  /** When it was noticed. */
  readonly at: number
  /** When it was sent what ended it; null when nothing was sent. */
  readonly sentAt: number | null
  readonly code: number | null
  readonly signal: string | null
  readonly cause: Cause
}

/** A time in which a process was stopped. */
export interface Sleep {
  readonly slot: string
  readonly pid: number
  readonly from: number
  /** Infinity while it lasts. */
  until: number
}

/** What a fleet is made of. */
export interface FleetOptions {
  readonly build: string
  readonly url: string
  /** Where journals and what the processes print go. */
  readonly folder: string
  readonly store: StoreName
  readonly slots: readonly Slot[]
}

interface Berth {
  readonly slot: Slot
  child: ChildProcess | undefined
  isReady: boolean
  isBusy: boolean
  cause: Cause
  sentAt: number | null
  lives: number
  sleep: Sleep | undefined
}

const PROGRAM = fileURLToPath(new URL('program/worker.mjs', import.meta.url))
const BACK_AFTER_MS = 100
/** A process that has nothing to do for so long is stopped all the same. */
const BUSY_WITHIN_MS = 2_000
/** How far ahead the clock of a victim on PostgreSQL is: no stored time may come from it. */
const SKEW_MS = 60 * 60 * 1_000

/** See the head of this file. */
export class Fleet {
  readonly exits: Exit[] = []
  readonly sleeps: Sleep[] = []
  readonly #options: FleetOptions
  readonly #berths: ReadonlyMap<string, Berth>
  #isClosing = false
  #waiters: (() => void)[] = []

  constructor(options: FleetOptions) {
    this.#options = options
    this.#berths = new Map(
      options.slots.map((slot) => [
        slot.name,
        {
          slot,
          child: undefined,
          isReady: false,
          isBusy: false,
          cause: 'none',
          sentAt: null,
          lives: 0,
          sleep: undefined,
        },
      ]),
    )
  }

  /** Starts all, and answers when all are ready. */
  async start(): Promise<void> {
    for (const berth of this.#berths.values()) this.#launch(berth)
    await this.#until(() => [...this.#berths.values()].every(({ isReady }) => isReady))
  }

  /** The pid of a process that is up and can be attacked. */
  pidOf(slot: string): number | undefined {
    const berth = this.#berths.get(slot)
    return berth?.isReady === true && berth.sleep === undefined ? berth.child?.pid : undefined
  }

  kill(slot: string): void {
    this.#end(slot, 'kill', 'SIGKILL')
  }

  /** Tells a process to kill itself when it next passes the point. */
  arm(slot: string, point: CrashPoint): void {
    const berth = this.#berths.get(slot)
    if (this.pidOf(slot) === undefined || berth === undefined) return
    // One that was told to stop before may still pass the point; what it writes down tells then.
    if (berth.cause === 'none') berth.cause = 'crash'
    berth.child?.send({ arm: point }, () => {})
  }

  /** Tells a process to stop; where it is still there after `killAfterMs`, it is killed. */
  async term(slot: string, killAfterMs: number | null): Promise<void> {
    const pid = this.pidOf(slot)
    this.#end(slot, 'term', 'SIGTERM')
    if (killAfterMs === null || pid === undefined) return
    await new Promise((resolve) => setTimeout(resolve, killAfterMs))
    if (this.#berths.get(slot)?.child?.pid === pid) this.#end(slot, 'term-kill', 'SIGKILL')
  }

  /** Stops a process while a handler runs in it. While `isBlocking` answers true it is woken for a moment, and stopped elsewhere. */
  async sleep(slot: string, isBlocking: () => Promise<boolean>): Promise<Sleep | undefined> {
    const berth = this.#berths.get(slot)
    const pid = this.pidOf(slot)
    if (berth === undefined || pid === undefined) return undefined
    berth.isBusy = false
    berth.child?.send({ tellWhenBusy: true }, () => {})
    const deadline = setTimeout(() => {
      berth.isBusy = true
      this.#tell()
    }, BUSY_WITHIN_MS)
    await this.#until(() => berth.isBusy || berth.child?.pid !== pid)
    clearTimeout(deadline)
    while (berth.child?.pid === pid) {
      berth.child.kill('SIGSTOP')
      // The signal reaches one thread after the other.
      await new Promise((resolve) => setTimeout(resolve, 30))
      if (!(await isBlocking())) break
      berth.child?.kill('SIGCONT')
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    if (berth.child?.pid !== pid) return undefined
    berth.sleep = { slot, pid, from: Date.now(), until: Infinity }
    this.sleeps.push(berth.sleep)
    return berth.sleep
  }

  wake(sleep: Sleep): void {
    const berth = this.#berths.get(sleep.slot)
    if (berth?.sleep !== sleep) return
    sleep.until = Date.now()
    berth.sleep = undefined
    berth.child?.kill('SIGCONT')
  }

  /** Stops all in order; those that do not end in time are killed, and named in the answer. */
  async close(withinMs: number): Promise<readonly string[]> {
    this.#isClosing = true
    const open = (): readonly Berth[] => [...this.#berths.values()].filter(({ child }) => child !== undefined)
    for (const { slot } of open()) this.#end(slot.name, 'close', 'SIGTERM')
    const late = setTimeout(() => this.#tell(), withinMs)
    const deadline = Date.now() + withinMs - 50
    await this.#until(() => open().length === 0 || Date.now() >= deadline)
    clearTimeout(late)
    const stuck = open().map(({ slot }) => slot.name)
    for (const { child } of open()) child?.kill('SIGKILL')
    await this.#until(() => open().length === 0)
    return stuck
  }

  /** Kills what is left, whatever state the run is in. */
  abandon(): void {
    this.#isClosing = true
    for (const { child } of this.#berths.values()) child?.kill('SIGKILL')
  }

  #end(slot: string, cause: Cause, signal: NodeJS.Signals): void {
    const berth = this.#berths.get(slot)
    if (berth?.child === undefined || berth.sleep !== undefined) return
    berth.cause = cause
    berth.sentAt = Date.now()
    berth.child.kill(signal)
  }

  #launch(berth: Berth): void {
    const { folder, build, url, store } = this.#options
    const { name, role } = berth.slot
    berth.lives += 1
    const out = openSync(join(folder, `${name}.out`), 'a')
    const options = {
      build,
      url,
      journal: join(folder, `${name}.journal`),
      ...queuesOf(role, store),
      ...(role === 'remote' ? { bootId: `${name}-${berth.lives}` } : {}),
      ...(role === 'victim' && store === 'postgres' ? { skewMs: SKEW_MS } : {}),
    }
    const child = fork(PROGRAM, [JSON.stringify(options)], {
      execArgv: role === 'bomb' ? ['--max-old-space-size=40'] : [],
      stdio: ['ignore', out, out, 'ipc'],
    })
    berth.child = child
    berth.cause = 'none'
    berth.sentAt = null
    child.on('message', () => {
      // The first message says that it is ready, any other that it is busy; see program/worker.mjs.
      if (berth.isReady) berth.isBusy = true
      berth.isReady = true
      this.#tell()
    })
    child.once('exit', (code, signal) => this.#ended(berth, child, code, signal))
  }

  #ended(berth: Berth, child: ChildProcess, code: number | null, signal: string | null): void {
    const { slot, cause, sentAt } = berth
    this.exits.push({ slot: slot.name, pid: child.pid ?? 0, at: Date.now(), sentAt, code, signal, cause })
    if (berth.sleep !== undefined) berth.sleep.until = Date.now()
    Object.assign(berth, { child: undefined, isReady: false, sleep: undefined })
    this.#tell()
    if (!this.#isClosing) setTimeout(() => this.#isClosing || this.#launch(berth), BACK_AFTER_MS)
  }

  #tell(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter()
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }
}

/** How many handlers of a queue may run at once in one process. */
export function concurrencyOf(queue: string, store: StoreName): number {
  // On SQLite the handlers of a process share the connection of their own transactions.
  if (queue === 'effects') return store === 'sqlite' ? 1 : 4
  return queue === 'default' ? 8 : 1
}

function queuesOf(
  role: Slot['role'],
  store: StoreName,
): { readonly queues: object; readonly serves: readonly string[] } {
  const serves = servedBy(role)
  const queues = Object.fromEntries(serves.map((queue) => [queue, { concurrency: concurrencyOf(queue, store) }]))
  return { queues, serves }
}

function servedBy(role: Slot['role']): readonly string[] {
  switch (role) {
    case 'blocked':
      return ['block']
    case 'bomb':
      return ['bomb']
    case 'victim':
      return ['default', 'effects', 'poison']
    case 'observer':
    case 'sleeper':
    case 'remote':
      return ['default', 'effects']
  }
}
