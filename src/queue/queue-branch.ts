/**
 * Keeps the branch of one queue running: starts it, and when it gave up after too many crashes, starts it anew after a wait
 * that grows while it keeps failing.
 *
 *     starting ──▶ running ──crashed──▶ waiting ──▶ starting …        any ──stop──▶ stopped
 */

import type { Timer } from '../host/host.ts'
import type { ExitReason, ProcessRef } from '../stage/index.ts'
import type { QueueSnapshot } from '../store/store.ts'
import { ConsumerStatistics } from './consumer-statistics.ts'
import { ExponentialWait } from './exponential-wait.ts'
import type { QueueSettings } from './queue-settings.ts'
import { queueSupervisor, type QueueServices } from './queue-supervisor.ts'

/** What a branch needs besides the services. */
export interface QueueBranchOptions {
  readonly queue: string
  readonly settings: QueueSettings
  /** The branch gave up and will be started anew in `againInMs` milliseconds. */
  readonly onCrash: (reason: ExitReason, againInMs: number) => void
}

/** A branch that lived this long has recovered. */
const RECOVERED_AFTER_MS = 60_000

/** One queue on one node. */
export class QueueBranch {
  readonly #services: QueueServices
  readonly #options: QueueBranchOptions
  readonly #statistics: ConsumerStatistics
  readonly #wait: ExponentialWait
  #top: ProcessRef | undefined
  #timer: Timer | undefined
  #isStopped = false

  constructor(services: QueueServices, options: QueueBranchOptions) {
    this.#services = services
    this.#options = options
    this.#statistics = new ConsumerStatistics(services.host.clock)
    this.#wait = new ExponentialWait(services.host, { baseMs: 500, maxMs: 30_000 })
  }

  /** Resolves when all stages of the queue are there. */
  async start(): Promise<void> {
    const { host, system } = this.#services
    const { queue, settings } = this.#options
    const startedAt = host.clock.monotonic()
    const top = await system.start(queueSupervisor(queue, settings, this.#services, this.#statistics), {
      name: `queue/${queue}`,
    })
    this.#top = top
    top.monitor((reason) => {
      if (host.clock.monotonic() - startedAt > RECOVERED_AFTER_MS) this.#wait.reset()
      this.#startLater(reason)
    })
  }

  /** Ends all stages at once; what they hold is orphaned, and so handed back. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#top?.stop('shutdown')
  }

  /** The queue as it stands now. */
  snapshot(): QueueSnapshot {
    const { claimer, ledger } = this.#services
    const { queue, settings } = this.#options
    return {
      queue,
      concurrency: settings.concurrency,
      demand: claimer.demandOf(queue),
      buffered: ledger.waiting(queue).slice(0, 1_000),
      consumers: this.#statistics.snapshot(),
    }
  }

  #startLater(reason: ExitReason): void {
    if (this.#isStopped) return
    const againInMs = this.#wait.nextMs()
    this.#options.onCrash(reason, againInMs)
    this.#timer = this.#services.host.clock.after(
      againInMs,
      () => {
        this.start().catch((error: unknown) => this.#startLater(error instanceof Error ? error : String(error)))
      },
      { keepAlive: false },
    )
  }
}
