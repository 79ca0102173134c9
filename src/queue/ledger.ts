/**
 * The ledger: what this node holds under lease, and which stage has each job in its hands.
 *
 *     claimer ──add──▶ producer ──move──▶ consumer ──move──▶ acker ──move──▶ outbox ──remove──▶ (the store knows)
 *
 * Each hand-over is written down in the same turn in which the events are sent, so when a stage dies the ledger knows every
 * job that died with it, the ones in its mailbox included. Those go back to the store at once. A job in the outbox belongs
 * to the ack writer, which no stage's death touches.
 */

import type { Clock } from '../host/host.ts'
import type { ClaimedJob } from '../job/job.ts'

/** Whoever can hold jobs: a running stage. */
export interface Holder {
  readonly isAlive: boolean
}

/** The ack writer's outbox: a holder that never dies. */
export const OUTBOX: Holder = { isAlive: true }

/** Names one claim of one job. */
interface Leased {
  readonly id: string
  readonly lease: string
}

interface Entry {
  /**
   * Undefined when it was removed: V8 chains what a Map was before it was rebuilt to what it is now, and whatever of that has
   * once grown old would keep all jobs that came later from being freed.
   */
  job: ClaimedJob | undefined
  /** Monotonic time at which the claim's answer arrived. */
  readonly receivedAt: number
  holder: Holder
  /** Its handler was called, or its attempt ended without one: it goes back only when that end cannot be told any more. */
  hasBegun: boolean
}

/** What this node holds. One per node; changed only through its methods. */
export class Ledger {
  readonly #entries = new Map<string, Entry>()
  readonly #clock: Clock
  readonly #onOrphans: (jobs: readonly ClaimedJob[]) => void

  /** @param onOrphans Takes jobs that no living stage holds any more; the ledger has forgotten them by then. */
  constructor(clock: Clock, onOrphans: (jobs: readonly ClaimedJob[]) => void) {
    this.#clock = clock
    this.#onOrphans = onOrphans
  }

  /** How many jobs the node holds. */
  get size(): number {
    return this.#entries.size
  }

  /** Writes down newly claimed jobs. When the holder is dead already, they are orphans. */
  add(jobs: readonly ClaimedJob[], holder: Holder): void {
    const receivedAt = this.#clock.monotonic()
    for (const job of jobs) this.#entries.set(job.id, { job, receivedAt, holder, hasBegun: false })
    if (!holder.isAlive) this.release(holder)
  }

  /**
   * Writes down that a job changed hands. One that the node no longer holds under that lease is passed over: it was handed
   * back while the stage still worked on it.
   */
  move(job: ClaimedJob, holder: Holder): void {
    const entry = this.#find(job)
    if (entry === undefined) return
    entry.holder = holder
    if (!holder.isAlive) this.release(holder)
  }

  /** Writes down that the attempt has begun: the handler is about to be called, or will never be. */
  begin(job: ClaimedJob): void {
    const entry = this.#find(job)
    if (entry !== undefined) entry.hasBegun = true
  }

  /** Whether the node still holds the job under that very lease. */
  holds(job: ClaimedJob): boolean {
    return this.#find(job) !== undefined
  }

  /** Whether any job is in the hands of `holder`. */
  isHolding(holder: Holder): boolean {
    for (const entry of this.#entries.values()) if (entry.holder === holder) return true
    return false
  }

  /** How long the job has been on this node, in milliseconds; 0 when it is not. */
  heldMs(job: ClaimedJob): number {
    const entry = this.#entries.get(job.id)
    return entry === undefined ? 0 : this.#clock.monotonic() - entry.receivedAt
  }

  /** Forgets jobs whose end the store has taken, or that were handed back. */
  remove(jobs: readonly Leased[]): void {
    for (const job of jobs) {
      const entry = this.#find(job)
      if (entry === undefined) continue
      this.#entries.delete(job.id)
      entry.job = undefined
    }
  }

  /** A holder died: all it held become orphans. */
  release(holder: Holder): void {
    const orphans = this.#take((entry) => entry.holder === holder)
    if (orphans.length > 0) this.#onOrphans(orphans)
  }

  /** Takes out every job but those in the outbox, and answers them; the caller hands them back. */
  takeAll(): ClaimedJob[] {
    return this.#take(({ holder }) => holder !== OUTBOX)
  }

  /** The same for jobs whose attempt has not begun; with `ids`, only for those. */
  takeUnbegun(ids?: ReadonlySet<string>): ClaimedJob[] {
    return this.#take(({ hasBegun }, id) => !hasBegun && ids?.has(id) !== false)
  }

  /** Forgets everything: the node lost all its leases. */
  clear(): void {
    this.#entries.clear()
  }

  /** The jobs of a queue that wait in buffers and mailboxes for their handler. */
  waiting(queue: string): string[] {
    const ids: string[] = []
    for (const [id, { job, hasBegun }] of this.#entries) if (job?.queue === queue && !hasBegun) ids.push(id)
    return ids
  }

  #find({ id, lease }: Leased): Entry | undefined {
    const entry = this.#entries.get(id)
    return entry?.job?.lease === lease ? entry : undefined
  }

  #take(isWanted: (entry: Entry, id: string) => boolean): ClaimedJob[] {
    const taken: ClaimedJob[] = []
    for (const [id, entry] of this.#entries) {
      if (entry.job !== undefined && isWanted(entry, id)) taken.push(entry.job)
    }
    this.remove(taken)
    return taken
  }
}
