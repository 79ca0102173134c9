/**
 * The leases that this process holds, with the jobs under each and the places where the claim has left their rows: so that
 * the row of a lease goes with its last job, in the statement that ends it, and the row of a job is found without an index.
 * Pure bookkeeping: a lease that is forgotten here is pruned, a place that is wrong is found out, and nothing depends on it.
 */

import type { ClaimedJob } from '../../job/job.ts'
import type { HeldJob } from '../store.ts'

/** Where the row of a job lies, and its number in the ready index, which tells whether it is still that row. */
export interface HeldPlace {
  readonly place: string
  readonly seq: number
}

interface Lease {
  readonly node: string
  /** The place of each job's row, by the job's id; null when it is unknown. */
  readonly jobs: Map<string, HeldPlace | null>
}

/** See the head of this file. */
export class HeldLeases {
  readonly #leases = new Map<string, Lease>()

  /** Notes the jobs of a claim, all of which are under one lease. */
  add(node: string, jobs: readonly (HeldPlace & { readonly job: ClaimedJob })[]): void {
    for (const taken of jobs) {
      const { id, lease } = taken.job
      let held = this.#leases.get(lease)
      if (held === undefined) this.#leases.set(lease, (held = { node, jobs: new Map() }))
      held.jobs.set(id, taken)
    }
  }

  /** Whether any job is known to be held under the lease. */
  has(lease: string): boolean {
    return this.#leases.has(lease)
  }

  /** Whether the job is known to be held under its lease. */
  isHeld({ id, lease }: HeldJob): boolean {
    return this.#leases.get(lease)?.jobs.has(id) === true
  }

  /** Where the row of the job lies; null when that is not known. */
  placeOf({ id, lease }: HeldJob): HeldPlace | null {
    return this.#leases.get(lease)?.jobs.get(id) ?? null
  }

  /** Notes that the rows of jobs are about to be changed, which moves them. */
  touch(held: readonly HeldJob[]): void {
    for (const { id, lease } of held) {
      const jobs = this.#leases.get(lease)?.jobs
      if (jobs?.has(id) === true) jobs.set(id, null)
    }
  }

  /** The node that holds the jobs, as far as this process knows. */
  nodeOf(held: readonly HeldJob[]): string | null {
    for (const { lease } of held) {
      const found = this.#leases.get(lease)
      if (found !== undefined) return found.node
    }
    return null
  }

  /** The leases under which nothing is left once these jobs are gone. */
  endedBy(held: readonly HeldJob[]): readonly string[] {
    const going = new Map<string, number>()
    const seen = new Set<string>()
    for (const { id, lease } of held) {
      if (seen.has(id) || this.#leases.get(lease)?.jobs.has(id) !== true) continue
      seen.add(id)
      going.set(lease, (going.get(lease) ?? 0) + 1)
    }
    return [...going].flatMap(([lease, count]) => (this.#leases.get(lease)?.jobs.size === count ? [lease] : []))
  }

  /** Forgets jobs that are gone. */
  remove(held: readonly HeldJob[]): void {
    for (const { id, lease } of held) {
      const found = this.#leases.get(lease)
      if (found?.jobs.delete(id) === true && found.jobs.size === 0) this.#leases.delete(lease)
    }
  }

  /** Forgets all that a node held. */
  forget(node: string): void {
    for (const [lease, held] of this.#leases) if (held.node === node) this.#leases.delete(lease)
  }
}
