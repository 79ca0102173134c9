/**
 * The contract of a library that runs in Node. A module in contenders/ exports one contender; each cell is measured in a process
 * of its own. The modules are `.mjs`, as their packages are installed on the first benchmark only.
 */

import type { Topology } from './cell.ts'

/** A library with its settings. */
export interface StreamContender {
  /** The npm packages whose versions are printed; none for what Node brings. */
  readonly packages: readonly string[]
  /** The settings in words, and what it does differently. */
  readonly settings: string
  /** Why it cannot do a topology, by the name of that. */
  readonly cannot: Readonly<Record<string, string>>
  /** Runs one pipeline to its end: the producer counts from 0, and `tally` is told of each event by its consumer. */
  run(topology: Topology, maxDemand: number, events: number, tally: Tally): Promise<void>
}

/** What the consumers add up. 32 bits wrap around, so that the sum costs the same however long the run is. */
export class Tally {
  #count = 0
  #sum = 0

  /** How many events were added. */
  get count(): number {
    return this.#count
  }

  add(event: number): void {
    this.#count++
    this.#sum = (this.#sum + event) | 0
  }

  addAll(events: readonly number[]): void {
    let sum = this.#sum
    for (const event of events) sum = (sum + event) | 0
    this.#sum = sum
    this.#count += events.length
  }

  /** Throws unless every event from 0 on was added once, after `steps` additions of 1. */
  check(events: number, steps: number): void {
    const sum = Number(BigInt.asIntN(32, (BigInt(events) * BigInt(events - 1)) / 2n + BigInt(steps) * BigInt(events)))
    if (this.#count === events && this.#sum === sum) return
    throw new Error(`${events} events add up to ${sum}, but ${this.#count} came and added up to ${this.#sum}`)
  }
}
