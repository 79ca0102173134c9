/** What the audit may find. */

/** The promises, as docs/guides/reliability.md gives them in words. */
export const INVARIANTS = {
  I1: 'no loss: what was confirmed ends',
  I2: 'no phantom: every job was intended',
  I3: 'attempts: only a claim counts one, and never beyond the most',
  I4: 'leases: none is used again, and nothing starts without one',
  I5: 'fence: only the holder of the lease moves a job',
  I6: 'one ending: a job ends once in each life',
  I7: 'rescue: only what a dead node held',
  I8: 'progress: all jobs end soon after the faults do',
  I9: 'effects: one for a completed job, none for another',
  L1: 'concurrency: no more handlers at once than allowed',
  N1: 'death: no node is declared dead that was neither killed nor stopped',
  N2: 'life: no process ends by itself, and all end when told to',
  T1: 'time: no stored time comes from the clock of a worker',
} as const

/** See {@link INVARIANTS}. */
export type Invariant = keyof typeof INVARIANTS

/** A promise that was broken. */
export interface Violation {
  readonly invariant: Invariant
  /** The job, node or process. */
  readonly subject: string
  readonly message: string
}
