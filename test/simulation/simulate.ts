/**
 * One simulation: some workers on one database, a producer, an operator, and everything that may go wrong with them, all by one
 * seed.
 *
 *     chaos: jobs come, faults happen ──▶ calm: nothing goes wrong any more ──▶ every job has ended ──▶ all stop ──▶ compared
 */

import { unreachable } from '../../src/host/errors.ts'
import { uuidV7 } from '../../src/host/uuid.ts'
import { OutcomeUnknownError } from '../../src/store/errors.ts'
import { Database } from './database.ts'
import { NO_FAULTS, type FaultCounts, type Faults, type PlantedBug } from './faulty-store.ts'
import { Place } from './fleet.ts'
import { KINDS, type Kind } from './handlers.ts'
import type { Violation } from './history.ts'
import { Computer } from './machine.ts'
import { World } from './world.ts'

/** What came of a simulation. */
export interface SimulationReport {
  readonly seed: number
  /** What was found wrong; undefined when nothing was. */
  readonly violation: Violation | undefined
  /** Everything that happened. */
  readonly log: readonly string[]
  readonly simulatedMs: number
  readonly jobs: number
  readonly faults: Readonly<FaultCounts>
  readonly counts: Readonly<
    Record<'staleAcks' | 'executions' | 'reexecutions' | 'rescues' | 'givenBack' | 'ended', number>
  >
}

/** When the faults are over, every job must have ended after so long. */
const DRAIN_MS = 600_000
/** And what dead nodes held must be free. */
const RESCUED_MS = 30_000
/** And every worker has stopped that is told to. */
const STOP_MS = 40_000

/** Points of the code at which a machine may die. */
const CRASH_POINTS = [
  'claimer.claim',
  'job-producer.jobs',
  'job-consumer.jobs',
  'job-acker.finished',
  'ack-writer.flush',
  'rescuer.rescue',
  'node.stop',
  'node.withdraw',
]

type Trouble =
  | 'kill'
  | 'kill at a point'
  | 'stop and go on'
  | 'blocked loop'
  | 'cut off'
  | 'database away'
  | 'clock of a machine'
  | 'stop in order'
  | 'cancel'
  | 'retry'
  | 'clock of the database'

const MIXED: Readonly<Record<Trouble, number>> = {
  kill: 20,
  'kill at a point': 12,
  'stop and go on': 15,
  'blocked loop': 8,
  'cut off': 12,
  'database away': 6,
  'clock of a machine': 5,
  'stop in order': 8,
  cancel: 8,
  retry: 6,
  'clock of the database': 10,
}

/** What happens how often, in different kinds of simulations. */
const WEATHERS: readonly Readonly<Record<Trouble, number>>[] = [
  MIXED,
  // Processes that were taken for dead and are not.
  { ...MIXED, kill: 2, 'kill at a point': 2, 'stop and go on': 40, 'cut off': 25, 'blocked loop': 15 },
  // Processes that are dead.
  { ...MIXED, kill: 40, 'kill at a point': 30, 'stop and go on': 2, 'cut off': 2 },
]

/** Runs one simulation. */
export async function simulate(seed: number, bug: PlantedBug = {}): Promise<SimulationReport> {
  const simulation = new Simulation(seed, bug)
  const onRejection = (error: unknown): void => simulation.crashed(error)
  process.on('unhandledRejection', onRejection)
  try {
    return await simulation.run()
  } finally {
    process.off('unhandledRejection', onRejection)
  }
}

class Simulation {
  readonly #seed: number
  readonly #world: World
  readonly #database: Database
  readonly #faultCounts: FaultCounts = {}
  readonly #places: Place[] = []
  readonly #producer: Place
  readonly #chaosMs: number
  readonly #stormy: Faults
  #faults: Faults
  /** How likely a process that runs jobs becomes a zombie. */
  readonly #zombies: number
  #isCalm = false
  #highestSkewMs = 0

  constructor(seed: number, bug: PlantedBug) {
    const world = new World(seed)
    this.#seed = seed
    this.#world = world
    this.#database = new Database(world)
    this.#chaosMs = world.between(15_000, 60_000)
    this.#stormy = {
      failBefore: world.pick([0, 0.01, 0.08]),
      failAfter: world.pick([0, 0.02, 0.08]),
      slow: world.pick([0, 0.01, 0.05]),
      lostHint: world.pick([0, 0.3, 1]),
      deadly: world.pick([0, 0, 0.002, 0.01]),
      lateAck: world.pick([0, 0.02, 0.05]),
    }
    this.#faults = this.#stormy
    this.#zombies = world.pick([0, 0.05, 0.25])
    const options = {
      world,
      database: this.#database,
      faults: () => this.#faults,
      counts: this.#faultCounts,
      bug,
      onPoint: (place: Place, name: string, detail: unknown) => this.#passed(place, name, detail),
      queue: {
        concurrency: world.whole(1, 4),
        maxDemand: world.pick([1, 1, 2]),
        prefetch: world.pick(['auto', 0, 3] as const),
      },
    }
    const count = world.whole(2, 4)
    const shared = new Computer('shared', world.chance(0.5))
    const isShared = world.chance(0.4)
    for (let index = 1; index <= count; index++) {
      const computer = isShared ? shared : new Computer(`c${index}`, true)
      this.#places.push(new Place(`n${index}`, computer, options))
    }
    this.#producer = new Place('p', shared, options)
  }

  crashed(error: unknown): void {
    this.#database.history.fail('no-crash', `a promise was rejected and nobody handled it: ${String(error)}`)
  }

  async run(): Promise<SimulationReport> {
    const world = this.#world
    const { history } = this.#database
    for (const place of this.#places) world.in(world.between(0, 2_000), () => place.start())
    this.#planJobs(world.whole(10, 30))
    this.#planTrouble()
    await this.#go(this.#chaosMs, () => false)
    this.#calm()
    await this.#go(RESCUED_MS, () => this.#unrecovered() === undefined)
    const unrecovered = this.#unrecovered()
    if (unrecovered !== undefined) history.fail('progress', unrecovered)
    this.#database.skewMs = this.#highestSkewMs
    await this.#go(DRAIN_MS, () => history.unended().length === 0)
    if (history.violation === undefined) this.#checkEnded()
    if (history.violation === undefined) await this.#stopAll()
    history.compareAll(this.#database.all())
    this.#database.close()
    return {
      seed: this.#seed,
      violation: history.violation,
      log: world.log,
      simulatedMs: world.now,
      jobs: history.jobs.size,
      faults: this.#faultCounts,
      counts: history.counts,
    }
  }

  async #go(ms: number, isOver: () => boolean): Promise<void> {
    const { history } = this.#database
    await this.#world.run(this.#world.now + ms, () => history.violation !== undefined || isOver())
  }

  // ── jobs ───────────────────────────────────────────────────────────────────────────────────────────────────────────

  #planJobs(count: number): void {
    const world = this.#world
    const kinds = Object.entries(KINDS).flatMap(([kind, weight]) => Array<Kind>(weight).fill(kind as Kind))
    for (let index = 0; index < count; index++) {
      const kind = world.pick(kinds)
      world.in(world.between(0, this.#chaosMs * 0.9), () => this.#enqueue(kind))
    }
  }

  #enqueue(kind: Kind): void {
    const world = this.#world
    const place = world.chance(0.5) ? this.#producer : world.pick(this.#places)
    const { machine, runner } = place
    if (machine.state !== 'open') return
    const id = uuidV7(machine.host)
    const options = {
      id,
      maxAttempts: world.whole(1, 5),
      timeout: world.pick([world.whole(2_000, 6_000), 40_000]),
      backoff: { base: world.whole(50, 500), factor: 2, max: 2_000 },
      priority: world.pick([0, 0, 0, -5, 5]),
      ...(world.chance(0.2) ? { delay: world.whole(100, 5_000) } : {}),
    }
    // With the same id it may be tried again.
    let isDoubtful = false
    const attempt = (triesLeft: number): void => {
      runner.enqueue(`work.${kind}`, [], options).then(
        (handle) => {
          this.#database.history.confirmed(handle.id)
          if (world.chance(0.3)) this.#awaitResult(handle)
        },
        (error: unknown) => {
          const isUnknown = error instanceof OutcomeUnknownError
          if (isUnknown) isDoubtful = true
          else if (!isDoubtful) this.#database.history.refused(id)
          if (triesLeft > 0 && world.chance(0.7)) machine.host.clock.after(200, () => attempt(triesLeft - 1))
        },
      )
    }
    attempt(3)
  }

  #awaitResult(handle: { readonly id: string; readonly result: () => Promise<unknown> }): void {
    const { history } = this.#database
    handle.result().then(
      (value) => {
        if (!history.hasEnded(handle.id, 'completed')) {
          history.fail(
            'result',
            `somebody was told ${String(value)} of ${history.short(handle.id)}, which has not completed`,
          )
        }
      },
      (error: unknown) => {
        const code = error instanceof Error && 'code' in error ? error.code : undefined
        const isKnown =
          (code === 'ERR_JOB_FAILED' && history.hasEnded(handle.id, 'failed')) ||
          (code === 'ERR_JOB_CANCELLED' && history.hasEnded(handle.id, 'cancelled')) ||
          code === 'ERR_STORE_UNAVAILABLE'
        if (!isKnown) history.fail('result', `somebody was told of ${history.short(handle.id)}: ${String(error)}`)
      },
    )
  }

  // ── trouble ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #planTrouble(): void {
    const world = this.#world
    const meanMs = world.pick([700, 2_000, 5_000, 15_000])
    const weights = { ...world.pick(WEATHERS) }
    if (world.chance(0.8)) weights['clock of the database'] = 0
    // Each kind as often as its weight says.
    const kinds = Object.entries(weights).flatMap(([kind, weight]) => Array<Trouble>(weight).fill(kind as Trouble))
    const next = (): void => {
      if (this.#isCalm) return
      this.#trouble(world.pick(kinds))
      world.in(world.between(0, 2 * meanMs), next)
    }
    world.in(world.between(0, 2 * meanMs), next)
  }

  #trouble(kind: Trouble): void {
    const world = this.#world
    const { history } = this.#database
    const busy = this.#places.filter(({ machine }) => history.isBusy(machine))
    const place = world.pick(busy.length > 0 && world.chance(0.6) ? busy : this.#places)
    const { machine } = place
    switch (kind) {
      case 'kill':
        this.#count(kind)
        return machine.kill('killed')
      case 'kill at a point':
        this.#count(kind)
        return machine.killAt(world.pick(CRASH_POINTS), world.whole(1, 4))
      case 'stop and go on':
        if (!machine.stop()) return
        this.#count(kind)
        world.note(`${machine.name} is stopped`)
        return this.#later(world.pick([1_000, 9_000, 40_000]), () => machine.goOn())
      case 'blocked loop':
        if (!machine.block()) return
        this.#count(kind)
        world.note(`${machine.name} is blocked`)
        return this.#later(world.pick([1_000, 30_000]), () => machine.goOn())
      case 'cut off':
        if (!place.cutOff()) return
        this.#count(kind)
        world.note(`${place.name} is cut off`)
        return this.#later(world.pick([2_000, 12_000, 40_000]), () => place.reconnect())
      case 'database away':
        this.#count(kind)
        world.note('the database is away')
        this.#database.isAway = true
        return this.#later(world.pick([1_000, 8_000, 20_000]), () => (this.#database.isAway = false))
      case 'clock of a machine':
        this.#count(kind)
        return place.setSkew(world.between(-3_600_000, 3_600_000))
      case 'stop in order':
        if (machine.state !== 'open') return
        this.#count(kind)
        return void place.stop(world.whole(0, 6_000))
      case 'cancel':
      case 'retry':
        return this.#operate(kind)
      case 'clock of the database':
        this.#count(kind)
        this.#database.skewMs = world.chance(0.5) ? 0 : world.between(0, 3_600_000)
        world.note(`the clock of the database is ${this.#database.skewMs.toFixed(0)} ms ahead`)
        this.#highestSkewMs = Math.max(this.#highestSkewMs, this.#database.skewMs)
        return
      default:
        return unreachable(kind)
    }
  }

  /** Keeps a place that runs jobs silent for so long that others take it for dead. */
  #silence(place: Place): void {
    const { machine } = place
    const kind = this.#world.pick(['stopped', 'cut off'] as const)
    if (this.#isCalm || !(kind === 'stopped' ? machine.stop() : place.cutOff())) return
    this.#count(`a zombie: ${kind}`)
    this.#world.note(`${machine.name} is ${kind}, to be taken for dead`)
    this.#world.in(this.#world.between(12_000, 40_000), () => {
      if (kind === 'stopped') machine.goOn()
      else place.reconnect()
    })
  }

  /** A process that was stopped goes on in the very moment in which another one declares it dead. */
  #passed(place: Place, name: string, detail: unknown): void {
    if (this.#isCalm) return
    if (name === 'job-consumer.jobs' && this.#world.chance(this.#zombies))
      this.#later(1_500, () => this.#silence(place))
    if (name !== 'rescuer.rescue') return
    const machine = this.#database.history.machineOfNode(String(detail))
    if (machine?.state !== 'stopped' || !this.#world.chance(0.4)) return
    this.#count('awake when rescued')
    this.#world.in(this.#world.between(0, 3), () => machine.goOn())
  }

  #operate(verb: 'cancel' | 'retry'): void {
    const jobs = [...this.#database.history.jobs.values()]
    if (jobs.length === 0) return
    const wanted = verb === 'retry' ? jobs.filter(({ state }) => state === 'failed' || state === 'cancelled') : jobs
    if (wanted.length === 0) return
    const { id } = this.#world.pick(wanted)
    this.#count(verb)
    this.#producer.runner[verb](id).catch(() => {})
  }

  #later(atMostMs: number, run: () => void): void {
    this.#world.in(this.#world.between(50, atMostMs), run)
  }

  #count(kind: string): void {
    this.#faultCounts[kind] = (this.#faultCounts[kind] ?? 0) + 1
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────────

  #calm(): void {
    this.#isCalm = true
    this.#faults = NO_FAULTS
    this.#database.isAway = false
    this.#database.skewMs = this.#world.chance(0.5) ? 0 : this.#database.skewMs
    for (const place of this.#places) {
      place.reconnect()
      place.machine.spare()
      place.machine.goOn()
    }
    this.#world.note('calm')
  }

  /** What is still to be repaired when nothing goes wrong any more: jobs that dead machines hold, workers without a node. */
  #unrecovered(): string | undefined {
    const { history } = this.#database
    for (const { machine } of this.#places) {
      if (machine.isGone || !history.hasLiveNode(machine)) return `${machine.name} is no node that lives`
    }
    for (const job of history.unended()) {
      const machine = history.machineOf(job)
      if (machine?.isGone === true) return `job ${history.short(job.id)} is held by ${machine.name}, which is gone`
    }
    return undefined
  }

  #checkEnded(): void {
    const { history } = this.#database
    for (const { id, state } of history.unended()) {
      history.fail('progress', `job ${history.short(id)} has not ended; it is ${state}`)
    }
  }

  async #stopAll(): Promise<void> {
    const { history } = this.#database
    for (const place of this.#places) place.close()
    const alive = this.#places.filter(({ machine }) => !machine.isGone)
    let open = alive.length
    for (const place of alive) {
      void place.stop(1_000).finally(() => (open -= 1))
    }
    await this.#go(STOP_MS, () => open === 0)
    if (open > 0) history.fail('drained', `${open} workers do not stop`)
  }
}
