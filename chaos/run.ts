/**
 * One run: a fleet on a database, jobs, faults by the plan, and then peace until all jobs have ended.
 *
 *     prepare ─▶ faults and jobs ─▶ faults off, drain ─▶ operator retries what was set aside, drain ─▶ stop ─▶ evidence
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { ClientProcess } from './client-process.ts'
import { Fleet, type Exit, type Sleep } from './fleet.ts'
import { readJournals, type JournalLine } from './journal.ts'
import type { Effect, Place, Transition } from './places/place.ts'
import { postgresPlace } from './places/postgres-place.ts'
import { sqlitePlace } from './places/sqlite-place.ts'
import { planOf, type Fault, type Plan } from './plan.ts'
import type { Profile, StoreName } from './profiles.ts'
import { workloadOf, type PlannedJob } from './workload.ts'

/** What a run is made of. */
export interface RunOptions {
  readonly seed: number
  readonly profile: Profile
  readonly store: StoreName
  /** The build under test. */
  readonly build: string
  /** Where journals and outputs of the processes go. */
  readonly folder: string
  readonly say: (line: string) => void
}

/** A fault that was done, or a kill that a process did itself. */
export interface Incident {
  readonly at: number
  readonly type: string
  readonly target: string
  readonly detail: string
  /** When it was over; the same as `at` for what takes no time. */
  readonly until: number
}

/** All that the audit judges. */
export interface Evidence {
  readonly seed: number
  readonly profile: Profile
  readonly store: StoreName
  readonly description: string
  readonly plan: Plan
  readonly workload: readonly PlannedJob[]
  readonly lines: readonly JournalLine[]
  readonly transitions: readonly Transition[]
  readonly effects: readonly Effect[]
  readonly exits: readonly Exit[]
  readonly sleeps: readonly Sleep[]
  readonly incidents: readonly Incident[]
  /** Jobs that had not ended when the run was over. */
  readonly unfinished: number
  /** Processes that did not end when they were told to. */
  readonly stuck: readonly string[]
  /** Jobs that were set aside after crashes and that the operator retried. */
  readonly retried: readonly string[]
  /** How long the work took to come to its end once faults were off. */
  readonly drainMs: number
  readonly tookMs: number
}

/** A worker is told to stop within half a second, and has three more seconds for handlers that do not listen. */
const STOP_WITHIN_MS = 10_000

/** Ended jobs that nobody can run to a better end. */
const MEANT_TO_FAIL: ReadonlySet<string> = new Set(['work.poison', 'work.bomb', 'work.refuse'])

/** Runs it. Faults of the harness itself throw; what the runner did wrong is in the evidence. */
export async function conduct(options: RunOptions): Promise<Evidence> {
  mkdirSync(options.folder, { recursive: true })
  const place = options.store === 'sqlite' ? sqlitePlace() : await postgresPlace()
  try {
    return await new Conductor(options, place).run()
  } finally {
    await place.close()
  }
}

class Conductor {
  readonly #options: RunOptions
  readonly #place: Place
  readonly #plan: Plan
  readonly #workload: readonly PlannedJob[]
  readonly #fleet: Fleet
  readonly #incidents: Incident[] = []
  #producer: ClientProcess | undefined

  constructor(options: RunOptions, place: Place) {
    const { seed, profile, store, build, folder } = options
    this.#options = options
    this.#place = place
    this.#plan = planOf(seed, profile, store)
    this.#workload = workloadOf(seed, profile)
    this.#fleet = new Fleet({ build, url: place.url, folder, store, slots: this.#plan.slots })
  }

  async run(): Promise<Evidence> {
    const { build, folder, profile, say } = this.#options
    const begunAt = Date.now()
    const operator = new ClientProcess({ name: 'operator', build, url: this.#place.url, folder })
    try {
      await operator.ask('migrate')
      await this.#place.watch()
      await this.#fleet.start()
      say(`${this.#plan.slots.length} processes are up; ${this.#plan.faults.length} faults are planned`)
      const startedAt = Date.now()
      writeFileSync(join(folder, 'workload.json'), JSON.stringify(this.#workload))
      this.#startProducer(startedAt)
      await this.#attack(startedAt)
      await sleep(Math.max(0, startedAt + profile.chaosMs - Date.now()))
      const calmAt = Date.now()
      say(
        `${((calmAt - startedAt) / 1_000).toFixed(0)} s of faults are over; ${await this.#place.unfinished()} jobs have not ended yet`,
      )
      await this.#drain()
      const retried = await this.#retryInnocent(operator)
      await this.#drain()
      const unfinished = await this.#place.unfinished()
      const drainMs = Date.now() - calmAt
      const stuck = await this.#fleet.close(STOP_WITHIN_MS)
      return await this.#evidence({ unfinished, stuck, retried, drainMs, tookMs: Date.now() - begunAt })
    } finally {
      this.#fleet.abandon()
      await operator.kill()
      await this.#producer?.kill()
    }
  }

  #startProducer(startedAt: number): void {
    const { build, folder } = this.#options
    const workload = join(folder, 'workload.json')
    this.#producer = new ClientProcess({ name: 'producer', build, url: this.#place.url, folder, workload, startedAt })
  }

  /** Does all faults at their times; answers when all of them are over. */
  async #attack(startedAt: number): Promise<void> {
    const underWay: Promise<void>[] = []
    for (const fault of this.#plan.faults) {
      await sleep(Math.max(0, startedAt + fault.atMs - Date.now()))
      underWay.push(this.#do(fault, startedAt))
    }
    await Promise.all(underWay)
  }

  async #do(fault: Fault, startedAt: number): Promise<void> {
    const at = Date.now()
    const note = (type: string, target: string, detail = ''): void =>
      void this.#incidents.push({ at, type, target, detail, until: Date.now() })
    switch (fault.type) {
      case 'kill':
        if (this.#fleet.pidOf(fault.slot) === undefined) return
        this.#fleet.kill(fault.slot)
        return note('kill', fault.slot)
      case 'crash':
        // It is counted when it happens: the process writes it down.
        return this.#fleet.arm(fault.slot, fault.point)
      case 'term':
        if (this.#fleet.pidOf(fault.slot) === undefined) return
        await this.#fleet.term(fault.slot, fault.killAfterMs)
        return note(fault.killAfterMs === null ? 'term' : 'term-kill', fault.slot)
      case 'sleep': {
        const stopped = await this.#fleet.sleep(fault.slot, () => this.#place.isLocked())
        if (stopped === undefined) return
        await sleep(fault.forMs)
        this.#fleet.wake(stopped)
        return note('sleep', fault.slot)
      }
      case 'kill-producer': {
        const producer = this.#producer
        if (producer === undefined || producer.isDone) return
        await producer.kill()
        this.#startProducer(startedAt)
        return note('kill-producer', 'producer')
      }
      case 'kill-database':
        await this.#place.killServer?.()
        return note('kill-database', 'postgres')
      case 'network': {
        const detail = await this.#place.disturb?.(fault.fault, fault.forMs).catch((error: unknown) => String(error))
        if (detail !== undefined) note('network', fault.fault, detail)
      }
    }
  }

  async #drain(): Promise<void> {
    const deadline = Date.now() + this.#options.profile.drainMs
    while (Date.now() < deadline) {
      if (this.#producer?.isDone === true && (await this.#place.unfinished()) === 0) return
      await sleep(250)
    }
  }

  /** As an operator does: what crashes of others have set aside runs again. Answers which jobs. */
  async #retryInnocent(operator: ClientProcess): Promise<readonly string[]> {
    const ids: string[] = []
    let after: string | undefined
    do {
      const page = await operator.ask<{ jobs: readonly { id: string; name: string }[]; next?: string }>('list', {
        state: 'failed',
        limit: 500,
        ...(after === undefined ? {} : { after }),
      })
      ids.push(...page.jobs.filter(({ name }) => !MEANT_TO_FAIL.has(name)).map(({ id }) => id))
      after = page.next
    } while (after !== undefined)
    for (const id of ids) await operator.ask('retry', id)
    return ids
  }

  async #evidence(end: Pick<Evidence, 'unfinished' | 'stuck' | 'retried' | 'drainMs' | 'tookMs'>): Promise<Evidence> {
    const { seed, profile, store, folder } = this.#options
    return {
      seed,
      profile,
      store,
      description: this.#place.description,
      plan: this.#plan,
      workload: this.#workload,
      lines: readJournals(folder),
      transitions: await this.#place.transitions(),
      effects: await this.#place.effects(),
      exits: this.#fleet.exits,
      sleeps: this.#fleet.sleeps,
      incidents: this.#incidents,
      ...end,
    }
  }
}
