/** The pruner: removes ended jobs that were kept long enough. Any node may run it. */

import type { Host, Timer } from '../host/host.ts'
import type { KeepPolicy, Store } from '../store/store.ts'

/** What the pruner needs. */
export interface PrunerOptions {
  readonly store: Store
  readonly policies: () => readonly KeepPolicy[]
  readonly onError: (error: unknown) => void
  /** How often it looks when there was nothing left to prune. Default: 30,000. */
  readonly everyMs?: number | undefined
}

/** Between two full batches other work gets its turn. */
const BETWEEN_BATCHES_MS = 50

/** Prunes at a steady pace, in small bites. */
export class Pruner {
  readonly #host: Host
  readonly #options: PrunerOptions
  #timer: Timer | undefined
  #isStopped = false
  #underWay: Promise<void> = Promise.resolve()

  constructor(host: Host, options: PrunerOptions) {
    this.#host = host
    this.#options = options
  }

  start(): void {
    // Not every node of a cluster in the same moment.
    this.#arm((this.#options.everyMs ?? 30_000) * this.#host.random.float())
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#underWay
  }

  #arm(ms: number): void {
    if (this.#isStopped) return
    const prune = (): void => {
      this.#underWay = this.#prune()
    }
    this.#timer = this.#host.clock.after(ms, prune, { keepAlive: false })
  }

  async #prune(): Promise<void> {
    const everyMs = this.#options.everyMs ?? 30_000
    try {
      const { isDone } = await this.#options.store.pruneJobs(this.#options.policies())
      this.#arm(isDone ? everyMs : BETWEEN_BATCHES_MS)
    } catch (error) {
      this.#options.onError(error)
      this.#arm(everyMs)
    }
  }
}
