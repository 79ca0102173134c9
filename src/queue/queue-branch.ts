/**
 * Keeps the branch of one queue running: starts it, and when it gave up after too many crashes, starts it anew after a wait
 * that grows while it keeps failing. While it runs, it starts and ends consumers until there are as many as there should be.
 *
 *     starting ──▶ running ──crashed──▶ waiting ──▶ starting …        any ──stop──▶ stopped
 *
 * A consumer ends only when it is idle, by its own doing: it is told that it may leave, and does so when it comes to that, which
 * is after the job that it runs. When all are busy there are too many for a while.
 */

import type { Timer } from '../host/host.ts'
import type { ExitReason, ProcessRef, SupervisorRef } from '../stage/index.ts'
import type { QueueSnapshot, ScaleBounds } from '../store/store.ts'
import { ConsumerStatistics, type JobConsumerRef } from './consumer-statistics.ts'
import { ExponentialWait } from './exponential-wait.ts'
import type { Leave } from './job-consumer.ts'
import type { QueueSettings } from './queue-settings.ts'
import {
  consumersName,
  consumerSpec,
  queueSupervisor,
  type QueueBranchParts,
  type QueueServices,
} from './queue-supervisor.ts'

/** What a branch needs besides the services. */
export interface QueueBranchOptions {
  readonly queue: string
  readonly settings: QueueSettings
  /** How many consumers it begins with. */
  readonly consumers: number
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
  #target: number
  /** Consumers that were told that they may leave and have not come to it, and those that are leaving. */
  readonly #told = new Set<JobConsumerRef>()
  readonly #leaving = new Set<JobConsumerRef>()
  #isResizing = false
  #top: ProcessRef | undefined
  #timer: Timer | undefined
  #isStopped = false

  constructor(services: QueueServices, options: QueueBranchOptions) {
    this.#services = services
    this.#options = options
    this.#target = options.consumers
    this.#statistics = new ConsumerStatistics(services.host.clock)
    this.#wait = new ExponentialWait(services.host, { baseMs: 500, maxMs: 30_000 })
  }

  /** Resolves when all stages of the queue are there. */
  async start(): Promise<void> {
    const { host, system } = this.#services
    const { queue } = this.#options
    const startedAt = host.clock.monotonic()
    const top = await system.start(queueSupervisor(this.#parts()), { name: `queue/${queue}` })
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

  /** How many consumers there are. */
  get consumers(): number {
    return this.#statistics.refs().length
  }

  /** The most of them that ran a job at the same time since the last call. */
  takeMostBusy(): number {
    return this.#statistics.takeMostBusy()
  }

  /** From now on so many consumers: missing ones are started, idle ones end until there are no more than that. */
  scaleTo(target: number): void {
    this.#target = target
    if (this.#isResizing) return
    this.#isResizing = true
    void this.#resize().finally(() => (this.#isResizing = false))
  }

  async #resize(): Promise<void> {
    const { system, host } = this.#services
    const { queue } = this.#options
    // In its own turn: whoever calls may be in the middle of one.
    await Promise.resolve()
    // Only the supervisor of the consumers has this name. While there is none, the branch starts, with as many as it should have.
    const pool = system.whereis(consumersName(queue)) as SupervisorRef | undefined
    if (pool === undefined || this.#isStopped) return
    this.#dismiss()
    try {
      while (this.#missing() > 0 && !this.#isStopped) await this.#startOne(pool)
    } catch (error) {
      // The supervisor is about to end, or the stage did not start: it is tried again with the next call.
      host.logger.log({ level: 'warn', code: 'consumer_not_started', args: [queue, error] })
    }
  }

  #missing(): number {
    return this.#target - (this.consumers - this.#leaving.size)
  }

  /** Tells consumers that they may leave: idle ones, the youngest first, and when those are too few, all. */
  #dismiss(): void {
    const tooMany = -this.#missing()
    if (tooMany <= 0) return
    const idle = this.#statistics.idle().toReversed()
    const told = tooMany <= idle.length ? idle.slice(0, tooMany) : [...idle, ...this.#statistics.refs()]
    for (const consumer of told) {
      if (this.#told.has(consumer)) continue
      this.#told.add(consumer)
      consumer.monitor(() => {
        this.#told.delete(consumer)
        this.#leaving.delete(consumer)
      })
      consumer.cast({ type: 'leave', isMeant: () => this.#mayLeave(consumer) } satisfies Leave)
    }
  }

  /** A consumer has come to it: whoever is the first leaves, as long as there are too many. */
  #mayLeave(consumer: JobConsumerRef): boolean {
    this.#told.delete(consumer)
    if (this.#missing() >= 0 || this.#isStopped) return false
    this.#leaving.add(consumer)
    return true
  }

  async #startOne(pool: SupervisorRef): Promise<void> {
    const children = await pool.whichChildren()
    const stopped = children.find(({ ref }) => ref === undefined)
    if (stopped !== undefined) {
      await pool.restartChild(stopped.id)
      return
    }
    const ids = new Set(children.map(({ id }) => id))
    let number = 1
    while (ids.has(`consumer-${number}`)) number += 1
    await pool.startChild(consumerSpec(this.#parts(), number))
  }

  #parts(): QueueBranchParts {
    const { queue, settings } = this.#options
    return { queue, settings, consumers: this.#target, services: this.#services, statistics: this.#statistics }
  }

  /** The queue as it stands now. */
  snapshot(bounds: ScaleBounds): QueueSnapshot {
    const { claimer, ledger } = this.#services
    const { queue } = this.#options
    return {
      queue,
      concurrency: this.#target,
      bounds,
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
