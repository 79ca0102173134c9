/**
 * A process of the simulation, and what its code sees of the world: its host. A process can be stopped and go on later, as by
 * SIGSTOP and SIGCONT; its event loop alone can be blocked while the thread that beats goes on; and it can be killed: from then
 * on nothing reaches it and nothing leaves it.
 *
 *     open ⇄ stopped        any ── kill ──▶ gone
 */

import type { Clock } from '../../src/host/clock.ts'
import type { Host, LogRecord, Timer } from '../../src/host/host.ts'
import type { ProcessIdentity, Vitals } from '../../src/host/processes.ts'
import type { World } from './world.ts'

const NO_VITALS: Vitals = {
  nodeVersion: 'v0',
  uptimeMs: 0,
  loadAverages: [0, 0, 0],
  cpus: 1,
  heapUsedBytes: 0,
  heapLimitBytes: 0,
  freeBytes: 0,
  totalBytes: 0,
}

/** What stands between the world and a thread of a process: everything that happens to the thread goes through it. */
class Gate {
  readonly #world: World
  #isOpen = true
  #isGone = false
  #waiting: (() => void)[] = []

  constructor(world: World) {
    this.#world = world
  }

  /** Lets `run` happen now, or when the thread goes on, or never. */
  pass(run: () => void): void {
    if (this.#isGone) return
    if (this.#isOpen) run()
    else this.#waiting.push(run)
  }

  shut(): void {
    this.#isOpen = false
  }

  open(): void {
    if (this.#isOpen || this.#isGone) return
    this.#isOpen = true
    const waiting = this.#waiting
    this.#waiting = []
    // One after the other, each as an event of its own.
    for (const run of waiting) this.#world.in(this.#world.between(0, 2), () => this.pass(run))
  }

  remove(): void {
    this.#isGone = true
    this.#waiting = []
  }
}

/** What processes that share an operating system see of each other. */
export class Computer {
  readonly #starts = new Map<number, string>()
  readonly #name: string
  readonly #isTelling: boolean
  #lastPid = 0

  /** @param isTelling Whether the operating system tells which processes there are. */
  constructor(name: string, isTelling: boolean) {
    this.#name = name
    this.#isTelling = isTelling
  }

  begin(start: string): ProcessIdentity {
    this.#lastPid += 1
    this.#starts.set(this.#lastPid, start)
    const { pidScope, pidStart } = this.#isTelling ? { pidScope: this.#name, pidStart: start } : UNKNOWN
    return { host: this.#name, pid: this.#lastPid, pidScope, pidStart }
  }

  end(pid: number): void {
    this.#starts.delete(pid)
  }

  startOf(pid: number): string | null {
    return this.#starts.get(pid) ?? null
  }
}

const UNKNOWN = { pidScope: null, pidStart: null }

/** When all simulations begin. */
export const EPOCH = 1_767_225_600_000

/** What a machine is made of. */
export interface MachineOptions {
  readonly name: string
  readonly skewMs: number
  readonly computer: Computer
  readonly onGone: () => void
  /** Called when its code passes a point of the trace. */
  readonly onPoint: (name: string, detail: unknown) => void
}

/** See the head of this file. */
export class Machine {
  readonly name: string
  readonly host: Host
  /** The host as the thread that beats sees it. */
  readonly threadHost: Host
  readonly logged: LogRecord[] = []
  readonly #world: World
  readonly #loop: Gate
  readonly #thread: Gate
  readonly #onGone: () => void
  readonly #leave: () => void
  #state: 'open' | 'stopped' | 'blocked' | 'gone' = 'open'
  #openSince = 0
  /** Where it is to die: the point of the trace, and how often it is passed before. */
  #crashPoint: { readonly name: string; left: number } | undefined
  /** How much its clock is wrong. */
  skewMs: number

  constructor(world: World, options: MachineOptions) {
    this.#world = world
    this.name = options.name
    this.skewMs = options.skewMs
    this.#onGone = options.onGone
    this.#loop = new Gate(world)
    this.#thread = new Gate(world)
    this.#openSince = world.now
    const bornAt = world.now
    const { computer } = options
    const identity = computer.begin(String(bornAt))
    this.#leave = () => computer.end(identity.pid)
    const rest = {
      processes: {
        own: () => identity,
        startOf: (pid: number) => computer.startOf(pid),
        memoryBytes: () => 0,
        vitals: () => NO_VITALS,
      },
      random: world.random,
      logger: { log: (record: LogRecord) => void this.logged.push(record) },
      trace: {
        point: (name: string, detail: unknown) => {
          options.onPoint(name, detail)
          this.#passed(name)
        },
      },
    }
    this.host = { ...rest, clock: this.#clock(this.#loop, bornAt) }
    this.threadHost = { ...rest, clock: this.#clock(this.#thread, bornAt) }
  }

  get state(): 'open' | 'stopped' | 'blocked' | 'gone' {
    return this.#state
  }

  get isGone(): boolean {
    return this.#state === 'gone'
  }

  /** For how long its event loop has been running without a break. */
  get openForMs(): number {
    return this.#state === 'open' ? this.#world.now - this.#openSince : 0
  }

  /** Lets something happen to its event loop: an answer, a hint. */
  deliver(run: () => void): void {
    this.#loop.pass(run)
  }

  /** Answers false when it does not run as it is. */
  stop(): boolean {
    if (this.#state !== 'open') return false
    this.#state = 'stopped'
    this.#loop.shut()
    this.#thread.shut()
    return true
  }

  /** The same for its event loop alone. */
  block(): boolean {
    if (this.#state !== 'open') return false
    this.#state = 'blocked'
    this.#loop.shut()
    return true
  }

  goOn(): void {
    if (this.#state !== 'stopped' && this.#state !== 'blocked') return
    this.#state = 'open'
    this.#openSince = this.#world.now
    if (this.#world.chance(0.5)) {
      this.#thread.open()
      this.#loop.open()
    } else {
      this.#loop.open()
      this.#thread.open()
    }
  }

  kill(why: string): void {
    if (this.#state === 'gone') return
    this.#state = 'gone'
    this.#world.note(`${this.name} dies: ${why}`)
    this.#loop.remove()
    this.#thread.remove()
    this.#leave()
    this.#onGone()
  }

  /** Lets it die when its code passes the point for the `count`th time from now. */
  killAt(name: string, count: number): void {
    this.#crashPoint = { name, left: count }
  }

  /** Lets it live. */
  spare(): void {
    this.#crashPoint = undefined
  }

  #passed(name: string): void {
    if (this.#crashPoint?.name !== name) return
    this.#crashPoint.left -= 1
    if (this.#crashPoint.left > 0) return
    this.#crashPoint = undefined
    this.kill(`at ${name}`)
  }

  #clock(gate: Gate, bornAt: number): Clock {
    const world = this.#world
    const after = (ms: number, run: () => void): Timer => {
      let isCancelled = false
      // No timer is quite on time.
      const timer = world.in(ms + world.random.float(), () =>
        gate.pass(() => {
          if (!isCancelled) run()
        }),
      )
      return {
        cancel: () => {
          isCancelled = true
          timer.cancel()
        },
      }
    }
    return {
      now: () => EPOCH + world.now + this.skewMs,
      monotonic: () => world.now - bornAt,
      after,
      soon: (run) => void world.in(0, () => gate.pass(run)),
      microtask: (run) => queueMicrotask(run),
    }
  }
}
