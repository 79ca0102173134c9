/**
 * Notices the changes of circuit breakers, whoever made them, from what the store tells of all that have ever changed: each
 * change is told once. Changes from before the first look are not told.
 */

import { breakerKey, type BreakerChange } from '../job/breaker.ts'
import { BREAKER_CAP, type BreakerRecord } from '../store/store.ts'

/** A change, as far as later ones are told from it. */
type Seen = Pick<BreakerChange, 'version' | 'at'>

const NOTHING: Seen = { version: 0, at: 0 }

/** See the head of this file. One per node. */
export class BreakerWatch {
  readonly #onChange: (breaker: BreakerRecord, change: BreakerChange) => void
  /** The last change of each that was told, or was there before. */
  #seen: Map<string, Seen> | null = null

  constructor(onChange: (breaker: BreakerRecord, change: BreakerChange) => void) {
    this.#onChange = onChange
  }

  /** All that the store knows. */
  seeAll(breakers: readonly BreakerRecord[]): void {
    if (this.#seen === null) {
      this.#seen = new Map(breakers.map((breaker) => [breakerKey(breaker), lastOf(breaker)]))
      return
    }
    this.see(breakers)
    // One that is missing was forgotten, unless there are more than are told: then it may come back with the same changes.
    if (breakers.length >= BREAKER_CAP) return
    const keys = new Set(breakers.map(breakerKey))
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key)
  }

  /** Some, which may be newer than what was seen. */
  see(breakers: readonly BreakerRecord[]): void {
    this.#seen ??= new Map()
    for (const breaker of breakers) {
      const key = breakerKey(breaker)
      const seen = this.#seen.get(key) ?? NOTHING
      const last = lastOf(breaker)
      if (!isAfter(last, seen)) continue
      this.#seen.set(key, last)
      for (const change of breaker.changes) if (isAfter(change, seen)) this.#onChange(breaker, change)
    }
  }
}

function lastOf({ changes }: BreakerRecord): Seen {
  return changes.at(-1) ?? NOTHING
}

/** A breaker that was forgotten counts its versions anew; a clock that was set back is no earlier version. */
function isAfter(change: Seen, seen: Seen): boolean {
  return change.version > seen.version || change.at > seen.at
}
