/** The last errors of each job name on this node, in memory: what a dead letter says of what went before it. */

import type { Clock } from '../host/host.ts'
import type { RecentError } from '../job/forensics.ts'
import type { ClaimedJob, ErrorRecord } from '../job/job.ts'
import { sanitizeText } from '../job/stored-text.ts'

/** So many names are remembered, and so many errors of each. */
const MOST_NAMES = 500
const MOST_ERRORS = 5
const LONGEST_MESSAGE_BYTES = 300

interface Failure extends Omit<RecentError, 'agoMs'> {
  /** Monotonic. */
  readonly at: number
}

/** See the head of this file. */
export class RecentFailures {
  readonly #clock: Pick<Clock, 'monotonic'>
  /** The name that failed last comes last. */
  readonly #failures = new Map<string, readonly Failure[]>()

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock
  }

  /** An attempt failed, for good or not. */
  note({ id, name, attempt }: ClaimedJob, error: ErrorRecord): void {
    const message = sanitizeText(error.message, LONGEST_MESSAGE_BYTES)
    const failure = { id, attempt, name: error.name, message, at: this.#clock.monotonic() }
    const before = this.#failures.get(name) ?? []
    this.#failures.delete(name)
    this.#failures.set(name, [failure, ...before.slice(0, MOST_ERRORS - 1)])
    if (this.#failures.size <= MOST_NAMES) return
    const [oldest] = this.#failures.keys()
    if (oldest !== undefined) this.#failures.delete(oldest)
  }

  /** The errors of a job name, newest first. */
  of(name: string): readonly RecentError[] {
    const now = this.#clock.monotonic()
    return (this.#failures.get(name) ?? []).map(({ at, ...error }) => ({ ...error, agoMs: Math.round(now - at) }))
  }
}
