/**
 * Parks what breakers keep back, in portions, one after the other: a claim that has met very many such jobs need not wait for
 * that. A crash or an error loses nothing: what is not parked is met again.
 */

import { parkKeptBack, type KeptBack } from './statements/breakers.ts'
import type { Lane } from './database.ts'

/** So many are parked in one transaction. */
const PORTION = 2_000

/** See the head of this file. */
export class Parking {
  readonly #lane: Lane
  /** What waits, by the place in the order, which is never given twice. */
  readonly #waiting = new Map<number, KeptBack>()
  #underWay: Promise<void> | null = null

  constructor(lane: Lane) {
    this.#lane = lane
  }

  /** Takes rows; those that wait already are taken once. Answers when all are parked, or it failed. */
  add(rows: readonly KeptBack[]): Promise<void> {
    for (const row of rows) this.#waiting.set(row.seq, row)
    return (this.#underWay ??= this.#park().finally(() => (this.#underWay = null)))
  }

  async #park(): Promise<void> {
    while (this.#waiting.size > 0) {
      const portion = [...this.#waiting.values()].slice(0, PORTION)
      try {
        await this.#lane.transaction((db) => parkKeptBack(db, portion))
      } catch (error) {
        this.#waiting.clear()
        throw error
      }
      for (const { seq } of portion) this.#waiting.delete(seq)
    }
  }
}
