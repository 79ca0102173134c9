/** What `enqueue` answers. */

import type { Duration } from './duration.ts'

/**
 * What became of an enqueued job: stored now (`created`), found to be there already (`duplicate`), or stored in place of
 * another (`replaced`).
 */
export type EnqueueStatus = 'created' | 'duplicate' | 'replaced'

/** Options of {@link JobHandle.result}. */
export interface ResultOptions {
  /** How long to wait for the job's end. Default: without end. */
  readonly timeout?: Duration | undefined
}

/** A job that was enqueued. */
export interface JobHandle<Result> {
  /** The id of the job; of a duplicate, that of the job that was there. */
  readonly id: string
  readonly status: EnqueueStatus
  /**
   * Waits for the job's end and answers what it returned.
   *
   * @throws `JobFailedError`, `JobCancelledError`, `ResultTimeoutError` (the job goes on), `JobNotFoundError`, and
   *   `ResultNotKeptError` when the job completed but its result could not be kept.
   */
  result(options?: ResultOptions): Promise<Result>
}
