/**
 * The autoscaling of one node: keeps the bounds of its queues, looks once a second at those of which the number of consumers
 * may change, and does what `autoscaler.ts` decides.
 *
 *     bounds (configuration, or stored by an operator) ──▶ target ──▶ the branch starts and ends consumers
 *                                                            ▲
 *     figures ──every second──▶ decide ──────────────────────┘──▶ kept, and told
 *
 * The figures are the node's own, but for what waits in the store. That is asked only when consumers are not known to get all
 * that waits, and not more often than every two seconds, for all queues in one call. Where the number is fixed nothing is
 * looked at.
 */

import type { Host, Timer } from '../host/host.ts'
import { LoopLag } from '../host/loop-lag.ts'
import type { Backlog, ScaleBounds, Store } from '../store/store.ts'
import { decide, NEW_SCALER, type ScaleReason, type ScalerState } from './autoscaler.ts'
import { RecentWaits } from './recent-waits.ts'

/** A decision that was kept: a change, or why there was none although one was wanted. */
export interface ScaleDecision {
  /** Milliseconds since 1970 by this node's clock. */
  readonly at: number
  /** How many consumers there were, and how many there are to be. */
  readonly from: number
  readonly to: number
  readonly reason: ScaleReason
  /** The reason as a sentence, with its figures. */
  readonly detail: string
}

/** How the number of consumers of a queue stands on this node. */
export interface Scaling extends ScaleBounds {
  /** How many consumers there are to be now. */
  readonly target: number
  /** How many there are. */
  readonly consumers: number
  /** The last decisions, oldest first; at most 100. */
  readonly decisions: readonly ScaleDecision[]
}

/** The consumers of a queue, as their scaling sees them. */
export interface ScalableBranch {
  /** How many consumers there are. */
  readonly consumers: number
  /** The most that were busy at the same time since the last call. */
  takeMostBusy(): number
  /** From now on so many: missing ones are started, idle ones end until there are no more than that. */
  scaleTo(target: number): void
}

/** What autoscaling needs. */
export interface AutoscalingOptions {
  readonly store: Pick<Store, 'readBacklogs'>
  /** The bounds of the configuration. */
  readonly configured: (queue: string) => ScaleBounds
  /** Whether consumers of the queue want jobs and the store had none, when it was asked last. */
  readonly isDry: (queue: string) => boolean
  /** Whether the store has answered lately; what the node knows of a queue counts only then. */
  readonly isStoreHeard: () => boolean
  readonly onDecision: (queue: string, decision: ScaleDecision) => void
  readonly onError: (error: unknown) => void
}

const LOOK_EVERY_MS = 1_000
const ASK_EVERY_MS = 2_000
/** What the store said longer ago is not known any more. */
const OUTDATED_MS = 6_000
const MOST_KEPT = 100
const NEWS_AFTER_MS = 60_000

interface ScaledQueue {
  branch: ScalableBranch | undefined
  bounds: ScaleBounds
  target: number
  state: ScalerState
  readonly waits: RecentWaits
  readonly decisions: ScaleDecision[]
  /** Why a change that was wanted was last not made, and when: the same again is no news for a while. */
  held: { readonly reason: ScaleReason; readonly at: number } | null
}

/** See the head of this file. One per node. */
export class Autoscaling {
  readonly #host: Host
  readonly #options: AutoscalingOptions
  readonly #queues = new Map<string, ScaledQueue>()
  readonly #lag: LoopLag
  #stored: ReadonlyMap<string, ScaleBounds> = new Map()
  #backlogs: ReadonlyMap<string, Backlog> = new Map()
  #askedAt = -Infinity
  #backlogsAt = -Infinity
  #timer: Timer | undefined
  #isStopped = false
  #underWay: Promise<void> = Promise.resolve()

  constructor(host: Host, options: AutoscalingOptions) {
    this.#host = host
    this.#options = options
    this.#lag = new LoopLag(host.clock)
  }

  /** How many consumers a queue begins with. */
  targetOf(queue: string): number {
    return this.#queue(queue).target
  }

  boundsOf(queue: string): ScaleBounds {
    return this.#queue(queue).bounds
  }

  /** A branch is there. */
  add(queue: string, branch: ScalableBranch): void {
    const scaled = this.#queue(queue)
    scaled.branch = branch
    branch.scaleTo(scaled.target)
    this.#lookLater()
  }

  /** What operators have stored; what is not among it is as configured. Brings all branches to where they should be. */
  setStored(scales: readonly ({ readonly queue: string } & ScaleBounds)[]): void {
    this.#stored = new Map(scales.map(({ queue, min, max }) => [queue, { min, max }]))
    for (const [queue, scaled] of this.#queues) {
      const { min, max } = this.#boundsOf(queue)
      scaled.bounds = { min, max }
      if (scaled.target < min || scaled.target > max) this.#look(queue, scaled, { loopLagMs: null, backlog: null })
      // Also where a crash has changed the number since.
      scaled.branch?.scaleTo(scaled.target)
    }
    this.#lookLater()
  }

  /** A job of the queue begins that has waited so long. */
  noteWait(queue: string, waitMs: number): void {
    const scaled = this.#queues.get(queue)
    if (scaled !== undefined && isRange(scaled.bounds)) scaled.waits.note(this.#host.clock.monotonic(), waitMs)
  }

  /** How a queue stands. */
  scalingOf(queue: string): Scaling {
    const { bounds, target, branch, decisions } = this.#queue(queue)
    return { ...bounds, target, consumers: branch?.consumers ?? 0, decisions: [...decisions] }
  }

  /** Decides nothing any more. Resolves when the store is not asked any more either. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    this.#lag.stop()
    await this.#underWay
  }

  #queue(queue: string): ScaledQueue {
    const known = this.#queues.get(queue)
    if (known !== undefined) return known
    const bounds = this.#boundsOf(queue)
    const scaled: ScaledQueue = {
      branch: undefined,
      bounds,
      target: bounds.min,
      state: NEW_SCALER,
      waits: new RecentWaits(),
      decisions: [],
      held: null,
    }
    this.#queues.set(queue, scaled)
    return scaled
  }

  #boundsOf(queue: string): ScaleBounds {
    return this.#stored.get(queue) ?? this.#options.configured(queue)
  }

  #ranges(): [string, ScaledQueue][] {
    return [...this.#queues].filter(([, { bounds, branch }]) => branch !== undefined && isRange(bounds))
  }

  #lookLater(): void {
    if (this.#isStopped || this.#timer !== undefined) return
    if (this.#ranges().length === 0) return this.#lag.stop()
    this.#lag.start()
    this.#timer = this.#host.clock.after(
      LOOK_EVERY_MS,
      () => {
        this.#underWay = this.#lookAtAll().finally(() => {
          this.#timer = undefined
          this.#lookLater()
        })
      },
      { keepAlive: false },
    )
  }

  async #lookAtAll(): Promise<void> {
    const loopLagMs = this.#lag.takeMostMs()
    const ranges = this.#ranges()
    const queues = ranges.map(([queue]) => queue)
    if (!queues.every((queue) => this.#options.isDry(queue))) await this.#askStore(queues)
    if (this.#isStopped) return
    for (const [queue, scaled] of ranges) {
      this.#look(queue, scaled, { loopLagMs, backlog: this.#backlogOf(queue) })
      scaled.branch?.scaleTo(scaled.target)
    }
  }

  async #askStore(queues: readonly string[]): Promise<void> {
    const now = this.#host.clock.monotonic()
    if (now - this.#askedAt < ASK_EVERY_MS) return
    this.#askedAt = now
    try {
      const backlogs = await this.#options.store.readBacklogs(queues)
      this.#backlogs = new Map(backlogs.map((backlog, index) => [queues[index] ?? '', backlog]))
      this.#backlogsAt = this.#host.clock.monotonic()
    } catch (error) {
      this.#options.onError(error)
    }
  }

  /** What waits in a queue, as far as that is known. */
  #backlogOf(queue: string): Backlog | null {
    if (!this.#options.isStoreHeard()) return null
    // Its consumers wait for jobs: whatever comes is theirs.
    if (this.#options.isDry(queue)) return { depth: 0, oldestAgeMs: null }
    const isCurrent = this.#host.clock.monotonic() - this.#backlogsAt <= OUTDATED_MS
    return isCurrent ? (this.#backlogs.get(queue) ?? null) : null
  }

  #look(
    queue: string,
    scaled: ScaledQueue,
    seen: { readonly loopLagMs: number | null; readonly backlog: Backlog | null },
  ): void {
    const at = this.#host.clock.monotonic()
    const from = scaled.target
    const { target, reason, detail, state } = decide(
      {
        at,
        bounds: scaled.bounds,
        consumers: from,
        busy: scaled.branch?.takeMostBusy() ?? 0,
        depth: seen.backlog?.depth ?? null,
        oldestAgeMs: seen.backlog?.oldestAgeMs ?? null,
        waitP95Ms: scaled.waits.p95(at),
        loopLagMs: seen.loopLagMs,
      },
      scaled.state,
    )
    scaled.state = state
    scaled.target = target
    if (target === from) {
      if (reason === 'steady') return
      const { held } = scaled
      scaled.held = { reason, at }
      if (held?.reason === reason && at - held.at < NEWS_AFTER_MS) return
    }
    const decision: ScaleDecision = { at: this.#host.clock.now(), from, to: target, reason, detail }
    scaled.decisions.push(decision)
    if (scaled.decisions.length > MOST_KEPT) scaled.decisions.shift()
    this.#options.onDecision(queue, decision)
  }
}

function isRange({ min, max }: ScaleBounds): boolean {
  return min < max
}
