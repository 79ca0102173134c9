/** What the thread of a store tells its main thread through memory that both see: also while either of them is blocked. */

import { processTime } from '../host/clock.ts'

/**
 * What the thread that beats and the one whose node it is must know of each other: when a beat was confirmed last, and until
 * when the node vouches for itself.
 */
export class BeatMark {
  /** To be handed to the other thread. */
  readonly memory: SharedArrayBuffer
  /** Microseconds of {@link processTime}; 0 is never for the beat, and always for the word. */
  readonly #times: BigInt64Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(16)) {
    this.memory = memory
    this.#times = new BigInt64Array(memory)
  }

  /** A beat was confirmed that was sent `agoMs` milliseconds ago. */
  confirm(agoMs: number): void {
    Atomics.store(this.#times, CONFIRMED, toMicros(processTime() - agoMs))
  }

  /** For how long no beat has been confirmed, in milliseconds; Infinity when none ever was. */
  silenceMs(): number {
    const at = Atomics.load(this.#times, CONFIRMED)
    return at === 0n ? Infinity : Math.max(0, processTime() - Number(at) / 1_000)
  }

  /** The node vouches for itself for so long from now. */
  vouch(forMs: number): void {
    Atomics.store(this.#times, VOUCHED, toMicros(processTime() + forMs))
  }

  /** Whether the node still vouches for itself; one that never spoke does. */
  isVouched(): boolean {
    const until = Atomics.load(this.#times, VOUCHED)
    return until === 0n || toMicros(processTime()) < until
  }
}

const CONFIRMED = 0
const VOUCHED = 1

function toMicros(ms: number): bigint {
  return BigInt(Math.round(ms * 1_000))
}

/** One answer, yes or no, that somebody waits for without letting go of its thread. */
export class BlockingAnswer {
  /** To be handed to the other thread. */
  readonly memory: SharedArrayBuffer
  readonly #answer: Int32Array

  constructor(memory: SharedArrayBuffer = new SharedArrayBuffer(4)) {
    this.memory = memory
    this.#answer = new Int32Array(memory)
  }

  give(isYes: boolean): void {
    Atomics.store(this.#answer, 0, isYes ? YES : NO)
    Atomics.notify(this.#answer, 0)
  }

  /** Blocks the thread until the answer is there; no answer after `limitMs` milliseconds is a no. */
  wait(limitMs: number): boolean {
    Atomics.wait(this.#answer, 0, 0, limitMs)
    return Atomics.load(this.#answer, 0) === YES
  }
}

const YES = 1
const NO = 2
