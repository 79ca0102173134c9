/**
 * MinHash: a short sketch of a long list of tokens. The share of places in which two sketches are equal estimates which share
 * of their runs of tokens two files have in common.
 */

import { fnv1a } from '../../host/fnv1a.ts'

/** How many numbers a sketch has: the estimate is then off by about 1/√512, four percent. */
export const SKETCH_LENGTH = 512
/** How many tokens in a row are compared. */
const RUN_LENGTH = 5

/** Options of {@link sketch}. */
export interface SketchOptions {
  /** Called now and then with the share that is done, 0 to 1, so that other work gets its turn. */
  readonly pause: (done: number) => Promise<void>
}

/** After so many runs of tokens others get their turn: a few milliseconds of work. */
const RUNS_PER_TURN = 2_000

/** The sketch of a list of tokens. Real work: each run of tokens is hashed once and then permuted 512 times. */
export async function sketch(tokens: readonly string[], { pause }: SketchOptions): Promise<number[]> {
  const least = new Uint32Array(SKETCH_LENGTH).fill(0xffffffff)
  const hashes = Uint32Array.from(tokens, fnv1a)
  const runs = Math.max(1, hashes.length - RUN_LENGTH + 1)
  for (let start = 0; start < runs; start++) {
    if (start > 0 && start % RUNS_PER_TURN === 0) await pause(start / runs)
    let run = 0
    for (let index = start; index < Math.min(start + RUN_LENGTH, hashes.length); index++) {
      run = Math.imul(run, 0x01000193) ^ (hashes[index] ?? 0)
    }
    for (let place = 0; place < SKETCH_LENGTH; place++) {
      const hash = permuted(run, place)
      if (hash < (least[place] ?? 0)) least[place] = hash
    }
  }
  return [...least]
}

/** How alike two files are, 0 to 1, by their sketches. */
export function similarity(a: readonly number[], b: readonly number[]): number {
  let equal = 0
  for (let place = 0; place < SKETCH_LENGTH; place++) if (a[place] === b[place]) equal++
  return equal / SKETCH_LENGTH
}

/** The finalizer of MurmurHash3 with the place mixed in: a different permutation of all 32-bit numbers for each place. */
function permuted(value: number, place: number): number {
  let hash = value ^ Math.imul(place + 1, 0x9e3779b1)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
