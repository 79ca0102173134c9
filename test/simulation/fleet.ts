/** The places of a simulation at which a worker runs: when its process is gone, another one begins there. */

import { JobRunner } from '../../src/runner/create-runner.ts'
import { readConfig } from '../../src/runner/config.ts'
import type { Database } from './database.ts'
import { faultyStore, type FaultCounts, type Faults, type PlantedBug } from './faulty-store.ts'
import { handlersOf } from './handlers.ts'
import { Machine, type Computer } from './machine.ts'
import type { World } from './world.ts'

/** What the places share. */
export interface FleetOptions {
  readonly world: World
  readonly database: Database
  readonly faults: () => Faults
  readonly counts: FaultCounts
  readonly bug: PlantedBug
  /** Called when the code of a machine passes a point of the trace. */
  readonly onPoint: (place: Place, name: string, detail: unknown) => void
  readonly queue: { readonly concurrency: number; readonly maxDemand: number; readonly prefetch: number | 'auto' }
}

/** A place for one worker after the other. */
export class Place {
  readonly name: string
  readonly #options: FleetOptions
  readonly #computer: Computer
  #machine: Machine
  #runner: JobRunner
  #lives = 0
  #isClosed = false
  #isWorker = false
  #isCutOff = false
  /** How much the clock here is wrong. */
  skewMs: number

  constructor(name: string, computer: Computer, options: FleetOptions) {
    this.name = name
    this.#computer = computer
    this.#options = options
    this.skewMs = options.world.chance(0.5) ? 0 : options.world.between(-3_600_000, 3_600_000)
    ;({ machine: this.#machine, runner: this.#runner } = this.#make())
  }

  /** Whether it is cut off from the database. */
  get isCutOff(): boolean {
    return this.#isCutOff
  }

  /** Cuts it off from the database; answers false when it is already. */
  cutOff(): boolean {
    if (this.#isCutOff) return false
    this.#isCutOff = true
    return true
  }

  reconnect(): void {
    this.#isCutOff = false
  }

  get machine(): Machine {
    return this.#machine
  }

  get runner(): JobRunner {
    return this.#runner
  }

  setSkew(ms: number): void {
    this.skewMs = ms
    this.#machine.skewMs = ms
  }

  /** Starts the worker, here and whenever its process was replaced. When it cannot, another one is tried. */
  start(): void {
    this.#isWorker = true
    const { world } = this.#options
    const machine = this.#machine
    this.#runner.start({ blame: false }).then(
      () => world.note(`${machine.name} is up`),
      (error: unknown) => {
        world.note(`${machine.name} cannot start: ${String(error)}`)
        machine.kill('it could not start')
      },
    )
  }

  /** Stops the worker in order; another one begins. */
  async stop(timeoutMs: number): Promise<void> {
    const { world } = this.#options
    const machine = this.#machine
    world.note(`${machine.name} is told to stop within ${timeoutMs} ms`)
    await this.#runner.stop({ timeout: timeoutMs })
    world.note(`${machine.name} has stopped`)
    machine.kill('it has stopped')
  }

  /** Begins no worker any more. */
  close(): void {
    this.#isClosed = true
  }

  #make(): { machine: Machine; runner: JobRunner } {
    const { world, database, faults, counts, bug, queue } = this.#options
    this.#lives += 1
    const machine = new Machine(world, {
      name: `${this.name}.${this.#lives}`,
      skewMs: this.skewMs,
      computer: this.#computer,
      onGone: () => this.#again(),
      onPoint: (point, detail) => this.#options.onPoint(this, point, detail),
    })
    const store = faultyStore(world, { machine, database, faults, counts, bug, isCutOff: () => this.isCutOff })
    const config = readConfig({
      database: 'sqlite::memory:',
      jobs: handlersOf(world, machine, database.history),
      queues: { default: queue },
    })
    const runner = new JobRunner(machine.host, config, store)
    const { history } = database
    runner.on('job:stop', ({ id, outcome }) => {
      if (outcome === 'completed' || outcome === 'cancelled') history.announced(machine, id, outcome)
    })
    runner.on('job:exception', ({ id, outcome }) => {
      if (outcome === 'failed') history.announced(machine, id, outcome)
    })
    return { machine, runner }
  }

  #again(): void {
    const { world } = this.#options
    if (this.#isClosed) return
    world.in(world.between(20, 4_000), () => {
      if (this.#isClosed) return
      ;({ machine: this.#machine, runner: this.#runner } = this.#make())
      if (this.#isWorker) this.start()
    })
  }
}
