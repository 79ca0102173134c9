/** The random port: the only source of chance. Tests pass a seeded one. */

import { randomFillSync } from 'node:crypto'

/** Where chance comes from. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  float(): number
  /** `length` random bytes, fit for identifiers that must not collide. They are the caller's own. */
  bytes(length: number): Uint8Array
}

/** Drawn from the system at a time: a call costs as much as a thousand bytes of it. */
const POOL_BYTES = 4096

/** Randomness of the Node.js process. */
export function nodeRandom(): Random {
  let pool = new Uint8Array(0)
  let taken = 0
  return {
    float: () => Math.random(),
    bytes: (length) => {
      if (taken + length > pool.length) {
        // A new pool each time: what was handed out before is never written again.
        pool = randomFillSync(new Uint8Array(Math.max(length, POOL_BYTES)))
        taken = 0
      }
      taken += length
      return pool.subarray(taken - length, taken)
    },
  }
}
