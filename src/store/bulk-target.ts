/** What the operator's verbs of every store have in common: which jobs they are about, and in which states they change them. */

import type { JobState } from '../job/job.ts'

/** Jobs chosen before the write begins, so that looking for them holds no lock. */
export interface Chosen {
  readonly ids: readonly string[]
  readonly isNamed: boolean
  readonly mayHaveMore: boolean
}

/** The states in which each of these verbs changes jobs. */
export const OPERATED_STATES: Readonly<Record<'retry' | 'cancel' | 'delete', readonly JobState[]>> = {
  retry: ['failed', 'cancelled'],
  cancel: ['scheduled', 'queued', 'running'],
  delete: ['scheduled', 'queued', 'completed', 'failed', 'cancelled'],
}
