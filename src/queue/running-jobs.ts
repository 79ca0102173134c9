/**
 * The jobs whose handlers run on this node now. One timer serves them all: it writes down which were really started (those
 * still running after 250 ms), flushes progress and log lines, and enforces deadlines.
 *
 *                 begin                          settle
 *     (claimed) ─────────▶ running ───────────────────────────────▶ gone
 *                             │ stop(reason)                          ▲
 *                             ▼                                       │ settle, or the grace is over: the slot is free,
 *                          stopping: its signal fired ────────────────┘ a late result goes nowhere
 *
 * A handler that goes on after it was given up is *stuck*: nothing but the end of its process can end it for sure.
 */

import type { Host, Timer } from '../host/host.ts'
import { runInJob, type CurrentJob } from '../job/current-job.ts'
import type { ClaimedJob } from '../job/job.ts'
import type { HeldJob, ProgressNote } from '../store/store.ts'

/** Why a running job was told to stop. */
export type StopReason =
  | { readonly type: 'timeout'; readonly timeoutMs: number }
  /** Somebody cancelled it. */
  | { readonly type: 'cancelled' }
  /** The node stops, or its stage died: the job goes back and runs again. */
  | { readonly type: 'interrupted' }
  /** The lease is gone, or may be gone: others may run the job now. The store refuses what comes too late. */
  | { readonly type: 'lease-lost' }
  /** Its code caused an error that nobody handles. The attempt fails with it, whatever the handler still returns. */
  | { readonly type: 'unhandled'; readonly error: unknown }

/** A job whose handler runs. */
export interface RunningJob {
  readonly job: ClaimedJob
  /** Fires when the handler ought to stop. */
  readonly signal: AbortSignal
  /** Monotonic time of the start. */
  readonly startedAt: number
  /** The newest progress and the lines not recorded yet; read once, at the end. */
  takeNotes(): RunNotes
  /** The same, without taking them. */
  peekNotes(): RunNotes
  setProgress(fraction: number): void
  addLog(line: string): void
  /** The reason why it was told to stop, if it was. */
  readonly stopReason: StopReason | undefined
  /** The job as its own code sees it: the listeners of its signal are code of the job, and may call `currentJob()` too. */
  current: CurrentJob | undefined
  /**
   * Its handler ended the job inside a transaction of its own. The store knows, or the transaction is rolled back: either
   * way, that the store refuses other news of it is no reason to stop the handler.
   */
  isEndedInTransaction: boolean
}

/** What a handler told of itself. */
export interface RunNotes {
  readonly progress: number | null
  readonly logs: readonly string[]
}

/** What the running jobs need. */
export interface RunningJobsOptions {
  /** Writes down that the jobs were started. */
  readonly markStarted: (held: readonly HeldJob[]) => void
  readonly recordProgress: (notes: readonly ProgressNote[]) => void
  /** A handler was given up and goes on all the same; `count` of them do so now. */
  readonly onStuck: (running: RunningJob, count: number) => void
  /** How long a handler may run on after its signal fired. Default: 5,000. */
  readonly graceMs?: number | undefined
}

/** A start is worth a write only for jobs that run longer than this. */
const MARK_AFTER_MS = 250
const FLUSH_NOTES_MS = 1_000
/** Log lines kept for one attempt between two flushes; more are dropped, with a line that says so. */
const MOST_LINES = 200

const NO_LINES: readonly string[] = []

class Run implements RunningJob {
  readonly job: ClaimedJob
  readonly startedAt: number
  readonly timeoutMs: number
  readonly deadline: number
  readonly onGivenUp: (reason: StopReason) => void
  /** Made when somebody wants the signal: most handlers never do. */
  #controller: AbortController | undefined
  #abortError: Error | undefined
  stopReason: StopReason | undefined
  current: CurrentJob | undefined
  isEndedInTransaction = false
  giveUpAt = Infinity
  isStuck = false
  /** Where it stands among the runs. */
  place = -1
  isMarked: boolean
  #progress: number | null = null
  #logs: string[] | undefined
  #dropped = 0

  constructor(
    job: ClaimedJob,
    start: { now: number; timeoutMs: number; isMarked: boolean },
    onGivenUp: (reason: StopReason) => void,
  ) {
    this.job = job
    this.startedAt = start.now
    this.timeoutMs = start.timeoutMs
    this.deadline = start.now + start.timeoutMs
    this.isMarked = start.isMarked
    this.onGivenUp = onGivenUp
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#abortError !== undefined) this.#controller.abort(this.#abortError)
    }
    return this.#controller.signal
  }

  get hasNotes(): boolean {
    return this.#progress !== null || this.#logs !== undefined
  }

  abort(error: Error): void {
    this.#abortError = error
    const controller = this.#controller
    if (controller === undefined) return
    if (this.current === undefined) controller.abort(error)
    else runInJob(this.current, () => controller.abort(error))
  }

  setProgress(fraction: number): void {
    this.#progress = fraction
  }

  addLog(line: string): void {
    this.#logs ??= []
    if (this.#logs.length < MOST_LINES) this.#logs.push(line)
    else this.#dropped += 1
  }

  peekNotes(): RunNotes {
    if (this.#logs === undefined) return { progress: this.#progress, logs: NO_LINES }
    const logs = this.#dropped === 0 ? [...this.#logs] : [...this.#logs, `(${this.#dropped} more lines were dropped)`]
    return { progress: this.#progress, logs }
  }

  takeNotes(): RunNotes {
    const notes = this.peekNotes()
    this.#progress = null
    this.#logs = undefined
    this.#dropped = 0
    return notes
  }
}

/** The running jobs of a node. */
export class RunningJobs {
  readonly #host: Host
  readonly #options: RunningJobsOptions
  readonly #graceMs: number
  /**
   * Every attempt on its own: after a lost lease the same job may come again while its first handler has not ended yet. A list,
   * in no order, in which each knows its place. A Map or Set with that much coming and going would be rebuilt all the time, and
   * V8 chains what it was before to what it is now: whatever has once grown old then keeps all later runs from being freed.
   */
  readonly #runs: Run[] = []
  #timer: Timer | undefined
  #timerAt = Infinity
  #notesAt = 0
  #emptyWaiters: (() => void)[] = []
  #stuck = 0

  constructor(host: Host, options: RunningJobsOptions) {
    this.#host = host
    this.#options = options
    this.#graceMs = options.graceMs ?? 5_000
  }

  get size(): number {
    return this.#runs.length
  }

  /**
   * A handler is about to run.
   *
   * @param start `timeoutMs` from now the job is told to stop; `isMarked` when its start is written down already.
   * @param onGivenUp Called at most once, when the handler outlived its grace: the attempt ends without it.
   */
  begin(
    job: ClaimedJob,
    start: { timeoutMs: number; isMarked: boolean },
    onGivenUp: (reason: StopReason) => void,
  ): RunningJob {
    const now = this.#host.clock.monotonic()
    const run = new Run(job, { now, timeoutMs: start.timeoutMs, isMarked: start.isMarked }, onGivenUp)
    run.place = this.#runs.push(run) - 1
    this.#armFor(Math.min(run.deadline, run.isMarked ? Infinity : now + MARK_AFTER_MS))
    return run
  }

  /** The handler settled, or its attempt was given up. */
  end(running: RunningJob): void {
    // Every RunningJob was made by `begin`.
    if (!this.#remove(running as Run) || this.#runs.length > 0) return
    const waiters = this.#emptyWaiters
    this.#emptyWaiters = []
    for (const resolve of waiters) resolve()
  }

  /** A handler that had been given up has ended after all. */
  endedLate(running: RunningJob): void {
    const run = running as Run // every RunningJob was made by `begin`
    if (!run.isStuck) return
    run.isStuck = false
    this.#stuck -= 1
  }

  /** How long at most it takes until every handler has been told to stop and its grace is over, in milliseconds; 0 when none runs. */
  longestLeftMs(): number {
    const now = this.#host.clock.monotonic()
    let longest = 0
    for (const { deadline } of this.#runs) longest = Math.max(longest, deadline + this.#graceMs - now)
    return longest
  }

  /** How many handlers go on although they were given up. */
  get stuck(): number {
    return this.#stuck
  }

  /** A handler has something to tell; it is written with the next flush. */
  noted(): void {
    if (this.#notesAt === 0) this.#notesAt = this.#host.clock.monotonic() + FLUSH_NOTES_MS
    this.#armFor(this.#notesAt)
  }

  /** Tells one attempt to stop: its signal fires, and after the grace it is given up. The first reason stays. */
  stop(held: HeldJob, reason: StopReason, error: Error): void {
    const run = this.#find(held)
    if (run !== undefined) this.#stopRun(run, reason, error)
  }

  /** The same, whatever the lease. */
  stopById(id: string, reason: StopReason, error: Error): void {
    for (const run of [...this.#runs]) if (run.job.id === id) this.#stopRun(run, reason, error)
  }

  /** The store refused a write because the lease no longer holds. Answers false when that was to be expected. */
  leaseLost(held: HeldJob): boolean {
    const run = this.#find(held)
    if (run?.isEndedInTransaction === true) return false
    if (run !== undefined) {
      this.#stopRun(run, { type: 'lease-lost' }, new DOMException('the lease on this job is lost', 'AbortError'))
    }
    return true
  }

  /**
   * Tells every attempt to stop.
   *
   * @param graceMs How long a handler may run on; Infinity: until {@link giveUpAll}. Default: as for one that is stopped alone.
   */
  stopAll(reason: StopReason, error: Error, graceMs: number = this.#graceMs): void {
    for (const run of [...this.#runs]) this.#stopRun(run, reason, error, graceMs)
  }

  /** Resolves when nothing runs, or after `ms` milliseconds: true when nothing runs. */
  async whenEmpty(ms: number): Promise<boolean> {
    if (this.#runs.length === 0) return true
    await new Promise<void>((resolve) => {
      const timer = this.#host.clock.after(ms, resolve)
      this.#emptyWaiters.push(() => {
        timer.cancel()
        resolve()
      })
    })
    return this.#runs.length === 0
  }

  /** Gives up on everything that still runs, without waiting for any grace. */
  giveUpAll(): void {
    for (const run of [...this.#runs]) {
      run.stopReason ??= { type: 'interrupted' }
      this.#giveUp(run, run.stopReason)
    }
    this.#timer?.cancel()
    this.#timerAt = Infinity
  }

  #remove(run: Run): boolean {
    if (this.#runs[run.place] !== run) return false
    const last = this.#runs.pop()
    if (last === undefined || last === run) return true
    this.#runs[run.place] = last
    last.place = run.place
    return true
  }

  #find({ id, lease }: HeldJob): Run | undefined {
    for (const run of this.#runs) if (run.job.id === id && run.job.lease === lease) return run
    return undefined
  }

  #stopRun(run: Run, reason: StopReason, error: Error, graceMs: number = this.#graceMs): void {
    if (run.stopReason !== undefined) return
    run.stopReason = reason
    run.giveUpAt = this.#host.clock.monotonic() + graceMs
    if (run.giveUpAt < Infinity) this.#armFor(run.giveUpAt)
    run.abort(error)
  }

  #giveUp(run: Run, reason: StopReason): void {
    this.end(run)
    run.isStuck = true
    this.#stuck += 1
    run.onGivenUp(reason)
    this.#options.onStuck(run, this.#stuck)
  }

  #armFor(at: number): void {
    if (at >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#host.clock.after(Math.max(0, at - this.#host.clock.monotonic()), () => this.#tick(), {
      keepAlive: false,
    })
  }

  #tick(): void {
    this.#timerAt = Infinity
    const now = this.#host.clock.monotonic()
    const isNotesDue = this.#notesAt !== 0 && this.#notesAt <= now
    if (isNotesDue) this.#notesAt = 0
    const marks: HeldJob[] = []
    const notes: ProgressNote[] = []
    let nextAt = this.#notesAt === 0 ? Infinity : this.#notesAt
    for (const run of [...this.#runs]) {
      const { id, lease, attempt } = run.job
      if (!run.isMarked && run.startedAt + MARK_AFTER_MS <= now) {
        run.isMarked = true
        marks.push({ id, lease })
      }
      if (isNotesDue && run.hasNotes) notes.push({ id, lease, attempt, ...run.takeNotes() })
      if (run.stopReason === undefined && run.deadline <= now) {
        const { timeoutMs } = run
        this.#stopRun(
          run,
          { type: 'timeout', timeoutMs },
          new DOMException(`the job ran longer than ${timeoutMs} ms`, 'TimeoutError'),
        )
      }
      if (run.giveUpAt <= now && run.stopReason !== undefined) this.#giveUp(run, run.stopReason)
      else
        nextAt = Math.min(
          nextAt,
          run.isMarked ? Infinity : run.startedAt + MARK_AFTER_MS,
          run.stopReason === undefined ? run.deadline : run.giveUpAt,
        )
    }
    if (marks.length > 0) this.#options.markStarted(marks)
    if (notes.length > 0) this.#options.recordProgress(notes)
    if (nextAt < Infinity) this.#armFor(nextAt)
  }
}
