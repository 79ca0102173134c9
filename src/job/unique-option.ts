/** The option that keeps equal jobs from being stored twice. */

import type { Duration } from './duration.ts'
import type { JobState } from './job.ts'

/** Which jobs count as the same, and what happens to the second. */
export interface UniqueOption<Args extends readonly unknown[] = readonly unknown[]> {
  /** What must be equal: all args (`'args'`), the value at a path such as `'args[0].id'`, or what a function of the args answers. */
  readonly by: string | ((...args: Args) => string)
  /** How long after a job was enqueued it counts. Default: as long as it is stored in one of `states`. */
  readonly for?: Duration | undefined
  /** The states in which a job counts. Default: scheduled, queued and running. */
  readonly states?: readonly JobState[] | undefined
  /** What happens to the second: it is dropped (`ignore`), takes the place of the first, or is refused. */
  readonly onConflict: 'ignore' | 'replace' | 'reject'
}
