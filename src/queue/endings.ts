/**
 * Waiting for jobs to end. Jobs that end on this node are answered in process; all other waiters of the process share one
 * question to the store, asked soon at first and then ever more rarely, and at once when the store hints at a change.
 */

import type { Host, Timer } from '../host/host.ts'
import { isRetryable } from '../store/errors.ts'
import type { Ending, Store } from '../store/store.ts'

/** What is needed to wait. */
export interface EndingsOptions {
  readonly store: Store
  /** The store could not be asked; it is asked again where that may help. */
  readonly onError: (error: unknown) => void
}

/** How a job ended, or that nobody knows it. */
export type KnownEnding =
  | Exclude<Ending, { state: 'live' | 'unknown' }>
  | { readonly id: string; readonly state: 'unknown' }

/** Who waits for a job. */
export interface EndingWaiter {
  readonly onEnded: (ending: KnownEnding) => void
  /** The store has refused to answer, and would again. */
  readonly onFailed: (error: unknown) => void
  /** Nobody will answer any more. */
  readonly onClosed: () => void
}

const FIRST_WAIT_MS = 25
const LONGEST_WAIT_MS = 1_000

/** The waiters of a process. */
export class Endings {
  readonly #host: Host
  readonly #options: EndingsOptions
  readonly #waiters = new Map<string, Set<EndingWaiter>>()
  #timer: Timer | undefined
  #waitMs = FIRST_WAIT_MS
  #isAsking = false
  #unsubscribe: (() => void) | undefined

  constructor(host: Host, options: EndingsOptions) {
    this.#host = host
    this.#options = options
  }

  /**
   * Tells `waiter` once when the job has ended.
   *
   * @returns A function that gives up waiting.
   */
  wait(id: string, waiter: EndingWaiter): () => void {
    const waiters = this.#waiters.get(id) ?? new Set()
    waiters.add(waiter)
    this.#waiters.set(id, waiters)
    this.#unsubscribe ??= this.#options.store.onChange('endings', () => this.#hurry())
    this.#waitMs = FIRST_WAIT_MS
    // Most jobs that are waited for end on this node, and soon.
    this.#arm(FIRST_WAIT_MS)
    return () => {
      waiters.delete(waiter)
      if (waiters.size === 0 && this.#waiters.get(id) === waiters) this.#waiters.delete(id)
      this.#restIfIdle()
    }
  }

  /** Whether anybody waits for the job: an ending need not be made for nobody. */
  isAwaited(id: string): boolean {
    return this.#waiters.size > 0 && this.#waiters.has(id)
  }

  /** A job ended on this node. */
  settle(ending: KnownEnding): void {
    const waiters = this.#waiters.get(ending.id)
    if (waiters === undefined) return
    this.#waiters.delete(ending.id)
    for (const waiter of waiters) waiter.onEnded(ending)
    this.#restIfIdle()
  }

  /** Stops asking, and says so to whoever waits. */
  close(): void {
    for (const waiter of this.#takeAll()) waiter.onClosed()
    this.#restIfIdle()
  }

  #hurry(): void {
    this.#waitMs = FIRST_WAIT_MS
    this.#arm(0)
  }

  #arm(ms: number): void {
    if (this.#isAsking || this.#waiters.size === 0) return
    this.#timer?.cancel()
    // Somebody awaits the answer, so the process must live until it is there.
    this.#timer = this.#host.clock.after(ms, () => void this.#ask())
  }

  async #ask(): Promise<void> {
    this.#isAsking = true
    try {
      for (const ending of await this.#options.store.readEndings([...this.#waiters.keys()])) {
        if (ending.state !== 'live') this.settle(ending as KnownEnding) // true: `live` was the only other state
      }
    } catch (error) {
      this.#options.onError(error)
      if (!isRetryable(error)) for (const waiter of this.#takeAll()) waiter.onFailed(error)
    }
    this.#restIfIdle()
    this.#isAsking = false
    this.#arm(this.#waitMs)
    this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2)
  }

  #takeAll(): EndingWaiter[] {
    const all = [...this.#waiters.values()].flatMap((waiters) => [...waiters])
    this.#waiters.clear()
    return all
  }

  #restIfIdle(): void {
    if (this.#waiters.size > 0) return
    this.#timer?.cancel()
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }
}
