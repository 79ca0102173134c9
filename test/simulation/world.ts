/**
 * The world of a simulation: one virtual time, one source of chance, one log of events. Everything that happens is an event in
 * it, and between two events all that needs no time settles; so a seed gives one history, and gives it again.
 */

import type { Random, Timer } from '../../src/host/host.ts'
import { seededRandom } from '../support/test-host.ts'

interface Event {
  readonly at: number
  /** Of two events at one time, the one that was planned first. */
  readonly place: number
  readonly run: () => void
  isCancelled: boolean
}

/** See the head of this file. */
export class World {
  readonly random: Random
  readonly log: string[] = []
  readonly #heap: Event[] = []
  #now = 0
  #planned = 0

  constructor(seed: number) {
    this.random = seededRandom(seed)
  }

  /** Milliseconds since the simulation began. */
  get now(): number {
    return this.#now
  }

  /** Writes a line of the log. */
  note(text: string): void {
    this.log.push(`${this.#now.toFixed(3)} ${text}`)
  }

  /** Plans an event in `ms` milliseconds. */
  in(ms: number, run: () => void): Timer {
    this.#planned += 1
    const event: Event = { at: this.#now + Math.max(0, ms), place: this.#planned, run, isCancelled: false }
    this.#push(event)
    return { cancel: () => void (event.isCancelled = true) }
  }

  /** Resolves in `ms` milliseconds. */
  pass(ms: number): Promise<void> {
    return new Promise((resolve) => this.in(ms, resolve))
  }

  /** Lets one event after the other happen until `isOver` says so, or nothing is planned before `until`. */
  async run(until: number, isOver: () => boolean): Promise<void> {
    await turn()
    while (!isOver()) {
      const event = this.#pop(until)
      if (event === undefined) {
        this.#now = Math.max(this.#now, until)
        return
      }
      if (event.isCancelled) continue
      this.#now = event.at
      event.run()
      await turn()
    }
  }

  // ── chance ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  chance(probability: number): boolean {
    return this.random.float() < probability
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.random.float()
  }

  /** A whole number, both ends included. */
  whole(low: number, high: number): number {
    return low + Math.floor((high - low + 1) * this.random.float())
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[Math.floor(this.random.float() * choices.length)]
    if (choice === undefined) throw new Error('nothing to choose from')
    return choice
  }

  // ── a binary heap ──────────────────────────────────────────────────────────────────────────────────────────────────

  #push(event: Event): void {
    const heap = this.#heap
    let index = heap.push(event) - 1
    while (index > 0) {
      const parent = (index - 1) >> 1
      const above = heap[parent]
      if (above === undefined || !isEarlier(event, above)) break
      heap[index] = above
      index = parent
    }
    heap[index] = event
  }

  #pop(until: number): Event | undefined {
    const heap = this.#heap
    const [first] = heap
    if (first === undefined || first.at > until) return undefined
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      const left = heap[child]
      const right = heap[child + 1]
      if (left === undefined) break
      let lower = left
      if (right !== undefined && isEarlier(right, left)) {
        lower = right
        child += 1
      }
      if (!isEarlier(lower, last)) break
      heap[index] = lower
      index = child
    }
    heap[index] = last
    return first
  }
}

function isEarlier(one: Event, other: Event): boolean {
  return one.at < other.at || (one.at === other.at && one.place < other.place)
}

/** A turn of the real event loop, before which every promise that can go on has gone on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
