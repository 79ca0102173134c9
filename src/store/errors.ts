/** What can go wrong with a store. */

import { RunnerError } from '../host/errors.ts'

/** The codes of store errors and what each means. */
export const STORE_ERRORS = {
  ERR_STORE_UNAVAILABLE: 'the database cannot be reached or is busy; the same call may work later',
  ERR_STORE_CLOSED: 'the store was closed',
  ERR_STORE_OPEN: 'the database cannot be opened: wrong path, no rights, or not a database',
  ERR_STORE_FULL: 'the disk that holds the database is full; works again when there is space',
  ERR_STORE_ENGINE: 'the database engine is absent or too old to be safe',
  ERR_OUTCOME_UNKNOWN:
    'the connection broke before the database answered: whether the jobs were stored is unknown; the error has their ids',
  ERR_STORE_REFUSED: 'the database refused a statement because of its content',
  ERR_STORE_CORRUPT: 'the database file is damaged',
  ERR_SCHEMA_NEWER: 'the schema was made by a newer version of millrace',
  ERR_SCHEMA_OLDER: 'the schema is absent or older, and upgrading it was forbidden',
  ERR_TX_FOREIGN: 'the transaction belongs to another database, or is no transaction that this store understands',
} as const

/** A code of {@link STORE_ERRORS}. */
export type StoreErrorCode = keyof typeof STORE_ERRORS

/** An error of a store; see {@link STORE_ERRORS} for its codes. */
export function storeError(code: StoreErrorCode, message: string, cause?: unknown): RunnerError {
  return new RunnerError(code, message, cause === undefined ? undefined : { cause })
}

/**
 * Whether jobs were stored is unknown: the connection broke, or was given up, after they were sent and before the database
 * answered. The same call with the same ids stores each of them once as long as their records are kept, and answers
 * `duplicate` where they were stored. It is never made by itself: of a queue that keeps no records, a job that has ended in
 * between would run again. Code `ERR_OUTCOME_UNKNOWN`.
 */
export class OutcomeUnknownError extends RunnerError {
  override readonly name: string = 'OutcomeUnknownError'
  /** The id that the job has if it was stored; of several jobs, the first one's. */
  readonly jobId: string
  /** The ids of all jobs of the call, in their order. */
  readonly jobIds: readonly string[]

  constructor(jobIds: readonly string[], cause: unknown) {
    const [first = ''] = jobIds
    const what = jobIds.length === 1 ? `job ${first} was` : `${jobIds.length} jobs from ${first} on were`
    const how = jobIds.length === 1 ? `the option id: "${first}"` : 'their ids (error.jobIds) as option "id"'
    super(
      'ERR_OUTCOME_UNKNOWN',
      `whether ${what} stored is unknown, because the connection broke before the database answered; call again with ${how}`,
      { cause },
    )
    this.jobId = first
    this.jobIds = Object.freeze([...jobIds])
  }
}

/** What is wrong with the store then, whatever the call says. */
const WHATEVER_IS_SAID: ReadonlySet<string> = new Set<StoreErrorCode>([
  'ERR_STORE_UNAVAILABLE',
  'ERR_OUTCOME_UNKNOWN',
  'ERR_STORE_FULL',
  'ERR_STORE_OPEN',
  'ERR_STORE_CLOSED',
  'ERR_STORE_ENGINE',
  'ERR_SCHEMA_NEWER',
  'ERR_SCHEMA_OLDER',
])

/** Whether the call that threw `error` may work with another content. */
export function isAboutContent(error: unknown): boolean {
  return !(error instanceof RunnerError && WHATEVER_IS_SAID.has(error.code))
}

/** Whether the call that threw `error` may be tried again unchanged. */
export function isRetryable(error: unknown): boolean {
  return error instanceof RunnerError && (error.code === 'ERR_STORE_UNAVAILABLE' || error.code === 'ERR_STORE_FULL')
}
