/** What can go wrong with a store. */

import { RunnerError } from '../host/errors.ts'

/** The codes of store errors and what each means. */
export const STORE_ERRORS = {
  ERR_STORE_UNAVAILABLE: 'the database cannot be reached or is busy; the same call may work later',
  ERR_STORE_CLOSED: 'the store was closed',
  ERR_STORE_OPEN: 'the database cannot be opened: wrong path, no rights, or not a database',
  ERR_STORE_FULL: 'the disk that holds the database is full; works again when there is space',
  ERR_STORE_ENGINE: 'the database engine is absent or too old to be safe',
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

/** What is wrong with the store then, whatever the call says. */
const WHATEVER_IS_SAID: ReadonlySet<string> = new Set<StoreErrorCode>([
  'ERR_STORE_UNAVAILABLE',
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
