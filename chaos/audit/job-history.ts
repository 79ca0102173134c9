/**
 * Follows every job through its transitions, in the order in which they were made, and says where one was not allowed.
 *
 *     insert ─▶ waiting ──claim──▶ held ──end──▶ ended ──operator retries──▶ waiting
 *                  ▲                 │
 *                  └── let go ───────┘      by its holder (retry, snooze, give back), or by a rescue
 */

import type { Transition } from '../places/place.ts'
import type { Violation } from './violations.ts'

/** A claim of a job: from when to when it was held, by whom, and how that ended. */
export interface Claim {
  readonly job: string
  readonly lease: string
  readonly pid: number | undefined
  readonly at: number
  /** In how many crashes in a row the job had been before. */
  readonly crashes: number
  until: number
  /** `set-aside`: a rescue ended the job as failed. */
  end: 'held' | 'let-go' | 'rescued' | 'set-aside' | 'ended'
}

/** What is known of a job after all its transitions. */
export interface JobHistory {
  readonly id: string
  name: string
  args: string
  readonly claims: Claim[]
  /** 1 while it lives; below 0 or above 1 never. */
  living: number
  /** 1 when it has ended. */
  ended: number
  state: string | null
}

/** A node, by what its registration says. */
export interface NodeHistory {
  readonly id: string
  readonly pid: number
  deadAt: number | undefined
}

/** What all transitions come to. */
export interface Histories {
  readonly jobs: ReadonlyMap<string, JobHistory>
  readonly nodes: ReadonlyMap<string, NodeHistory>
  readonly violations: readonly Violation[]
}

const MOST_SKEW_MS = 10 * 60 * 1_000

/** Follows all of them. */
export function followTransitions(transitions: readonly Transition[]): Histories {
  const nodes = new Map<string, NodeHistory>()
  const leases = new Map<string, string>()
  for (const { kind, subject, pid, node, at } of transitions) {
    if (kind === 'node') nodes.set(subject, { id: subject, pid: pid ?? 0, deadAt: undefined })
    if (kind === 'lease' && node !== null) leases.set(subject, node)
    const dead = kind === 'node-dead' ? nodes.get(subject) : undefined
    if (dead !== undefined) dead.deadAt = at
    // One that freed its jobs itself is removed with that; others had no part in it.
    const gone = kind === 'node-gone' ? nodes.get(subject) : undefined
    if (gone !== undefined) gone.deadAt = undefined
  }
  const follower = new Follower(nodes, leases)
  for (const transition of transitions) follower.follow(transition)
  return { jobs: follower.jobs, nodes, violations: follower.violations }
}

class Follower {
  readonly jobs = new Map<string, JobHistory>()
  readonly violations: Violation[] = []
  readonly #nodes: ReadonlyMap<string, NodeHistory>
  readonly #leases: Map<string, string>
  readonly #dead = new Set<string>()

  constructor(nodes: ReadonlyMap<string, NodeHistory>, leases: Map<string, string>) {
    this.#nodes = nodes
    this.#leases = leases
  }

  follow(transition: Transition): void {
    const { kind, subject, at, storedAt } = transition
    if (storedAt !== null && Math.abs(storedAt - at) > MOST_SKEW_MS) {
      this.#report(
        'T1',
        subject,
        `${kind} stored a time ${Math.round(storedAt - at)} ms from the clock of the database`,
      )
    }
    if (kind === 'node-dead') this.#dead.add(subject)
    if (kind === 'node' || kind === 'node-dead' || kind === 'node-gone' || kind === 'lease') return
    const job = this.#job(subject)
    switch (kind) {
      case 'insert':
        job.living += 1
        job.name = transition.name ?? ''
        job.args = transition.args ?? ''
        if (job.living > 1) this.#report('I6', subject, 'was inserted while it lived')
        return
      case 'delete':
        job.living -= 1
        return
      case 'unend':
        job.ended -= 1
        return
      case 'end':
        return this.#end(job, transition)
      case 'change':
        return this.#change(job, transition)
    }
  }

  #change(job: JobHistory, transition: Transition): void {
    const { oldLease, newLease, at } = transition
    const before = transition.oldAttempt ?? 0
    const after = transition.newAttempt ?? 0
    const isCrash = (transition.newCrashes ?? 0) > (transition.oldCrashes ?? 0)
    if (oldLease === null && newLease !== null) {
      const node = transition.node ?? this.#leases.get(newLease)
      if (transition.node !== null) this.#leases.set(newLease, transition.node)
      if (job.claims.some(({ lease }) => lease === newLease))
        this.#report('I4', job.id, `was claimed again under lease ${newLease}`)
      if (after !== before + 1) this.#report('I3', job.id, `a claim turned attempt ${before} into ${after}`)
      if (after > (transition.maxAttempts ?? Infinity))
        this.#report('I3', job.id, `attempt ${after} of ${transition.maxAttempts} began`)
      const pid = node === undefined ? undefined : this.#nodes.get(node)?.pid
      const crashes = transition.newCrashes ?? 0
      job.claims.push({ job: job.id, lease: newLease, pid, at, crashes, until: Infinity, end: 'held' })
      return
    }
    if (oldLease !== null && newLease !== null && oldLease !== newLease) {
      this.#report('I5', job.id, `was claimed under ${newLease} while it was held under ${oldLease}`)
      return
    }
    if (after > before || after < before - 1)
      this.#report('I3', job.id, `attempt ${before} became ${after} without a claim`)
    if (oldLease === null || newLease !== null) return
    if (isCrash) this.#mustBeDead(job.id, oldLease)
    const claim = job.claims.at(-1)
    // What had hardly begun is given back without a crash counted.
    const isRescue = isCrash || this.#dead.has(this.#leases.get(oldLease) ?? '')
    if (claim?.lease === oldLease) Object.assign(claim, { until: at, end: isRescue ? 'rescued' : 'let-go' })
  }

  #end(job: JobHistory, { newLease, state, result, at, node }: Transition): void {
    job.ended += 1
    job.state = state
    if (job.ended > 1) this.#report('I6', job.id, `ended again, as ${String(state)}`)
    const claim = job.claims.at(-1)
    if (claim !== undefined && newLease === null && claim.end === 'held') {
      this.#mustBeDead(job.id, claim.lease)
      Object.assign(claim, { until: at, end: 'set-aside' })
      return
    }
    if (state !== 'completed' && newLease === null) return
    if (claim === undefined || claim.lease !== newLease || claim.end !== 'held') {
      const held = claim === undefined || claim.end !== 'held' ? 'by nobody' : `under ${claim.lease}`
      this.#report(
        'I5',
        job.id,
        `ended as ${String(state)} under lease ${newLease} of node ${node} while it was held ${held}`,
      )
      return
    }
    Object.assign(claim, { until: at, end: 'ended' })
    if (state !== 'completed') return
    const by = executorOf(result)
    if (claim.pid !== undefined && by !== claim.pid) {
      this.#report('I5', job.id, `the result of process ${by} was taken while process ${claim.pid} held it`)
    }
  }

  #mustBeDead(job: string, lease: string): void {
    const node = this.#leases.get(lease)
    if (node !== undefined && !this.#dead.has(node))
      this.#report('I7', job, `was rescued from node ${node}, which nobody had declared dead`)
  }

  #job(id: string): JobHistory {
    const known = this.jobs.get(id)
    if (known !== undefined) return known
    const job: JobHistory = { id, name: '', args: '', claims: [], living: 0, ended: 0, state: null }
    this.jobs.set(id, job)
    return job
  }

  #report(invariant: Violation['invariant'], subject: string, message: string): void {
    this.violations.push({ invariant, subject, message })
  }
}

/** The process whose handler returned this result; program/jobs.mjs puts it there. */
function executorOf(result: string | null): number | undefined {
  try {
    return (JSON.parse(result ?? '') as { readonly by?: number }).by
  } catch {
    return undefined
  }
}
