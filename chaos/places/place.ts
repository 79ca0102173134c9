/** Where the jobs of a run are: a database with triggers that write down every transition in the transaction that makes it. */

import type { NetworkFault } from '../plan.ts'

/** What a trigger wrote down. */
export interface Transition {
  readonly seq: number
  /** By the clock of the database, milliseconds since 1970. */
  readonly at: number
  readonly kind: TransitionKind
  /** The id of the job, of the node, or of the lease. */
  readonly subject: string
  /** The lease that a job is held under before and after; null when nobody holds it. */
  readonly oldLease: string | null
  readonly newLease: string | null
  readonly oldAttempt: number | null
  readonly newAttempt: number | null
  readonly oldCrashes: number | null
  readonly newCrashes: number | null
  readonly maxAttempts: number | null
  readonly name: string | null
  readonly args: string | null
  /** Of an ended job. */
  readonly state: string | null
  readonly result: string | null
  /** Of a claimed job on SQLite, and of a lease on PostgreSQL. */
  readonly node: string | null
  readonly pid: number | null
  /** The time that the runner stored with this transition. */
  readonly storedAt: number | null
}

/**
 * `insert`, `change` and `delete` are of live jobs; `end` and `unend` of completed, cancelled and failed ones; `lease` is a claim
 * on PostgreSQL; `node` registers one, `node-dead` declares it dead, `node-gone` retires it.
 */
export type TransitionKind =
  | 'insert'
  | 'change'
  | 'delete'
  | 'end'
  | 'unend'
  | 'lease'
  | 'node'
  | 'node-dead'
  | 'node-gone'

/** An effect that a job committed in its own transaction. */
export interface Effect {
  readonly job: string
  readonly pid: number
}

/** See the head of this file. */
export interface Place {
  /** What workers and producers open. */
  readonly url: string
  /** A sentence for the report. */
  readonly description: string
  /** Makes the triggers; the schema of the runner is there. */
  watch(): Promise<void>
  /** How many jobs have not ended. */
  unfinished(): Promise<number>
  /** Whether somebody holds the database so that nobody else can write. */
  isLocked(): Promise<boolean>
  transitions(): Promise<readonly Transition[]>
  effects(): Promise<readonly Effect[]>
  /** Kills the server and answers when it takes connections again; absent where there is none. */
  killServer?(): Promise<void>
  /** Disturbs the way to the server for that long; absent where there is none. Answers what was disturbed. */
  disturb?(fault: NetworkFault, forMs: number): Promise<string>
  close(): Promise<void>
}
