/**
 * Runs the processes of one system, one after the other, and gives the event loop its share.
 *
 * A process with mail stands once in the run queue. Draining takes the first, lets it handle a few messages, and puts it back
 * at the end while it has more. What is drained in one turn of the event loop is bounded by time and by count; the rest goes
 * on in a later turn, so timers and sockets are served while an endless pipeline runs.
 *
 *     quiet ── enqueue ──▶ scheduled ── microtask, or soon when the turn's budget is spent ──▶ draining
 *       ▲                                                                                        │
 *       └──────────────────────────────── queue empty ◀──────────────────────────────────────────┘
 *                                          queue not empty: scheduled again, by soon
 *
 * A process that waits for a promise is counted as busy and is not in the queue; the promise puts it back. The system is idle
 * when the queue is empty and nobody is busy. Nothing that is queued here may throw.
 *
 * The clock is read here alone, so that one reading serves many: the turn's budget, the time that processes were busy, and
 * whoever wants to look at the system about once a second. Between `since` and `now` of such a look nothing ran: it is taken
 * before what comes next, and a system in which nothing runs is not looked at.
 */

import type { Clock } from '../host/host.ts'
import { Mailbox } from './mailbox.ts'

/** Something that can stand in the run queue. */
export interface Runnable {
  /** Handles at most `limit` messages and answers how many it handled. Must not throw. */
  run(limit: number): number
}

/** How long one turn of the event loop may be used, in milliseconds. */
const TURN_BUDGET_MS = 2
/** How many messages one turn may handle; the bound that holds on a clock that stands still. */
const TURN_BUDGET_MESSAGES = 16_384
/** How many messages a process handles before the next one has its turn. */
const SLICE = 4
/** How many messages are handled between two looks at the clock. */
const MESSAGES_PER_CLOCK_CHECK = 8
/** How long it is from one look at the system to the next, at least. */
const LOOK_EVERY_MS = 1000

/** The run queue of one system. */
export class Scheduler {
  readonly #clock: Clock
  readonly #queue: Mailbox<Runnable> = new Mailbox()
  #isScheduled = false
  #turnStartedMs = Number.NEGATIVE_INFINITY
  #turnMessages = 0
  #busy = 0
  #idleWaiters: (() => void)[] = []
  #lastReadMs = Number.NEGATIVE_INFINITY
  /** Whether nothing took time since the clock was read. */
  #isJustRead = false
  #nextLookMs = Number.NEGATIVE_INFINITY
  #look: ((sinceMs: number, nowMs: number) => void) | undefined
  readonly #drain: () => void = () => this.#run()
  readonly #drainInNewTurn: () => void = () => {
    this.#turnStartedMs = this.readClock()
    this.#turnMessages = 0
    this.#run()
  }

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Puts something at the end of the run queue. The caller sees to it that it stands there once. */
  enqueue(runnable: Runnable): void {
    this.#queue.push(runnable)
    if (!this.#isScheduled) this.#schedule()
  }

  /** Runs `notice`, which must not throw, when its turn in the run queue comes. */
  post(notice: () => void): void {
    this.enqueue({
      run: () => {
        notice()
        return 1
      },
    })
  }

  /** A process began to wait for a promise. */
  enter(): void {
    this.#busy++
  }

  /** A process goes on after a promise; answers the time. `leave` follows in the same turn. */
  wake(): number {
    this.#isJustRead = true
    return this.readClock()
  }

  /** A process stopped waiting for a promise. Whoever has mail has to be enqueued before. */
  leave(): void {
    this.#isJustRead = false
    this.#busy--
    this.#settle()
  }

  /** Resolves when no process has mail and none is busy. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.#settle()
    })
  }

  /** The time as it was read last: while processes run, no more than a few messages ago. */
  get lastReadMs(): number {
    return this.#lastReadMs
  }

  /** Reads the clock. */
  readClock(): number {
    const nowMs = this.#clock.monotonic()
    if (nowMs >= this.#nextLookMs && this.#look !== undefined) {
      this.#nextLookMs = nowMs + LOOK_EVERY_MS
      this.#look(this.#lastReadMs, nowMs)
    }
    this.#lastReadMs = nowMs
    return nowMs
  }

  /** Calls `look`, which must not throw, about once a second while anything runs. */
  lookNowAndThen(look: (sinceMs: number, nowMs: number) => void): void {
    this.#look = look
  }

  #settle(): void {
    if (this.#isScheduled || this.#busy > 0 || this.#idleWaiters.length === 0) return
    const waiters = this.#idleWaiters
    this.#idleWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** Promises settle in microtasks, and a chain of those starves the event loop like a loop does: the turn's budget is theirs too. */
  #schedule(): void {
    this.#isScheduled = true
    if (this.#isTurnOver()) this.#clock.soon(this.#drainInNewTurn)
    else this.#clock.microtask(this.#drain)
  }

  #isTurnOver(): boolean {
    if (this.#turnMessages >= TURN_BUDGET_MESSAGES) return true
    const nowMs = this.#isJustRead ? this.#lastReadMs : this.readClock()
    return nowMs - this.#turnStartedMs >= TURN_BUDGET_MS
  }

  #run(): void {
    const queue = this.#queue
    let unchecked = 0
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      unchecked += next.run(SLICE)
      if (unchecked < MESSAGES_PER_CLOCK_CHECK) continue
      this.#turnMessages += unchecked
      unchecked = 0
      if (queue.length > 0 && this.#isTurnOver()) {
        this.#clock.soon(this.#drainInNewTurn)
        return
      }
    }
    this.#turnMessages += unchecked
    this.#isScheduled = false
    this.#settle()
  }
}
