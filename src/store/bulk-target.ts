/** What the operator's verbs of every store have in common: which jobs they are about, and in which states they change them. */

/** Jobs chosen before the write begins, so that looking for them holds no lock. */
export interface Chosen {
  readonly ids: readonly string[]
  readonly isNamed: boolean
  readonly mayHaveMore: boolean
}

/** The states in which a verb changes jobs. */
export const RETRIED_STATES = ['failed', 'cancelled'] as const
/** See {@link RETRIED_STATES}. */
export const CANCELLED_STATES = ['scheduled', 'queued', 'running'] as const
/** See {@link RETRIED_STATES}. */
export const DELETED_STATES = ['scheduled', 'queued', 'completed', 'failed', 'cancelled'] as const
