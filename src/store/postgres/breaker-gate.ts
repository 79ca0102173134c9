/** What the claims of a node know of circuit breakers that are open, half-open, or have left parked jobs behind. */

import { breakerKey, isBlocking, type BreakerId } from '../../job/breaker.ts'
import type { ActiveBreaker } from './statements/breakers.ts'
import type { KeptBackJobs } from './statements/claim-jobs.ts'

/** See the head of this file. What it knows is as of one moment; `known` is the number of that moment. */
export class BreakerGate {
  readonly known: number
  readonly #readAt: number
  readonly #active: Map<string, ActiveBreaker>

  /** @param readAt When it was read, on a monotonic clock. */
  constructor(known: number, active: readonly ActiveBreaker[], readAt: number) {
    this.known = known
    this.#readAt = readAt
    this.#active = new Map(active.map((one) => [breakerKey(one.id), one]))
  }

  /** What is kept back in these queues; null when nothing is. */
  keptBackIn(queues: readonly string[]): KeptBackJobs | null {
    const blocking = this.#in(queues).filter(isBlocking)
    if (blocking.length === 0) return null
    const of = (by: BreakerId['by']): KeptBackJobs['names'] => blocking.flatMap(({ id }) => (id.by === by ? [id] : []))
    return { names: of('name'), keys: of('key') }
  }

  /** The breaker that keeps a row back; null when none does. */
  blockerOf(row: { readonly queue: string; readonly name: string; readonly key: string | null }): BreakerId | null {
    if (this.#active.size === 0) return null
    const byName = this.#blocking({ queue: row.queue, by: 'name', subject: row.name })
    return byName ?? (row.key === null ? null : this.#blocking({ queue: row.queue, by: 'key', subject: row.key }))
  }

  /** Those that were open long enough. */
  due(queues: readonly string[], now: number): readonly BreakerId[] {
    const isDue = ({ dueInMs }: ActiveBreaker): boolean => dueInMs !== null && this.#readAt + dueInMs <= now
    return this.#in(queues).flatMap((one) => (isDue(one) ? [one.id] : []))
  }

  /** When the next is due, from now; null when none will be. */
  dueInMs(queues: readonly string[], now: number): number | null {
    const times = this.#in(queues).flatMap(({ dueInMs }) => (dueInMs === null ? [] : [this.#readAt + dueInMs - now]))
    return times.length === 0 ? null : Math.max(0, Math.min(...times))
  }

  /** Those that may let probes through. */
  halfOpen(queues: readonly string[]): readonly BreakerId[] {
    return this.#in(queues).flatMap(({ id, state }) => (state === 'half-open' ? [id] : []))
  }

  isHalfOpen(id: BreakerId): boolean {
    return this.#active.get(breakerKey(id))?.state === 'half-open'
  }

  /** Those that have closed and may have left parked jobs behind. */
  toRelease(queues: readonly string[]): readonly BreakerId[] {
    return this.#in(queues).flatMap((one) => (!isBlocking(one) && one.hasParked ? [one.id] : []))
  }

  /** All jobs that it has left behind are ready again. */
  released(id: BreakerId): void {
    this.#active.delete(breakerKey(id))
  }

  #in(queues: readonly string[]): readonly ActiveBreaker[] {
    if (this.#active.size === 0) return []
    return [...this.#active.values()].filter(({ id }) => queues.includes(id.queue))
  }

  #blocking(id: BreakerId): BreakerId | null {
    const known = this.#active.get(breakerKey(id))
    return known !== undefined && isBlocking(known) ? id : null
  }
}
