/** The random port: the only source of chance. Tests pass a seeded one. */

import { randomBytes } from 'node:crypto'

/** Where chance comes from. */
export interface Random {
  /** A number from 0 (included) to 1 (excluded). */
  float(): number
  /** `length` random bytes, fit for identifiers that must not collide. */
  bytes(length: number): Uint8Array
}

/** Randomness of the Node.js process. */
export function nodeRandom(): Random {
  return {
    float: () => Math.random(),
    bytes: (length) => randomBytes(length),
  }
}
