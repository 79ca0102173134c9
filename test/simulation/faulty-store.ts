/**
 * The store of a machine, as far away as a database is: every verb is sent, carried out and answered in three different moments,
 * and between them anything may go wrong. The seed says what.
 *
 *     call ──sent──▶ carried out ──answered──▶ its promise settles
 *        │              │            └─ the answer is late, or comes when nobody waits any more
 *        │              └─ carried out, and answered by an error
 *        └─ never carried out: an error; or nobody is there and the call hangs until its time is over
 *
 * What was sent is carried out even when its sender is dead by then. What a claim took whose answer was lost is given back with
 * one of the next claims, as the contract asks of a store.
 */

import { OutcomeUnknownError, storeError } from '../../src/store/errors.ts'
import { CORE_VERBS, type CoreVerb, type VerbAnswer, type VerbArgs } from '../../src/store/sqlite/core.ts'
import type { Store } from '../../src/store/store.ts'
import type { Database } from './database.ts'
import type { Machine } from './machine.ts'
import { watch } from './watch.ts'
import type { World } from './world.ts'

/** What goes wrong, and how often. Probabilities are per call. */
export interface Faults {
  failBefore: number
  failAfter: number
  /** The call or its answer takes seconds. */
  slow: number
  /** A hint gets lost. */
  lostHint: number
  /** The machine dies when the call is sent, or when it is carried out and not yet answered. */
  deadly: number
  /** An ack is on its way for so long that others have the job by then, because its sender dies or is stopped meanwhile. */
  lateAck: number
}

/** No faults. */
export const NO_FAULTS: Faults = { failBefore: 0, failAfter: 0, slow: 0, lostHint: 0, deadly: 0, lateAck: 0 }

/** A deliberate bug: a store around another one. */
export interface PlantedBug {
  /** Around what the database does: below the faults, where the history looks. */
  readonly inside?: (store: Store) => Store
  /** Around what the runner sees. */
  readonly outside?: (store: Store) => Store
  /** What a claim took whose answer was lost is never given back. */
  readonly isForgetful?: boolean
}

/** Counts of what was done to calls, by kind. */
export type FaultCounts = Record<string, number>

/** A call is given up after this time, as by the client of a database. */
const CALL_LIMIT_MS = 10_000
/** For so long after a claim whose answer was lost the node compares what it holds. */
const UNSURE_MS = 60_000

/** What a faulty store is made of. */
export interface FaultyStoreOptions {
  readonly machine: Machine
  readonly database: Database
  /** Read anew for each call. */
  readonly faults: () => Faults
  readonly counts: FaultCounts
  readonly bug: PlantedBug
  /** Whether the machine is cut off from the database. */
  readonly isCutOff: () => boolean
}

/** Makes the store of a machine. */
export function faultyStore(world: World, options: FaultyStoreOptions): Store {
  const { machine, database, bug } = options
  const reach = (): boolean => !options.isCutOff() && !database.isAway
  const plain = database.storeFor(machine, reach)
  const wire = new Wire(world, options, bug.inside?.(plain) ?? plain)
  const send = (verb: CoreVerb, args: VerbArgs<CoreVerb>): Promise<unknown> => {
    // The beat ends here, whether the database hears of it or not.
    if (verb === 'retireNode') plain.vouch((args as VerbArgs<'retireNode'>)[0], 0)
    return wire.call(verb, args as never)
  }
  const verbs = CORE_VERBS.map((verb) => [verb, (...args: VerbArgs<CoreVerb>) => send(verb, args)])
  const store: Store = {
    ...plain,
    // Each method has the name and, through `call`, the type of its verb.
    ...(Object.fromEntries(verbs) as Pick<Store, CoreVerb>),
    onChange: (_about, listener) => database.listen(machine, listener),
    close: async () => {},
  }
  return bug.outside?.(store) ?? store
}

const WRITING: ReadonlySet<CoreVerb> = new Set<CoreVerb>([
  'insertJobs',
  'giveBackJobs',
  'rescueNode',
  'retireNode',
  'retryJobs',
  'changeQueue',
])

/** The way between one machine and the database. */
class Wire {
  readonly #world: World
  readonly #options: FaultyStoreOptions
  readonly #store: Store
  #unsureUntil = 0
  /** How many claims were sent. */
  #claims = 0

  constructor(world: World, options: FaultyStoreOptions, store: Store) {
    this.#world = world
    this.#options = options
    this.#store = store
  }

  call<V extends CoreVerb>(verb: V, args: VerbArgs<V>): Promise<VerbAnswer<V>> {
    return new Promise((resolve, reject) => {
      const { machine, database } = this.#options
      const world = this.#world
      if (machine.isGone) return
      let isOver = false
      const settle = (run: () => void): void => {
        if (isOver) return
        isOver = true
        machine.deliver(run)
      }
      const fail = (what: string): void => {
        if (verb === 'claimJobs') this.#unsureUntil = world.now + UNSURE_MS
        const error = storeError('ERR_STORE_UNAVAILABLE', `${verb}: ${what}`)
        settle(() => reject(isSent && ids !== undefined ? new OutcomeUnknownError(ids, error) : error))
      }
      if (verb === 'claimJobs') this.#claims += 1
      const claim = this.#claims
      const jobs = verb === 'insertJobs' ? (args as VerbArgs<'insertJobs'>)[0] : []
      const ids = verb === 'insertJobs' ? jobs.map(({ id }) => id) : undefined
      // Whether it may be carried out, for all that the caller knows.
      let isSent = false
      for (const job of jobs) database.history.intended(job)
      const faults = this.#options.faults()
      if (this.#hits(faults.deadly, 'death of the caller')) {
        // Before it is sent, or when it is on its way.
        if (world.chance(0.5)) return machine.kill(`before ${verb}`)
        world.in(world.between(0, 8), () => machine.kill(`during ${verb}`))
      }
      if (this.#hits(faults.failBefore, 'fail before')) {
        world.in(world.between(0, 20), () => fail('the connection was refused'))
        return
      }
      isSent = true
      const isSlow = this.#hits(faults.slow, 'slow')
      const isLate = verb === 'ackJobs' && this.#hits(faults.lateAck, 'late ack')
      if (isLate) this.#silenceSender()
      const sendMs = isLate
        ? world.between(13_000, 25_000)
        : isSlow && world.chance(0.5)
          ? this.#longMs()
          : world.between(0.1, 4)
      const isLost = this.#hits(faults.failAfter, 'fail after commit')
      world.in(CALL_LIMIT_MS, () => fail('no answer in time'))
      world.in(sendMs, () => {
        if (this.#options.isCutOff() || database.isAway) {
          this.#count('out of reach')
          // Refused at once, or into a network that swallows it.
          isSent = world.chance(0.3)
          if (!isSent) fail('the database is out of reach')
          return
        }
        void this.#carryOut(verb, args, claim).then(
          (answer) => {
            if (isLost) {
              world.in(world.between(0, 20), () => fail('the connection broke'))
              return
            }
            const answerMs = isSlow && sendMs < 100 ? this.#longMs() : world.between(0.1, 4)
            world.in(answerMs, () =>
              settle(() => {
                if (verb === 'claimJobs') database.history.delivered(machine, answer as VerbAnswer<'claimJobs'>)
                resolve(answer)
              }),
            )
          },
          (error: unknown) => settle(() => reject(error instanceof Error ? error : new Error(String(error)))),
        )
      })
    })
  }

  #silenceSender(): void {
    const { machine } = this.#options
    const world = this.#world
    world.in(world.between(0, 3), () => {
      if (world.chance(0.5)) return machine.kill('its ack is on its way')
      if (!machine.stop()) return
      world.note(`${machine.name} is stopped, its ack is on its way`)
      world.in(world.between(12_000, 40_000), () => machine.goOn())
    })
  }

  async #carryOut<V extends CoreVerb>(verb: V, args: VerbArgs<V>, claim: number): Promise<VerbAnswer<V>> {
    const { machine, database } = this.#options
    // One that nobody waits for any more may come behind its successor, whose answer is on its way.
    if (verb === 'claimJobs' && claim === this.#claims)
      await this.#giveBackUndelivered((args as VerbArgs<'claimJobs'>)[0].node)
    // The verb and its arguments belong together, as the signature of this method says.
    const run = this.#store[verb] as (...args: unknown[]) => Promise<VerbAnswer<V>>
    const answer = await run.apply(this.#store, args as unknown[])
    this.#watch(verb, args, answer)
    if (WRITING.has(verb)) {
      database.changed(machine, () => !this.#hits(this.#options.faults().lostHint, 'lost hint'))
    }
    return answer
  }

  /** What earlier claims took that were never answered: none is under way while the last one is carried out. */
  async #giveBackUndelivered(node: string): Promise<void> {
    const { database, bug, machine } = this.#options
    if (this.#unsureUntil < this.#world.now || bug.isForgetful === true || machine.isGone) return
    const held = database.history.undelivered(node)
    if (held.length === 0) return
    this.#count('claims given back')
    const answer = await this.#store.giveBackJobs(held)
    this.#watch('giveBackJobs', [held], answer)
  }

  #watch<V extends CoreVerb>(verb: V, args: VerbArgs<V>, answer: VerbAnswer<V>): void {
    const { machine, database } = this.#options
    watch(verb, { history: database.history, machine, args, answer }, (words) =>
      this.#world.note(`${machine.name} ${verb} ${words}`),
    )
  }

  /** Up to more than a call may take: then it is carried out when nobody waits for it any more. */
  #longMs(): number {
    return this.#world.chance(0.2) ? this.#world.between(8_000, 14_000) : this.#world.between(100, 4_000)
  }

  #hits(probability: number, kind: string): boolean {
    if (probability === 0 || !this.#world.chance(probability)) return false
    this.#count(kind)
    return true
  }

  #count(kind: string): void {
    const { counts } = this.#options
    counts[kind] = (counts[kind] ?? 0) + 1
  }
}
