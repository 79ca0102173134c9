/**
 * The claimer: the one place of a process that takes jobs from the store. Producers tell it what their consumers asked for;
 * it gathers the unmet demand of all queues, issues one claim at a time for all of them, and hands the jobs out. With no
 * demand anywhere there is no query.
 *
 *            ask ┌──────┐ claim sent   ┌──────────┐ error   ┌─────────┐
 *          ─────▶│ idle │─────────────▶│ claiming │────────▶│ backoff │──┐
 *                └──────┘◀─────────────└──────────┘         └─────────┘  │ time is up
 *                    ▲        answer                                     │
 *                    └───────────────────────────────────────────────────┘
 *          any ── stop ──▶ stopped
 *
 * A queue that gave less than was asked is *dry*: it is not asked again until something may have changed (a job enqueued here,
 * a change by another process, a scheduled job that is due, or the poll, which is the truth when hints get lost). A queue that
 * the store has not searched to the end is not dry, but asked again at once, and the search goes on. A hint during a search,
 * however many claims it takes, asks for another one.
 *
 * Demand is counted in units. Each unit a producer asks for is claimed at most once, so a node never holds more than its
 * consumers asked for, plus prefetch. A producer asks on while its last jobs are handed out, so the next claim is under way
 * before it runs out. Jobs for a producer that died meanwhile go to its successor as far as that one asked,
 * and back to the store otherwise.
 */

import type { Host, Timer } from '../host/host.ts'
import type { ClaimedJob, ErrorRecord } from '../job/job.ts'
import type { ClaimAnswer, Store } from '../store/store.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { ExponentialWait } from './exponential-wait.ts'
import type { Holder, Ledger } from './ledger.ts'

/** A producer as the claimer sees it. */
export interface JobSink extends Holder {
  /** Takes jobs, never more than were asked for. */
  cast(message: JobsClaimed): void
}

/** What a producer receives. */
export interface JobsClaimed {
  readonly type: 'jobs'
  readonly jobs: readonly ClaimedJob[]
}

/** What the claimer needs. */
export interface ClaimerOptions {
  readonly node: string
  readonly store: Store
  readonly tracing?: Tracing | undefined
  readonly ledger: Ledger
  /** Whether the node was heard of late enough that nobody else can have its jobs. */
  readonly isHeard: () => boolean
  /** Takes jobs that nobody asked for any more. */
  readonly giveBack: (jobs: readonly ClaimedJob[]) => void
  /** The store handed out more than was asked of it, which it must never do. */
  readonly onSurplus?: ((queue: string, jobs: number) => void) | undefined
  /** The node was declared dead by others. */
  readonly onFenced: () => void
  /** The store failed; the claimer tries again by itself. */
  readonly onError: (error: unknown) => void
  /** Rows that could not be read and were ended as failed. */
  readonly onBroken: (
    jobs: readonly { readonly id: string; readonly queue: string; readonly error: ErrorRecord }[],
  ) => void
  /**
   * How long a dry queue with open demand waits for a hint before it is asked again, where the store has no better advice.
   * Default: 1,000.
   */
  readonly pollMs?: number | undefined
}

const DEFAULT_POLL_MS = 1_000
/** Work goes on within two seconds when a store that was away is back, however long it was. */
const LONGEST_BACKOFF_MS = 1_000

type State = 'idle' | 'claiming' | 'backoff' | 'stopped'

/** A producer's place here; a new one for each life of it. */
interface Line {
  readonly sink: JobSink
  /** Brings the demand up to date; called before a claim that is made for it anyway. */
  readonly update: () => void
  /** Units asked for and not yet claimed; below 0 when some were taken back while they were being claimed. */
  demand: number
  isDry: boolean
}

/** What one claim asks for of one queue. */
interface Want {
  readonly queue: string
  readonly count: number
}

/** Gathers demand, claims, hands out. One per node. */
export class Claimer {
  readonly #host: Host
  readonly #options: ClaimerOptions
  readonly #lines = new Map<string, Line>()
  readonly #wait: ExponentialWait
  #state: State = 'idle'
  #isScheduled = false
  #isQuiet = false
  /** Counts hints, so that a hint that comes while a claim is under way is not lost. */
  #hints = 0
  /** The count of hints when the search of a queue began that is under way or unfinished. */
  readonly #searches = new Map<string, number>()
  #timer: Timer | undefined
  #timerAt = Infinity
  /** How long to wait for a hint, as the last answer advised. */
  #lookAgainInMs: number
  #settled: Promise<void> = Promise.resolve()

  constructor(host: Host, options: ClaimerOptions) {
    this.#host = host
    this.#options = options
    this.#wait = new ExponentialWait(host, { baseMs: 100, maxMs: LONGEST_BACKOFF_MS })
    this.#lookAgainInMs = options.pollMs ?? DEFAULT_POLL_MS
  }

  /**
   * A producer began (again): what an earlier one of that queue asked for is void.
   *
   * @param update Called when a claim is about to be sent in which the queue has demand: the moment to ask for more, or to
   *   take back, by `ask`.
   */
  attach(queue: string, sink: JobSink, update: () => void = () => {}): void {
    this.#lines.set(queue, { sink, update, demand: 0, isDry: false })
  }

  /** A producer wants `count` more jobs; below 0, so many fewer. Units that are being claimed come all the same. */
  ask(queue: string, count: number): void {
    const line = this.#lines.get(queue)
    if (line === undefined) return
    line.demand += count
    if (count <= 0 || line.demand <= 0) return
    if (!line.isDry) this.#schedule()
    else this.#armTimer(this.#lookAgainInMs)
  }

  /** The unmet demand of a queue. */
  demandOf(queue: string): number {
    return Math.max(0, this.#lines.get(queue)?.demand ?? 0)
  }

  /** Whether consumers of the queue want jobs, and the store had none for them when it was asked last. */
  isDry(queue: string): boolean {
    const line = this.#lines.get(queue)
    return line !== undefined && line.isDry && line.demand > 0
  }

  /** Claims nothing, or goes on. Jobs that are being claimed go back; those that were handed out are not looked at. */
  quiet(isQuiet: boolean): void {
    this.#isQuiet = isQuiet
    if (!isQuiet) this.wake()
  }

  /** Something may have changed in the store; `queue` narrows it to one queue. */
  wake(queue?: string): void {
    this.#hints += 1
    if (queue !== undefined) {
      const line = this.#lines.get(queue)
      if (line === undefined) return
      line.isDry = false
      if (line.demand > 0) this.#schedule()
      return
    }
    for (const line of this.#lines.values()) line.isDry = false
    this.#schedule()
  }

  /** A job will be due in `ms` milliseconds. */
  wakeIn(ms: number): void {
    this.#armTimer(ms)
  }

  /** Claims no more; resolves when the claim under way has been answered and its jobs were handed back or out. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    this.#timer?.cancel()
    await this.#settled
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isQuiet || this.#state !== 'idle') return
    this.#isScheduled = true
    // Later in this turn: by then all consumers that became free together have asked, and share one claim.
    this.#host.clock.microtask(() => {
      this.#isScheduled = false
      if (this.#state === 'idle' && !this.#isQuiet) this.#settled = this.#claim()
    })
  }

  async #claim(): Promise<void> {
    const lines: Line[] = []
    const wants: Want[] = []
    for (const [queue, line] of this.#lines) {
      if (line.demand <= 0 || line.isDry || !line.sink.isAlive) continue
      line.update()
      if (line.demand <= 0) continue
      lines.push(line)
      wants.push({ queue, count: line.demand })
    }
    if (wants.length === 0) return
    this.#state = 'claiming'
    for (const { queue } of wants) if (!this.#searches.has(queue)) this.#searches.set(queue, this.#hints)
    try {
      this.#host.trace.point('claimer.claim', wants)
      const { node, store, tracing } = this.#options
      const answer = await (tracing === undefined
        ? store.claimJobs({ node, wants })
        : tracing.claim(() => store.claimJobs({ node, wants })))
      this.#wait.reset()
      this.#handOut(answer, wants, lines)
      this.#leave('claiming', 'idle')
      if (answer.isFenced) this.#options.onFenced()
      else this.#schedule()
    } catch (error) {
      this.#leave('claiming', 'backoff')
      this.#options.onError(error)
      this.#host.clock.after(
        this.#wait.nextMs(),
        () => {
          this.#leave('backoff', 'idle')
          this.#schedule()
        },
        { keepAlive: false },
      )
    }
  }

  #handOut(answer: ClaimAnswer, wants: readonly Want[], askers: readonly Line[]): void {
    const byQueue = new Map<string, ClaimedJob[]>()
    for (const job of answer.jobs) {
      const jobs = byQueue.get(job.queue)
      if (jobs === undefined) byQueue.set(job.queue, [job])
      else jobs.push(job)
    }
    const isHeard = answer.jobs.length === 0 || this.#options.isHeard()
    for (const [index, { queue, count }] of wants.entries()) {
      const jobs = byQueue.get(queue) ?? []
      if (jobs.length > count) this.#options.onSurplus?.(queue, jobs.length - count)
      const line = this.#lines.get(queue)
      // Whoever asked gets all of it; a successor, what it asked for itself.
      const open = line === askers[index] ? count : Math.max(0, line?.demand ?? 0)
      // What was claimed before this process was itself stopped for a while, others may have by now.
      const wanted = this.#state === 'stopped' || this.#isQuiet || !isHeard ? 0 : open
      const accepted = jobs.length <= wanted ? jobs : jobs.slice(0, wanted)
      const surplus = jobs.slice(wanted)
      if (line !== undefined && accepted.length > 0) {
        line.demand -= accepted.length
        this.#options.ledger.add(accepted, line.sink)
        line.sink.cast({ type: 'jobs', jobs: accepted })
      }
      if (surplus.length > 0) this.#options.giveBack(surplus)
      if (answer.unfinished.includes(queue)) continue
      const isUnhinted = this.#searches.get(queue) === this.#hints
      this.#searches.delete(queue)
      // A node that is not heard asks again after a while: by then it is heard, or knows that it is not.
      if (line !== undefined && ((jobs.length < count && isUnhinted) || !isHeard)) line.isDry = true
    }
    if (answer.broken.length > 0) this.#options.onBroken(answer.broken)
    if (answer.nextDueInMs !== null) this.#armTimer(answer.nextDueInMs)
    this.#lookAgainInMs = answer.lookAgainInMs ?? this.#options.pollMs ?? DEFAULT_POLL_MS
    if (this.#hasOpenDemand()) this.#armTimer(this.#lookAgainInMs)
  }

  #hasOpenDemand(): boolean {
    for (const line of this.#lines.values()) if (line.demand > 0) return true
    return false
  }

  /** One timer for the earliest moment at which it is worth looking again. */
  #armTimer(ms: number): void {
    const at = this.#host.clock.monotonic() + ms
    if (at >= this.#timerAt || this.#state === 'stopped') return
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#host.clock.after(
      ms,
      () => {
        this.#timerAt = Infinity
        this.wake()
      },
      { keepAlive: false },
    )
  }

  /** The only writer of the state but `stop`, which wins over everything. */
  #leave(from: State, to: State): void {
    if (this.#state === from) this.#state = to
  }
}
