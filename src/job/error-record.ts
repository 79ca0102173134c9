/** Errors on their way into the store and back. */

import type { ErrorRecord } from './job.ts'

/** What was thrown, in its stored form. Never throws. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  return { name: 'Error', message: String(thrown) }
}

/** A stored error as an `Error` again. */
export function fromErrorRecord(record: ErrorRecord): Error {
  return new Error(record.message)
}
