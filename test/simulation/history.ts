/**
 * What really happened, as the world saw it, and the invariants that must hold of it. It hears every verb that the database has
 * carried out, with its answer, and every handler that begins and ends; it keeps its own picture of every job and says so when a
 * verb or a handler does what it must not.
 *
 *     absent ──insert──▶ free ──claim──▶ held ──ack──▶ free (retry, snooze) or ended
 *                         ▲               │
 *                         └─ give back, rescue ─▶ free or ended
 *     ended ──retry by an operator──▶ free, in another life
 *
 * The invariants, by name:
 *   no-loss      a job whose enqueue was confirmed is there, and ends
 *   no-phantom   there is no job that nobody enqueued
 *   attempts     a claim counts one attempt, a job given back loses it again, and none is above the most
 *   lease        a lease is never used again, and runs a job at most once
 *   fence        a write about a claimed job changes it only under the lease that holds it
 *   one-ending   a job ends once in a life
 *   overlap      two handlers of a job run together only when the older one was told to stop
 *   no-rescue    nobody who beats is declared dead, and nobody who has beaten since he was looked at
 *   own-clock    no time that is stored comes from a worker's clock
 *   progress     when the faults are over, everything that can run ends soon
 *   drained      a node that stops holds nothing, and waits for nothing
 *   result       who waits for a job hears how it ended
 */

import type { ClaimedJob, JobRecord, JobState, NewJob } from '../../src/job/job.ts'
import type {
  Ack,
  AckAnswer,
  BulkAnswer,
  ClaimAnswer,
  FencedAnswer,
  HeldJob,
  InsertedJob,
  RescueAnswer,
} from '../../src/store/store.ts'
import type { Machine } from './machine.ts'
import type { World } from './world.ts'

/** The name of an invariant. */
export type Invariant =
  | 'no-loss'
  | 'no-phantom'
  | 'attempts'
  | 'lease'
  | 'fence'
  | 'one-ending'
  | 'overlap'
  | 'no-rescue'
  | 'own-clock'
  | 'progress'
  | 'drained'
  | 'result'
  | 'no-crash'

/** What was found wrong. */
export class Violation extends Error {
  readonly invariant: Invariant

  constructor(invariant: Invariant, message: string) {
    super(`${invariant}: ${message}`)
    this.invariant = invariant
  }
}

interface Life {
  state: 'free' | 'held' | EndedState
  attempt: number
  lease: string | undefined
  /** The last ack that was taken. */
  acked: { readonly lease: string; readonly type: Ack['ending']['type'] } | undefined
  endings: number
  lives: number
  isCancelRequested: boolean
}

type EndedState = Extract<JobState, 'completed' | 'failed' | 'cancelled'>

/** A job as the world knows it. */
export interface Known extends Life {
  readonly id: string
  readonly name: string
  readonly maxAttempts: number
  isConfirmed: boolean
  readonly executions: Execution[]
  readonly everEnded: Set<EndedState>
}

interface Claim {
  readonly id: string
  readonly node: string
  readonly lease: string
  isDelivered: boolean
  isMarked: boolean
}

/** A run of a handler. */
export interface Execution {
  readonly job: Known
  readonly lease: string
  readonly machine: Machine
  readonly signal: AbortSignal
  isOver: boolean
}

/** How long a node may be silent before others may take it for dead. */
const SILENCE_MS = 10_000
/** How long it may take a loop that was away to see that its node is not heard. */
const NOTICE_MS = 3_000

/** See the head of this file. */
export class History {
  readonly counts = { staleAcks: 0, executions: 0, reexecutions: 0, rescues: 0, givenBack: 0, ended: 0 }
  readonly jobs = new Map<string, Known>()
  /** Whether the first violation ends the simulation. */
  violation: Violation | undefined
  readonly #world: World
  readonly #databaseNow: () => number
  readonly #readJob: (id: string) => JobRecord | undefined
  readonly #intents = new Map<string, NewJob>()
  readonly #claims = new Map<string, Claim>()
  readonly #leases = new Set<string>()
  readonly #beats = new Map<string, { seq: number; at: number }>()
  readonly #names = new Map<string, string>()
  /** The lease of the last claim that reached a machine, by machine and job. */
  readonly #delivered = new Map<Machine, Map<string, string>>()
  readonly #machines = new Map<string, Machine>()
  /** How many handlers run on a machine. */
  readonly #running = new Map<Machine, number>()
  readonly #liveNodes = new Map<Machine, string>()

  constructor(
    world: World,
    database: { readonly now: () => number; readonly readJob: (id: string) => JobRecord | undefined },
  ) {
    this.#world = world
    this.#databaseNow = database.now
    this.#readJob = database.readJob
  }

  /** Writes down a violation; the first one counts. */
  fail(invariant: Invariant, message: string): void {
    if (this.violation !== undefined) return
    this.violation = new Violation(invariant, message)
    this.#world.note(`VIOLATION ${this.violation.message}`)
  }

  /** A short name for an id, in the order in which they came up. */
  short(id: string): string {
    let name = this.#names.get(id)
    if (name === undefined) this.#names.set(id, (name = `#${this.#names.size + 1}`))
    return name
  }

  // ── what the database did ──────────────────────────────────────────────────────────────────────────────────────────

  intended(job: NewJob): void {
    this.#intents.set(job.id, job)
  }

  confirmed(id: string): void {
    const job = this.jobs.get(id)
    if (job === undefined) this.fail('no-loss', `job ${this.short(id)} is confirmed and was never stored`)
    else job.isConfirmed = true
  }

  /** Somebody was told that nothing of this job is stored. */
  refused(id: string): void {
    if (this.jobs.has(id))
      this.fail('no-phantom', `job ${this.short(id)} is stored, and somebody was told that it is not`)
  }

  inserted(jobs: readonly NewJob[], answer: readonly InsertedJob[]): void {
    for (const [index, job] of jobs.entries()) {
      const status = answer[index]?.status
      const isThere = this.jobs.has(job.id)
      if (isThere !== (status === 'duplicate')) {
        this.fail(
          'no-phantom',
          `insert of ${this.short(job.id)} answered ${status}, it was ${isThere ? '' : 'not '}there`,
        )
      }
      if (isThere) continue
      this.jobs.set(job.id, {
        id: job.id,
        name: job.name,
        maxAttempts: job.maxAttempts,
        isConfirmed: false,
        executions: [],
        everEnded: new Set(),
        state: 'free',
        attempt: 0,
        lease: undefined,
        acked: undefined,
        endings: 0,
        lives: 1,
        isCancelRequested: false,
      })
      const record = this.#readJob(job.id)
      if (record === undefined) this.fail('no-loss', `job ${this.short(job.id)} is not there after its insert`)
      else if (record.createdAt !== this.#databaseNow()) this.fail('own-clock', `createdAt of ${this.short(job.id)}`)
    }
  }

  /** A node begins, on a machine. */
  registered(node: string, machine: Machine): void {
    this.#machines.set(node, machine)
    this.#liveNodes.set(machine, node)
    this.beaten(node)
  }

  claimed(node: string, answer: ClaimAnswer): void {
    const leases = new Set(answer.jobs.map(({ lease }) => lease))
    for (const lease of leases) {
      if (this.#leases.has(lease)) this.fail('lease', `lease ${this.short(lease)} was used before`)
      this.#leases.add(lease)
    }
    for (const claimed of answer.jobs) this.#claimedOne(node, claimed)
  }

  #claimedOne(node: string, { id, lease, attempt, maxAttempts, claimedAt }: ClaimedJob): void {
    const job = this.#known(id)
    if (job === undefined) return
    if (job.state !== 'free') this.fail('fence', `job ${this.short(id)} was claimed while it was ${job.state}`)
    if (attempt !== job.attempt + 1) {
      this.fail('attempts', `job ${this.short(id)} was claimed for attempt ${attempt} after ${job.attempt}`)
    }
    if (attempt > maxAttempts)
      this.fail('attempts', `job ${this.short(id)} begins attempt ${attempt} of ${maxAttempts}`)
    if (claimedAt !== this.#databaseNow()) this.fail('own-clock', `claimedAt of ${this.short(id)}`)
    job.state = 'held'
    job.attempt = attempt
    job.lease = lease
    this.#claims.set(`${id} ${lease}`, { id, node, lease, isDelivered: false, isMarked: false })
  }

  /** The answer to a claim has reached its node. */
  delivered(machine: Machine, answer: ClaimAnswer): void {
    let leases = this.#delivered.get(machine)
    if (leases === undefined) this.#delivered.set(machine, (leases = new Map<string, string>()))
    for (const { id, lease } of answer.jobs) {
      leases.set(id, lease)
      const claim = this.#claims.get(`${id} ${lease}`)
      if (claim !== undefined) claim.isDelivered = true
    }
  }

  /** What a node holds in the database and was never told of. */
  undelivered(node: string): HeldJob[] {
    const held: HeldJob[] = []
    for (const { id, lease, node: owner, isDelivered } of this.#claims.values()) {
      if (owner === node && !isDelivered && this.jobs.get(id)?.lease === lease) held.push({ id, lease })
    }
    return held
  }

  started(held: readonly HeldJob[], { stale }: FencedAnswer): void {
    this.#checkFence('markStarted', held, stale)
    for (const { id, lease } of held) {
      const claim = this.#claims.get(`${id} ${lease}`)
      if (claim !== undefined && !stale.includes(id)) claim.isMarked = true
    }
  }

  noted(held: readonly HeldJob[], { stale }: FencedAnswer): void {
    this.#checkFence('recordProgress', held, stale)
  }

  acked(acks: readonly Ack[], answer: AckAnswer): void {
    for (const ack of acks) this.#ackedOne(ack, answer)
  }

  #ackedOne(ack: Ack, { stale, cancelled }: AckAnswer): void {
    const job = this.#known(ack.id)
    if (job === undefined) return
    const { type } = ack.ending
    const title = `ack ${type} of ${this.short(ack.id)} under ${this.short(ack.lease)}`
    const isCurrent = job.lease === ack.lease
    if (stale.includes(ack.id)) {
      this.counts.staleAcks += 1
      if (isCurrent) this.fail('fence', `${title} was refused, and that lease holds the job`)
      return
    }
    if (!isCurrent) {
      const isRepeated = job.acked?.lease === ack.lease && job.acked.type === type
      if (!isRepeated) this.fail('fence', `${title} was taken, and ${this.#holderOf(job)} holds the job`)
      return
    }
    this.#checkRun(job, ack, title)
    job.acked = { lease: ack.lease, type }
    job.lease = undefined
    if (type === 'retry' || type === 'snoozed') {
      if (cancelled.includes(ack.id)) return this.#end(job, 'cancelled')
      job.state = 'free'
      if (type === 'snoozed') job.attempt -= 1
      this.#compare(job)
    } else {
      this.#end(job, type)
    }
  }

  /** An ack must say how a run ended that did end, under its own lease. */
  #checkRun(job: Known, ack: Ack, title: string): void {
    const run = job.executions.find(({ lease }) => lease === ack.lease)
    if (ack.runMs !== null && run === undefined)
      this.fail('fence', `${title} was taken, and nothing ran under that lease`)
    if (ack.ending.type === 'completed' && run?.isOver === false && !run.machine.isGone) {
      this.fail('fence', `${title} was taken, and its handler goes on`)
    }
  }

  givenBack(held: readonly HeldJob[], { stale }: FencedAnswer): void {
    this.#checkFence('giveBack', held, stale)
    for (const { id } of held) {
      if (stale.includes(id)) continue
      const job = this.#known(id)
      this.counts.givenBack += 1
      if (job !== undefined) this.#free(job, Math.max(0, job.attempt - 1))
    }
  }

  rescued(request: { readonly node: string; readonly beatSeq: number | null }, answer: RescueAnswer | null): void {
    if (answer === null) return
    const { node, beatSeq } = request
    this.counts.rescues += 1
    this.#isGone(node)
    const beat = this.#beats.get(node)
    if (beat !== undefined) {
      if (beatSeq !== null && beat.seq !== beatSeq) {
        this.fail('no-rescue', `node ${this.short(node)} had beaten since beat ${beatSeq} was read: ${beat.seq}`)
      }
      const silentMs = this.#world.now - beat.at
      if (silentMs < SILENCE_MS - 1 && this.#machines.get(node)?.isGone !== true) {
        this.fail(
          'no-rescue',
          `node ${this.short(node)} was declared dead ${silentMs.toFixed(0)} ms after it had beaten`,
        )
      }
    }
    const freed = new Map([
      ...answer.requeued.map((id) => [id, 'free'] as const),
      ...answer.failed.map((id) => [id, 'failed'] as const),
      ...answer.cancelled.map((id) => [id, 'cancelled'] as const),
    ])
    for (const { id, lease, isMarked } of this.#heldBy(node)) {
      const job = this.#known(id)
      if (job === undefined) continue
      const to = freed.get(id)
      freed.delete(id)
      if (to === undefined) this.fail('no-loss', `job ${this.short(id)} under ${this.short(lease)} was not freed`)
      else if (to === 'free') this.#free(job, isMarked ? job.attempt : Math.max(0, job.attempt - 1))
      else this.#end(job, to)
    }
    for (const id of freed.keys())
      this.fail('fence', `job ${this.short(id)} was freed, and ${this.short(node)} did not hold it`)
  }

  retired(node: string): void {
    this.#isGone(node)
    for (const { id } of this.#heldBy(node)) {
      const job = this.#known(id)
      if (job !== undefined) this.#free(job, Math.max(0, job.attempt - 1))
    }
  }

  beaten(node: string): void {
    const beat = this.#beats.get(node)
    this.#beats.set(node, { seq: (beat?.seq ?? 0) + 1, at: this.#world.now })
  }

  retried({ changed }: BulkAnswer): void {
    for (const id of changed) {
      const job = this.#known(id)
      if (job === undefined) continue
      if (job.state !== 'failed' && job.state !== 'cancelled') {
        this.fail('fence', `job ${this.short(id)} was retried while it was ${job.state}`)
      }
      Object.assign(job, {
        state: 'free',
        attempt: 0,
        lease: undefined,
        acked: undefined,
        endings: 0,
        lives: job.lives + 1,
      })
      job.isCancelRequested = false
    }
  }

  cancelled({ changed }: BulkAnswer): void {
    for (const id of changed) {
      const job = this.#known(id)
      if (job === undefined) continue
      if (job.state === 'held') job.isCancelRequested = true
      else if (job.state === 'free') this.#end(job, 'cancelled')
      else this.fail('one-ending', `job ${this.short(id)} was cancelled while it was ${job.state}`)
    }
  }

  // ── what handlers did ──────────────────────────────────────────────────────────────────────────────────────────────

  /** A handler begins. */
  begun(
    machine: Machine,
    run: { readonly id: string; readonly attempt: number; readonly signal: AbortSignal },
  ): Execution {
    const { id, attempt, signal } = run
    const job = this.#known(id)
    const lease = this.#delivered.get(machine)?.get(id)
    if (job === undefined || lease === undefined) {
      this.fail('lease', `job ${this.short(id)} begins on ${machine.name}, which was never given it`)
      throw new Error('nothing that can go on')
    }
    if (attempt > job.maxAttempts) this.fail('attempts', `job ${this.short(id)} runs attempt ${attempt}`)
    if (job.executions.some((earlier) => earlier.lease === lease)) {
      this.fail('lease', `job ${this.short(id)} begins twice under ${this.short(lease)}`)
    }
    for (const other of job.executions) this.#checkOverlap(other, machine)
    this.counts.executions += 1
    // Not what a retry or a snooze lets run again: what ran, and was not heard of.
    const before = job.executions.at(-1)
    if (before !== undefined && job.acked?.lease !== before.lease) this.counts.reexecutions += 1
    const execution = { job, lease, machine, signal, isOver: false }
    job.executions.push(execution)
    this.#running.set(machine, (this.#running.get(machine) ?? 0) + 1)
    this.#world.note(
      `${machine.name} begins ${job.name} ${this.short(id)}, attempt ${attempt}, under ${this.short(lease)}`,
    )
    return execution
  }

  ended(execution: Execution, how: string): void {
    const { machine } = execution
    execution.isOver = true
    this.#running.set(machine, (this.#running.get(machine) ?? 0) - 1)
    this.#world.note(
      `${execution.machine.name} ends ${this.short(execution.job.id)} under ${this.short(execution.lease)}: ${how}`,
    )
  }

  /** An older run that goes on must know that it should not, unless its process has not had the time to see it. */
  #checkOverlap(other: Execution, newer: Machine): void {
    const { job, lease, machine, signal, isOver } = other
    if (isOver || machine.isGone) return
    if (job.lease === lease) {
      this.fail('overlap', `job ${this.short(job.id)} begins on ${newer.name}, and ${machine.name} holds it`)
    }
    if (!signal.aborted && machine.openForMs > NOTICE_MS) {
      this.fail(
        'overlap',
        `job ${this.short(job.id)} begins on ${newer.name}, and its handler on ${machine.name} was not told`,
      )
    }
  }

  // ── at the end ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Jobs that have not ended. */
  unended(): Known[] {
    return [...this.jobs.values()].filter(({ state }) => state === 'free' || state === 'held')
  }

  /** The machine that holds a job. */
  machineOf(job: Known): Machine | undefined {
    const claim = job.lease === undefined ? undefined : this.#claims.get(`${job.id} ${job.lease}`)
    return claim === undefined ? undefined : this.#machines.get(claim.node)
  }

  machineOfNode(node: string): Machine | undefined {
    return this.#machines.get(node)
  }

  /** Whether a machine has a node that was not declared dead. */
  hasLiveNode(machine: Machine): boolean {
    return this.#liveNodes.has(machine)
  }

  /** Whether a handler runs on the machine. */
  isBusy(machine: Machine): boolean {
    return !machine.isGone && (this.#running.get(machine) ?? 0) > 0
  }

  /** Whether a job has ended so, in any of its lives. */
  hasEnded(id: string, state: EndedState): boolean {
    return this.jobs.get(id)?.everEnded.has(state) === true
  }

  /** A runner has told that a job ended. */
  announced(machine: Machine, id: string, state: EndedState): void {
    if (machine.isGone || this.hasEnded(id, state)) return
    this.fail('result', `${machine.name} tells that ${this.short(id)} is ${state}, which it never was`)
  }

  /** Compares everything with the database. */
  compareAll(stored: readonly JobRecord[]): void {
    const ids = new Set(stored.map(({ id }) => id))
    for (const { id } of stored) {
      if (!this.#intents.has(id) || !this.jobs.has(id)) this.fail('no-phantom', `job ${id} was never enqueued`)
    }
    for (const job of this.jobs.values()) {
      if (!ids.has(job.id)) this.fail('no-loss', `job ${this.short(job.id)} is gone; it was ${job.state}`)
      else this.#compare(job)
    }
  }

  // ── the picture ────────────────────────────────────────────────────────────────────────────────────────────────────

  #known(id: string): Known | undefined {
    const job = this.jobs.get(id)
    if (job === undefined) this.fail('no-phantom', `job ${id} was never stored`)
    return job
  }

  #isGone(node: string): void {
    const machine = this.#machines.get(node)
    if (machine !== undefined && this.#liveNodes.get(machine) === node) this.#liveNodes.delete(machine)
  }

  *#heldBy(node: string): Generator<Claim> {
    for (const claim of [...this.#claims.values()]) {
      if (claim.node === node && this.jobs.get(claim.id)?.lease === claim.lease) yield claim
    }
  }

  #holderOf({ lease, state }: Known): string {
    return lease === undefined ? `nobody (it is ${state})` : this.short(lease)
  }

  #checkFence(verb: string, held: readonly HeldJob[], stale: readonly string[]): void {
    for (const { id, lease } of held) {
      const job = this.#known(id)
      if (job === undefined) continue
      const isStale = stale.includes(id)
      if (isStale === (job.lease === lease)) {
        const answer = isStale ? 'refused' : 'taken'
        this.fail(
          'fence',
          `${verb} of ${this.short(id)} under ${this.short(lease)} was ${answer}, and ${this.#holderOf(job)} holds it`,
        )
      }
    }
  }

  #free(job: Known, attempt: number): void {
    job.lease = undefined
    if (job.isCancelRequested) return this.#end(job, 'cancelled')
    job.state = 'free'
    job.attempt = attempt
    this.#compare(job)
  }

  #end(job: Known, state: EndedState): void {
    job.state = state
    job.lease = undefined
    job.endings += 1
    job.everEnded.add(state)
    this.counts.ended += 1
    if (job.endings > 1) this.fail('one-ending', `job ${this.short(job.id)} ends again, as ${state}`)
    this.#compare(job)
  }

  #compare(job: Known): void {
    const record = this.#readJob(job.id)
    const title = `job ${this.short(job.id)}`
    if (record === undefined) return this.fail('no-loss', `${title} is gone; it was ${job.state}`)
    const stored = record.state === 'running' ? 'held' : record.state
    const state = stored === 'scheduled' || stored === 'queued' ? 'free' : stored
    if (state !== job.state) this.fail('one-ending', `${title} is ${record.state}; it was ${job.state}`)
    if (state === 'free' && record.attempt !== job.attempt) {
      this.fail('attempts', `${title} has had ${record.attempt} attempts; it had ${job.attempt}`)
    }
  }
}
