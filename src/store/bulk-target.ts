/** What the operator's verbs of every store have in common: which jobs they are about, and in which states they change them. */

import type { JobState } from '../job/job.ts'
import type { RetrySpread } from './store.ts'

/** Jobs chosen before the write begins, so that looking for them holds no lock. */
export interface Chosen {
  readonly ids: readonly string[]
  readonly isNamed: boolean
  /** Where to go on, if there are more. */
  readonly next: string | null
}

/** The states in which each of these verbs changes jobs. */
export const OPERATED_STATES: Readonly<Record<'retry' | 'cancel' | 'delete', readonly JobState[]>> = {
  retry: ['failed', 'cancelled'],
  cancel: ['scheduled', 'queued', 'running'],
  delete: ['scheduled', 'queued', 'completed', 'failed', 'cancelled'],
}

/** How jobs are retried where nothing else is said. */
export const AT_ONCE: RetrySpread = { dueInMs: 0, stepMs: 0 }
