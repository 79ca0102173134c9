/** What happened in this process, gathered from the runner's events. */

import type { Clock, JobExceptionEvent, JobStopEvent, Runner } from '../index.ts'

/** The attempts of a queue that ended in this process. */
export interface QueueStatistics {
  readonly queue: string
  /** Attempts that were the last of their job. */
  readonly ended: number
  /** Jobs that had ended in a process before. */
  readonly endedBefore: number
  /** Attempts after which the job is tried again. */
  readonly retried: number
  /** In milliseconds, one for each attempt. */
  readonly waits: readonly number[]
  readonly runs: readonly number[]
}

interface Counters extends QueueStatistics {
  ended: number
  endedBefore: number
  retried: number
  readonly waits: number[]
  readonly runs: number[]
  /** Monotonic times of the ends in the last seconds. */
  readonly recent: number[]
}

/** The rate shown is that of the last seconds. */
const RECENT_MS = 5_000

/** Listens to a runner from now on. */
export class RunStatistics {
  readonly #clock: Clock
  readonly #startedAt: number
  readonly #queues = new Map<string, Counters>()

  constructor(clock: Clock, runner: Runner) {
    this.#clock = clock
    this.#startedAt = clock.monotonic()
    runner.on('job:stop', (event) => this.#count(event, event.outcome !== 'snoozed'))
    runner.on('job:exception', (event) => this.#count(event, event.outcome === 'failed'))
  }

  /** Since the beginning, in milliseconds. */
  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startedAt
  }

  /** Notes how many jobs of a queue had ended before this process began. */
  carryOver(queue: string, ended: number): void {
    this.#countersOf(queue).endedBefore = ended
  }

  of(queue: string): QueueStatistics {
    return this.#countersOf(queue)
  }

  /** Jobs of a queue that ended per second, over the last seconds. */
  rateOf(queue: string): number {
    const { recent } = this.#countersOf(queue)
    const now = this.#clock.monotonic()
    while (recent[0] !== undefined && now - recent[0] > RECENT_MS) recent.shift()
    return (recent.length * 1_000) / Math.max(1_000, Math.min(RECENT_MS, this.elapsedMs))
  }

  #count({ queue, waitMs, runMs }: JobStopEvent | JobExceptionEvent, isLast: boolean): void {
    const counters = this.#countersOf(queue)
    counters.waits.push(waitMs)
    if (runMs !== null) counters.runs.push(runMs)
    if (isLast) {
      counters.ended++
      counters.recent.push(this.#clock.monotonic())
    } else counters.retried++
  }

  #countersOf(queue: string): Counters {
    const known = this.#queues.get(queue)
    if (known !== undefined) return known
    const counters: Counters = { queue, ended: 0, endedBefore: 0, retried: 0, waits: [], runs: [], recent: [] }
    this.#queues.set(queue, counters)
    return counters
  }
}

/** The smallest value that at least `share` of all values do not exceed; null without values. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? null
}
