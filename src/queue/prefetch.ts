/**
 * How many jobs to hold ahead of demand, so that what the consumers of a queue will need in the next 20 ms, at their present
 * pace, is in hand whenever a claim is sent: twice that much, because the hand is filled up when it is half empty. Pure: time
 * comes in as an argument.
 *
 * The pace is what the consumers could do, not what they were given: by Little's law, slots divided by how long a job keeps a
 * slot. So it is right after the first few jobs, although those came one small claim after another. How long a job keeps a
 * slot is measured over the last ends of jobs: the time that all slots together were taken, divided by the ends in it. While
 * no job ends that time grows, so the pace falls by itself when handlers become slow.
 */

/** How far ahead the need is reckoned. */
const HORIZON_MS = 20
/** The hand is filled up to so many times the need. */
const NEEDS_IN_HAND = 2
/** Jobs that keep a slot for longer are not held at all: a claim for each costs them next to nothing. */
const SLOW_MS = 100
/**
 * The most to hold. Filled up when it is half empty, that makes claims of one to two thousand jobs at most: from there on a
 * claim of twice the size costs nearly twice as much, and only what a crash would have to hand back still grows.
 */
export const MOST_AHEAD = 4_000
/** What ended longer ago fades, and is forgotten when all consumers were idle since: the next jobs may be others. */
const MEMORY_MS = 100
/** What ended before so many others fades too. */
const MEMORY_ENDS = 1_000
/** At least so many ends are remembered, however long ago they were: fewer say little. */
const FEWEST_ENDS = 16

/** The pace of the consumers of one queue, and what they will need of jobs. */
export class Pace {
  #slots = 0
  #fewestEnds = FEWEST_ENDS
  /** Time for which slots were taken, for the ends that are remembered. */
  #takenMs = 0
  #ends = 0
  #taken = 0
  #at = 0

  /** @param slots How many jobs the consumers can hold together. */
  constructor(slots: number) {
    this.resize(slots)
  }

  /** Consumers came or left: they can hold so many jobs now. */
  resize(slots: number): void {
    this.#slots = slots
    // Jobs that began together also end together, and then say nothing of the time between.
    this.#fewestEnds = Math.max(FEWEST_ENDS, 2 * slots)
  }

  /**
   * Notes how the consumers stand.
   *
   * @param now Monotonic time in milliseconds.
   * @param taken How many slots hold a job from now on.
   * @param ended How many jobs have ended since the last note.
   */
  note(now: number, taken: number, ended: number): void {
    const sinceMs = now - this.#at
    const kept = this.#keptAfter(sinceMs, ended)
    this.#ends = this.#ends * kept + ended
    this.#takenMs = this.#takenMs * kept + sinceMs * this.#taken
    this.#taken = taken
    this.#at = now
  }

  /** How many jobs to hold ahead of demand now: 0 to {@link MOST_AHEAD}. */
  ahead(now: number): number {
    const sinceMs = now - this.#at
    if (this.#ends === 0 || (this.#taken === 0 && sinceMs > MEMORY_MS)) return 0
    const kept = this.#keptAfter(sinceMs, 0)
    const takenMs = this.#takenMs * kept + sinceMs * this.#taken
    const slotMs = takenMs / (this.#ends * kept)
    if (slotMs > SLOW_MS) return 0
    return Math.floor(Math.min(MOST_AHEAD, (NEEDS_IN_HAND * HORIZON_MS * this.#slots) / slotMs))
  }

  /** Which part of what is remembered is still worth something after a time in which other jobs ended. */
  #keptAfter(ms: number, ended: number): number {
    if (this.#ends <= this.#fewestEnds) return 1
    return Math.max(this.#fewestEnds / this.#ends, 1 - ms / MEMORY_MS - ended / MEMORY_ENDS)
  }
}
