/** Turns the errors of the engine into those of the contract. */

import { RunnerError } from '../../host/errors.ts'
import { storeError } from '../errors.ts'

/** SQLite's primary result codes that matter here; see https://sqlite.org/rescode.html. */
const BUSY = 5
const LOCKED = 6
const NO_MEMORY = 7
const READ_ONLY = 8
const IO_ERROR = 10
const CORRUPT = 11
const FULL = 13
const CANNOT_OPEN = 14
const NOT_A_DATABASE = 26

/** IO errors that mean "no space": the shared-memory file could not grow. */
const FULL_IO_ERRORS = new Set([4874, 4618])

/** The error of the contract for what the engine threw; our own errors pass unchanged. */
export function translateError(error: unknown, path: string): RunnerError {
  if (error instanceof RunnerError) return error
  const { code, text } = readSqliteError(error)
  const where = `database ${path}`
  if (FULL_IO_ERRORS.has(code)) {
    return storeError('ERR_STORE_FULL', `${where}: ${text}; make space on its disk, then call again`, error)
  }
  switch (code & 0xff) {
    case BUSY:
    case LOCKED:
      return storeError(
        'ERR_STORE_UNAVAILABLE',
        `${where} is busy: another connection has held its lock for too long; call again, and keep write transactions short`,
        error,
      )
    case NO_MEMORY:
    case IO_ERROR:
      return storeError('ERR_STORE_UNAVAILABLE', `${where}: ${text}; call again, and look at its disk`, error)
    case FULL:
      return storeError('ERR_STORE_FULL', `${where}: ${text}; make space on its disk, then call again`, error)
    case CORRUPT:
      return storeError('ERR_STORE_CORRUPT', `${where} is damaged: ${text}; restore it from a backup`, error)
    case NOT_A_DATABASE:
      return storeError('ERR_STORE_OPEN', `${where} is not a database: ${text}; name another file`, error)
    case READ_ONLY:
      return storeError('ERR_STORE_OPEN', `${where} cannot be written: ${text}; give this process write access`, error)
    case CANNOT_OPEN:
      return storeError('ERR_STORE_OPEN', `${where} cannot be opened: ${text}; look at its path and rights`, error)
    default:
      return new RunnerError('ERR_ASSERTION', `${where}: ${text}; this is a bug in millrace`, { cause: error })
  }
}

/** The numeric code of an error of `node:sqlite` or of a package with its interface; 0 when it has none. */
function readSqliteError(error: unknown): { readonly code: number; readonly text: string } {
  if (!(error instanceof Error)) return { code: 0, text: String(error) }
  // Both are plain properties that may be absent; the extended code is the more precise one.
  const { errcode, sqliteExtendedCode } = error as { errcode?: unknown; sqliteExtendedCode?: unknown }
  const code = typeof sqliteExtendedCode === 'number' ? sqliteExtendedCode : errcode
  return { code: typeof code === 'number' ? code : 0, text: error.message }
}
