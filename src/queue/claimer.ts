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
 * consumers asked for, plus prefetch. Jobs for a producer that died meanwhile go to its successor as far as that one asked,
 * and back to the store otherwise.
 */

import type { Host, Timer } from '../host/host.ts'
import type { ClaimedJob, ErrorRecord } from '../job/job.ts'
import type { ClaimAnswer, Store } from '../store/store.ts'
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
  readonly ledger: Ledger
  /** Takes jobs that nobody asked for any more. */
  readonly giveBack: (jobs: readonly ClaimedJob[]) => void
  /** The node was declared dead by others. */
  readonly onFenced: () => void
  /** The store failed; the claimer tries again by itself. */
  readonly onError: (error: unknown) => void
  /** Rows that could not be read and were ended as failed. */
  readonly onBroken: (
    jobs: readonly { readonly id: string; readonly queue: string; readonly error: ErrorRecord }[],
  ) => void
  /** How long a dry queue with open demand waits for a hint before it is asked again. Default: 1,000. */
  readonly pollMs?: number | undefined
}

type State = 'idle' | 'claiming' | 'backoff' | 'stopped'

interface Line {
  sink: JobSink
  /** Units asked for and not yet claimed. */
  demand: number
  isDry: boolean
}

/** Gathers demand, claims, hands out. One per node. */
export class Claimer {
  readonly #host: Host
  readonly #options: ClaimerOptions
  readonly #lines = new Map<string, Line>()
  readonly #wait: ExponentialWait
  #state: State = 'idle'
  #isScheduled = false
  /** Counts hints, so that a hint that comes while a claim is under way is not lost. */
  #hints = 0
  /** The count of hints when the search of a queue began that is under way or unfinished. */
  readonly #searches = new Map<string, number>()
  #timer: Timer | undefined
  #timerAt = Infinity
  #settled: Promise<void> = Promise.resolve()

  constructor(host: Host, options: ClaimerOptions) {
    this.#host = host
    this.#options = options
    this.#wait = new ExponentialWait(host, { baseMs: 100, maxMs: 5_000 })
  }

  /** A producer began (again): what an earlier one of that queue asked for is void. */
  attach(queue: string, sink: JobSink): void {
    this.#lines.set(queue, { sink, demand: 0, isDry: false })
  }

  /** A producer's consumers want `count` more jobs. */
  ask(queue: string, count: number): void {
    const line = this.#lines.get(queue)
    if (line === undefined || count <= 0) return
    line.demand += count
    if (!line.isDry) this.#schedule()
    else this.#armTimer(this.#options.pollMs ?? 1_000)
  }

  /** The unmet demand of a queue. */
  demandOf(queue: string): number {
    return this.#lines.get(queue)?.demand ?? 0
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
    if (this.#isScheduled || this.#state !== 'idle') return
    this.#isScheduled = true
    // Later in this turn: by then all consumers that became free together have asked, and share one claim.
    this.#host.clock.microtask(() => {
      this.#isScheduled = false
      if (this.#state === 'idle') this.#settled = this.#claim()
    })
  }

  async #claim(): Promise<void> {
    const wants: { queue: string; count: number }[] = []
    for (const [queue, line] of this.#lines) {
      if (line.demand > 0 && !line.isDry && line.sink.isAlive) wants.push({ queue, count: line.demand })
    }
    if (wants.length === 0) return
    this.#state = 'claiming'
    for (const { queue } of wants) if (!this.#searches.has(queue)) this.#searches.set(queue, this.#hints)
    try {
      this.#host.trace.point('claimer.claim', wants)
      const answer = await this.#options.store.claimJobs({ node: this.#options.node, wants })
      this.#wait.reset()
      this.#handOut(answer, wants)
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

  #handOut(answer: ClaimAnswer, wants: readonly { queue: string; count: number }[]): void {
    const byQueue = new Map<string, ClaimedJob[]>()
    for (const job of answer.jobs) {
      const jobs = byQueue.get(job.queue)
      if (jobs === undefined) byQueue.set(job.queue, [job])
      else jobs.push(job)
    }
    for (const { queue, count } of wants) {
      const jobs = byQueue.get(queue) ?? []
      const line = this.#lines.get(queue)
      const wanted = this.#state === 'stopped' ? 0 : (line?.demand ?? 0)
      const accepted = jobs.slice(0, wanted)
      const surplus = jobs.slice(wanted)
      if (line !== undefined && accepted.length > 0) {
        line.demand -= accepted.length
        this.#options.ledger.add(accepted, line.sink)
        line.sink.cast({ type: 'jobs', jobs: accepted })
      }
      if (surplus.length > 0) this.#options.giveBack(surplus)
      if (answer.unfinished.includes(queue)) continue
      const isQuiet = this.#searches.get(queue) === this.#hints
      this.#searches.delete(queue)
      if (line !== undefined && jobs.length < count && isQuiet) line.isDry = true
    }
    if (answer.broken.length > 0) this.#options.onBroken(answer.broken)
    if (answer.nextDueInMs !== null) this.#armTimer(answer.nextDueInMs)
    if (this.#hasOpenDemand()) this.#armTimer(this.#options.pollMs ?? 1_000)
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
