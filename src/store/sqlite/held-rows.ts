/**
 * Where the rows of claimed jobs lie: the row number and the queue of each job that this connection has claimed, so that an
 * ack finds its row without the index on the id, and many acks are one statement. Pure bookkeeping: what is forgotten here is
 * found by its id, what is wrong is found out by the lease, and nothing depends on it.
 */

import type { HeldJob } from '../store.ts'

/** The row of a claimed job. Its number never changes while the job has not ended. */
export interface HeldRow {
  readonly seq: number
  readonly queue: string
}

/** See the head of this file. */
export class HeldRows {
  readonly #leases = new Map<string, Map<string, HeldRow>>()

  /** Notes the jobs of a claim and, in the same order, the numbers of their rows. */
  add(jobs: readonly (HeldJob & { readonly queue: string })[], seqs: readonly number[]): void {
    jobs.forEach(({ id, lease, queue }, index) => {
      const seq = seqs[index]
      if (seq === undefined) return
      let held = this.#leases.get(lease)
      if (held === undefined) this.#leases.set(lease, (held = new Map<string, HeldRow>()))
      held.set(id, { seq, queue })
    })
  }

  /** The row of a job that is about to be let go, which is forgotten; null when it is not known. */
  take({ id, lease }: HeldJob): HeldRow | null {
    const held = this.#leases.get(lease)
    const row = held?.get(id)
    if (held === undefined || row === undefined) return null
    held.delete(id)
    if (held.size === 0) this.#leases.delete(lease)
    return row
  }

  /** Forgets everything. */
  clear(): void {
    this.#leases.clear()
  }
}
