/**
 * The verb `claimJobs`: what surrounds the claim statement.
 *
 *     claim ──▶ enough? ──▶ done
 *       ▲         │ less: is a scheduled job due? promote ─┐
 *       │         │       rows of others met? step over ───┤
 *       │         │       about to be idle? say so ────────┤
 *       └─────────┴────────────────────────────────────────┘ at most a few rounds
 *
 * What breakers want is done before: those that were open long enough become half-open, probes are taken, and jobs of those
 * that have closed become ready. Which are open is read anew when the claim statement says that what is known is old.
 *
 * State is in memory and only makes it quicker: the cursors, the names of this process's nodes, which breakers are open, and
 * when scheduled jobs were last looked for.
 */

import type { Host } from '../../host/host.ts'
import { uuidV4 } from '../../host/uuid.ts'
import type { ClaimAnswer, ClaimRequest, NodeRegistration } from '../store.ts'
import type { ArrivalPace } from './arrival-pace.ts'
import { BreakerGate } from './breaker-gate.ts'
import { ClaimCursors, type ClaimStart } from './claim-cursors.ts'
import type { Database } from './database.ts'
import type { HeldLeases } from './held-leases.ts'
import type { Listener } from './listener.ts'
import { Parking } from './parking.ts'
import { admitProbes, moveDue, readActiveBreakers, RELEASE_LIMIT, releaseParked } from './statements/breakers.ts'
import {
  claimJobs,
  claimProbes,
  type Claimed,
  type ClaimOrder,
  type Met,
  type MetInQueue,
} from './statements/claim-jobs.ts'
import { countEnded, moveToDead } from './statements/end-jobs.ts'
import { giveBackJobs, readHeld, readLeases } from './statements/held-jobs.ts'
import { readNames } from './statements/nodes.ts'
import { PROMOTE_LIMIT, promoteJobs, UNPARK_LIMIT, unparkJobs } from './statements/promote-jobs.ts'
import { parkJobs, readPlaces, STEP_LIMIT } from './statements/step-over.ts'

/** What the claims of a store need. */
export interface ClaimsOptions {
  readonly database: Database
  readonly held: HeldLeases
  readonly pace: ArrivalPace
  /** The ear of this process, when somebody listens. */
  readonly listener: () => Listener | null
}

/** A stream of jobs of one priority is gone on with for so long before all priorities are looked at again. */
const STREAM_MS = 100
/** A verb does no more claim statements than this. */
const MOST_ROUNDS = 6
/** While claims are full, scheduled jobs are looked for no more often, and for no more than a twentieth of the time. */
const LOOK_AHEAD_EVERY_MS = 100
const LOOK_AHEAD_SHARE = 20
/** For so long after a claim that failed, the node compares more often what it holds. */
const UNSURE_MS = 60_000
const COMPARE_UNSURE_EVERY_MS = 1_000
const COMPARE_EVERY_MS = 30_000
/** What breakers keep back is looked through for the rows behind it in no more steps than this. */
const MOST_PORTIONS = 25
/** How often a node looks for parked jobs that it can run, after its first look. */
const UNPARK_EVERY_MS = 10_000

/** What is known of a node of this process. */
interface Known {
  /** When a claim failed last, which may come through all the same. */
  failedAt: number
  /** When what the database says of the node is compared with what is known here. */
  compareAt: number
  readonly names: readonly string[]
  /** Which breakers are open; null when that must be read. */
  gate: BreakerGate | null
  readonly cursors: ClaimCursors
  /** Searches that ended at their bound, by queue: the last place looked at, by priority. */
  readonly searches: Map<string, Map<number, number>>
  /** Queues whose last claim of all priorities was full with jobs of one of them. */
  readonly streams: Map<string, { readonly priority: number; readonly since: number }>
  lookAheadAt: number
  /** What the last claim took that did not look ahead. */
  usualMs: number
  unparkAt: Map<string, number>
}

/** One queue in one call of the verb. */
interface Want {
  readonly queue: string
  missing: number
  /** Every ready row was looked at. */
  isAtEnd: boolean
  /** The search ended at its bound, and goes on with the next call. */
  isAtBound: boolean
  hasPromoted: boolean
  /** As many rows became ready as one statement makes: there may be more. */
  hasMore: boolean
}

/** One call of the verb. */
interface Call {
  readonly node: string
  readonly lease: string
  readonly wants: readonly Want[]
  readonly taken: Claimed['jobs'][number][]
  readonly broken: Claimed['broken'][number][]
  last: Claimed | null
  rounds: number
  isFenced: boolean
}

/** See the head of this file. */
export class Claims {
  readonly #host: Host
  readonly #options: ClaimsOptions
  readonly #nodes = new Map<string, Known>()
  readonly #parking: Parking

  constructor(host: Host, options: ClaimsOptions) {
    this.#host = host
    this.#options = options
    this.#parking = new Parking(options.database.general)
  }

  /** A node of this process begins. */
  register({ id, jobs }: NodeRegistration): void {
    const known = this.#nodes.get(id)
    const names = jobs.map(({ name }) => name)
    this.#nodes.set(
      id,
      known === undefined ? newlyKnown(names, this.#host.clock.monotonic()) : { ...known, names, unparkAt: new Map() },
    )
  }

  forget(node: string): void {
    this.#nodes.delete(node)
    if (this.#nodes.size === 0) this.#noteBusy()
  }

  /** See {@link Store.claimJobs}. */
  async claim(request: ClaimRequest): Promise<ClaimAnswer> {
    const known = await this.#known(request.node)
    if (known === null) return FENCED
    const call = newCall(request, uuidV4(this.#host))
    try {
      if (this.#host.clock.monotonic() >= known.compareAt) await this.#giveBackUnknown(known, request.node)
      await this.#heedBreakers(known, call)
      await this.#rounds(known, call)
    } catch (error) {
      // What the statement that failed has claimed, if it came through, nobody here knows of.
      known.failedAt = this.#host.clock.monotonic()
      known.compareAt = -Infinity
      // What was claimed before is handed out; who comes next meets the error if it lasts.
      if (call.taken.length === 0) throw error
    }
    return call.isFenced && call.taken.length === 0 ? FENCED : this.#answer(known, call)
  }

  async #rounds(known: Known, call: Call): Promise<void> {
    const { wants } = call
    for (; call.rounds < MOST_ROUNDS; call.rounds++) {
      const open = wants.filter(({ missing, isAtEnd, isAtBound }) => missing > 0 && !isAtEnd && !isAtBound)
      if (open.length === 0) return
      const gate = known.gate ?? (await this.#heedBreakers(known, call))
      const claimed = await this.#round(known, call, open, gate)
      if (claimed.broken.length > 0) await this.#endBroken(claimed)
      if (!claimed.isAlive) {
        call.isFenced = true
        return
      }
      if (!claimed.isInformed) {
        known.gate = null
        continue
      }
      await this.#afterRound(known, open, claimed)
      // Before a queue is called empty, its scheduled jobs are looked at.
      if (!claimed.hasLookedAhead) for (const want of open) want.isAtEnd = false
      // Saying so takes longer than jobs should wait that are claimed already.
      if (call.taken.length === 0 && isShort(wants) && (await this.#sayIdle())) {
        // What was stored before enqueuers could see it is found by one more look.
        for (const want of wants) want.isAtEnd = false
      }
    }
  }

  #answer(known: Known, call: Call): ClaimAnswer {
    const { taken, broken, wants, rounds, last } = call
    // Jobs that came back to an old place are found by a later round than those behind them.
    if (rounds > 1) taken.sort((a, b) => a.job.priority - b.job.priority || a.seq - b.seq)
    const jobs = taken.map(({ job }) => job)
    const isUnmet = wants.some(({ missing }) => missing > 0)
    const now = this.#host.clock.monotonic()
    this.#options.pace.arrived(jobs.length, now)
    if (isUnmet) known.lookAheadAt = -Infinity
    else this.#noteBusy()
    return {
      jobs,
      broken,
      nextDueInMs: earliest(
        last === null || last.nextDueAt === null ? null : Math.max(0, last.nextDueAt - last.now),
        known.gate?.dueInMs(
          wants.map(({ queue }) => queue),
          now,
        ) ?? null,
      ),
      lookAgainInMs: isUnmet ? this.#lookAgainInMs(now) : null,
      unfinished: wants.flatMap(({ queue, missing, isAtEnd, hasMore }) =>
        missing > 0 && (!isAtEnd || hasMore) ? [queue] : [],
      ),
      isFenced: false,
    }
  }

  /**
   * Hands back what the node holds in the database and not here: by a claim whose answer was lost, or that a server which
   * hung ran when nobody waited for it any more.
   */
  async #giveBackUnknown(known: Known, node: string): Promise<void> {
    const { held, database } = this.#options
    // An earlier statement of the same claim may have been answered: then a part of what its lease holds is known.
    const jobs = (await readHeld(database.general, node)).filter((job) => !held.isHeld(job))
    const endedLeases = (await readLeases(database.general, node)).filter((lease) => !held.has(lease))
    if (jobs.length > 0 || endedLeases.length > 0) {
      await database.general.transaction((db) => giveBackJobs(db, jobs, { node, endedLeases }))
    }
    const now = this.#host.clock.monotonic()
    known.compareAt = now + (now - known.failedAt < UNSURE_MS ? COMPARE_UNSURE_EVERY_MS : COMPARE_EVERY_MS)
  }

  async #known(node: string): Promise<Known | null> {
    const known = this.#nodes.get(node)
    if (known !== undefined) return known
    const names = await readNames(this.#options.database.claims, node)
    if (names === null) return null
    const made = newlyKnown(names, this.#host.clock.monotonic())
    this.#nodes.set(node, made)
    return made
  }

  /** What breakers want before a claim. Costs nothing while none is open. */
  async #heedBreakers(known: Known, call: Call): Promise<BreakerGate> {
    const { database } = this.#options
    const queues = call.wants.map(({ queue }) => queue)
    known.gate ??= await this.#readGate(call.node)
    const due = known.gate.due(queues, this.#host.clock.monotonic())
    if (due.length > 0) {
      await database.general.transaction((db) => moveDue(db, due))
      known.gate = await this.#readGate(call.node)
    }
    const { gate } = known
    for (const id of gate.toRelease(queues)) {
      const count = await database.general.transaction((db) => releaseParked(db, id))
      if (count < RELEASE_LIMIT) gate.released(id)
      for (const want of call.wants) if (want.queue === id.queue) again(want, count, RELEASE_LIMIT)
    }
    for (const id of gate.halfOpen(queues)) {
      const want = call.wants.find(({ queue }) => queue === id.queue)
      if (want !== undefined && want.missing > 0) await this.#takeProbes(known, call, want, id)
    }
    return gate
  }

  async #readGate(node: string): Promise<BreakerGate> {
    const readAt = this.#host.clock.monotonic()
    const read = await readActiveBreakers(this.#options.database.claims, node)
    // A node that is gone is told so by the claim itself.
    return new BreakerGate(read?.known ?? 0, read?.active ?? [], readAt)
  }

  async #takeProbes(
    known: Known,
    call: Call,
    want: Want,
    of: ReturnType<BreakerGate['halfOpen']>[number],
  ): Promise<void> {
    const { node, lease } = call
    const others = known.gate?.keptBackIn([of.queue]) ?? { names: [], keys: [] }
    const subjects = (ids: typeof others.names, by: typeof of.by): readonly string[] =>
      ids.flatMap(({ subject }) => (of.by === by && subject === of.subject ? [] : [subject]))
    const besides = { names: subjects(others.names, 'name'), keys: subjects(others.keys, 'key') }
    const answer = await this.#options.database.general.transaction((db) =>
      admitProbes(db, of, async (free) => {
        const count = Math.min(free, want.missing)
        const claimed = await claimProbes(db, { node, lease, names: known.names, of, besides, count })
        return { claimed, probes: claimed.jobs.map(({ job }) => job) }
      }),
    )
    if (answer === null) return
    const { jobs, broken } = answer.claimed
    this.#options.held.add(node, jobs)
    for (const one of jobs) call.taken.push(one)
    for (const one of broken) call.broken.push(one)
    if (broken.length > 0) await this.#endBroken(answer.claimed)
    want.missing -= jobs.length
  }

  async #round(known: Known, call: Call, open: readonly Want[], gate: BreakerGate): Promise<Claimed> {
    const { node, lease, rounds } = call
    const startedAt = this.#host.clock.monotonic()
    const mustLookAhead = rounds > 0 || startedAt >= known.lookAheadAt
    const starts = new Map(open.map(({ queue }) => [queue, this.#start(known, queue, startedAt)]))
    const keptBack = gate.keptBackIn(open.map(({ queue }) => queue))
    const on = rounds > 0 || mustLookAhead || keptBack !== null ? null : goOn(known, open, starts, startedAt)
    const claimed = await claimJobs(this.#options.database.claims, {
      node,
      lease,
      names: known.names,
      wants: open.map(({ queue, missing }) => ({ queue, count: missing, start: starts.get(queue) ?? FROM_THE_START })),
      mustLookAhead,
      on,
      breakers: gate.known,
      keptBack,
    })
    // Nothing was claimed: the next round knows more.
    if (!claimed.isInformed) return claimed
    const now = this.#host.clock.monotonic()
    const tookMs = now - startedAt
    call.last = claimed
    for (const one of claimed.jobs) call.taken.push(one)
    for (const one of claimed.broken) call.broken.push(one)
    this.#options.held.add(node, claimed.jobs)
    if (mustLookAhead) {
      const costMs = Math.max(0, tookMs - known.usualMs)
      known.lookAheadAt = now + Math.max(LOOK_AHEAD_EVERY_MS, LOOK_AHEAD_SHARE * costMs)
    } else {
      known.usualMs = tookMs
    }
    for (const want of open) {
      const { count, highest, foreign } = claimed.met.get(want.queue) ?? NOTHING
      const isFull = count >= want.missing
      const [priority] = highest.keys()
      if (!isFull || priority === undefined || highest.size > 1 || foreign.length > 0) known.streams.delete(want.queue)
      else if (on === null) known.streams.set(want.queue, { priority, since: now })
      const isRescan = starts.get(want.queue)?.isRescan ?? true
      known.cursors.advance(want.queue, { isFull, isRescan, now, tookMs, met: highest })
      note(known.searches.get(want.queue), highest)
      // Where only one priority was looked at, the others may have more.
      want.isAtEnd = !isFull && on === null
      want.missing -= countOf(claimed, want.queue)
      // Finished also when this search began at a place: the calls before it looked at what comes earlier. To begin again at
      // once would never end while others leave more of their jobs here than a bound.
      if (want.isAtEnd || want.missing === 0) known.searches.delete(want.queue)
    }
    if (known.cursors.see(claimed.generation)) for (const want of open) want.isAtEnd = false
    return claimed
  }

  #start(known: Known, queue: string, now: number): ClaimStart {
    const search = known.searches.get(queue)
    if (search === undefined) return known.cursors.start(queue, now)
    return { isRescan: false, levels: [...search].map(([priority, seq]) => ({ priority, seq })) }
  }

  /** What may bring more jobs: stepping over rows of others, promotion, and parked jobs that this node can run. */
  async #afterRound(known: Known, open: readonly Want[], claimed: Claimed): Promise<void> {
    for (const want of open) {
      const met = claimed.met.get(want.queue)
      if (met !== undefined && met.foreign.length > 0) await this.#stepOver(known, want, met)
    }
    // Also where all that was asked for was there: a stream without end must not keep back what is due.
    const unpromoted = open.filter(({ hasPromoted }) => !hasPromoted)
    if (claimed.nextDueAt !== null && claimed.nextDueAt <= claimed.now && unpromoted.length > 0) {
      const promoted = await promoteJobs(
        this.#options.database.claims,
        unpromoted.map(({ queue }) => queue),
      )
      for (const want of unpromoted) {
        want.hasPromoted = true
        again(want, promoted.get(want.queue) ?? 0, PROMOTE_LIMIT)
      }
    }
    const now = this.#host.clock.monotonic()
    const looking = open.filter(({ queue }) => now >= (known.unparkAt.get(queue) ?? -Infinity))
    if (looking.length === 0) return
    const queues = looking.map(({ queue }) => queue)
    const unparked = await unparkJobs(this.#options.database.claims, queues, known.names)
    for (const want of looking) {
      const count = unparked.get(want.queue) ?? 0
      if (count < UNPARK_LIMIT) known.unparkAt.set(want.queue, now + UNPARK_EVERY_MS)
      again(want, count, UNPARK_LIMIT)
    }
  }

  /**
   * Rows were met that this node cannot run, or that a breaker keeps back: goes on behind them to the first row for this node,
   * as far as the bound.
   */
  async #stepOver(known: Known, want: Want, met: MetInQueue): Promise<void> {
    const own = new Set(known.names)
    const passed = [...met.foreign]
    const blockerOf = (row: Met): ReturnType<BreakerGate['blockerOf']> =>
      own.has(row.name) ? (known.gate?.blockerOf(row) ?? null) : null
    if (want.missing > 0 && !want.isAtEnd) {
      const search = known.searches.get(want.queue) ?? new Map<number, number>()
      note(search, met.highest)
      let [isFound, isMore] = [false, true]
      // What a breaker keeps back may be very much, and is cheap to look at.
      for (let portion = 0; portion < MOST_PORTIONS && isMore && !isFound; portion++) {
        const places = await readPlaces(this.#options.database.claims, want.queue, search)
        const first = places.findIndex((row) => own.has(row.name) && blockerOf(row) === null)
        const others = first === -1 ? places : places.slice(0, first)
        for (const row of others) passed.push(row)
        for (const { priority, seq } of others) search.set(priority, seq)
        isFound = first !== -1
        isMore = places.length === STEP_LIMIT
        if (!others.some((row) => blockerOf(row) !== null)) break
      }
      want.isAtEnd = !isFound && !isMore
      want.isAtBound = !isFound && isMore
      if (want.isAtEnd) known.searches.delete(want.queue)
      else known.searches.set(want.queue, search)
    }
    const foreign = passed.filter(({ name }) => !own.has(name))
    if (foreign.length > 0) await parkJobs(this.#options.database.general, foreign)
    const keptBack = passed.flatMap((row) => {
      const by = blockerOf(row)
      return by === null ? [] : [{ ...row, by }]
    })
    if (keptBack.length === 0) return
    const parked = this.#parking.add(keptBack)
    // Where probes are free, the next claim may take them from what is parked now.
    const mayProbe = keptBack.some(({ by }) => known.gate?.isHalfOpen(by) === true)
    if (mayProbe) want.hasMore = true
    if (mayProbe || keptBack.length <= STEP_LIMIT) await parked
    // What fails is met again, and then waited for.
    else parked.catch(() => {})
  }

  async #endBroken(claimed: Claimed): Promise<void> {
    await this.#options.database.general.transaction(async (db) => {
      const rows = claimed.broken.map(({ id, queue, error }) => ({
        id,
        queue,
        error,
        ...NEVER_BEGAN,
        endedAt: claimed.now,
      }))
      await moveToDead(db, rows)
      await countEnded(db, rows, null)
    })
  }

  /** All that was asked for was there, or nobody asks any more: no enqueue need tell this process for now. */
  #noteBusy(): void {
    const listener = this.#options.listener()
    if (listener?.isIdle !== true) return
    // Told once too often, it only looks once more.
    listener.setIdle(false).catch(() => {})
  }

  /** Lets enqueuers see that this process is idle, when it is to be notified; answers whether that is news. */
  async #sayIdle(): Promise<boolean> {
    const listener = this.#options.listener()
    const now = this.#host.clock.monotonic()
    if (listener === null || !listener.isHeard) return false
    const wantsNotice = this.#options.pace.wantsNotice(listener.isIdle, now)
    if (wantsNotice === listener.isIdle) return false
    await listener.setIdle(wantsNotice)
    if (wantsNotice) this.#options.pace.saidIdle()
    return wantsNotice
  }

  #lookAgainInMs(now: number): number | null {
    const listener = this.#options.listener()
    if (listener === null) return null
    return this.#options.pace.lookAgainInMs(listener, now)
  }
}

/** Where the claim goes on in a stream of jobs of one priority. All priorities are looked at again every so often. */
function goOn(
  known: Known,
  open: readonly Want[],
  starts: ReadonlyMap<string, ClaimStart>,
  now: number,
): ClaimOrder['on'] {
  const [want] = open
  if (want === undefined || open.length > 1 || known.searches.has(want.queue)) return null
  const stream = known.streams.get(want.queue)
  const start = starts.get(want.queue)
  if (stream === undefined || start === undefined || start.isRescan || now - stream.since >= STREAM_MS) return null
  const level = start.levels.find(({ priority }) => priority === stream.priority)
  return level === undefined ? null : { queue: want.queue, ...level, count: want.missing }
}

function countOf(claimed: Claimed, queue: string): number {
  const { count, foreign } = claimed.met.get(queue) ?? NOTHING
  return count - foreign.length - claimed.broken.filter((row) => row.queue === queue).length
}

const FROM_THE_START: ClaimStart = { isRescan: true, levels: [] }

const NEVER_BEGAN = { lease: null, node: null, crashes: null, startedAt: null, progress: null } as const

function newCall({ node, wants }: ClaimRequest, lease: string): Call {
  return {
    node,
    lease,
    wants: wants.map(({ queue, count }) => ({
      queue,
      missing: count,
      isAtEnd: false,
      isAtBound: false,
      hasPromoted: false,
      hasMore: false,
    })),
    taken: [],
    broken: [],
    last: null,
    rounds: 0,
    isFenced: false,
  }
}

const FENCED: ClaimAnswer = {
  jobs: [],
  broken: [],
  nextDueInMs: null,
  lookAgainInMs: null,
  unfinished: [],
  isFenced: true,
}

function newlyKnown(names: readonly string[], now: number): Known {
  return {
    failedAt: -Infinity,
    compareAt: now + COMPARE_EVERY_MS,
    names,
    gate: null,
    cursors: new ClaimCursors(),
    searches: new Map(),
    streams: new Map(),
    lookAheadAt: -Infinity,
    usualMs: 0,
    unparkAt: new Map(),
  }
}

function isShort(wants: readonly Want[]): boolean {
  return wants.every(({ missing, isAtEnd }) => missing === 0 || isAtEnd) && wants.some(({ missing }) => missing > 0)
}

/** More rows became ready: the queue is asked again, and has more when there were as many as one statement takes. */
function again(want: Want, count: number, limit: number): void {
  if (count === 0) return
  want.isAtEnd = false
  if (count >= limit) want.hasMore = true
}

function earliest(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b)
}

/** Nothing was met. */
const NOTHING: MetInQueue = { count: 0, highest: new Map(), foreign: [] }

function note(seqs: Map<number, number> | undefined, met: ReadonlyMap<number, number>): void {
  if (seqs === undefined) return
  for (const [priority, seq] of met) if (seq > (seqs.get(priority) ?? 0)) seqs.set(priority, seq)
}
