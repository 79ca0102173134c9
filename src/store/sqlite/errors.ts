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

interface SqliteErrorLike extends Error {
  readonly errcode?: unknown
  readonly sqliteExtendedCode?: unknown
  readonly code?: unknown
}

/** The codes that better-sqlite3 gives by name; those that are not here are judged by their first word. */
const CODES_BY_NAME: Readonly<Record<string, number>> = {
  SQLITE_BUSY: BUSY,
  SQLITE_LOCKED: LOCKED,
  SQLITE_NOMEM: NO_MEMORY,
  SQLITE_READONLY: READ_ONLY,
  SQLITE_IOERR: IO_ERROR,
  SQLITE_IOERR_SHMSIZE: 4874,
  SQLITE_IOERR_SHMOPEN: 4618,
  SQLITE_CORRUPT: CORRUPT,
  SQLITE_FULL: FULL,
  SQLITE_CANTOPEN: CANNOT_OPEN,
  SQLITE_NOTADB: NOT_A_DATABASE,
}

/** The numeric code of an error of an engine; 0 when it has none. */
function readSqliteError(error: unknown): { readonly code: number; readonly text: string } {
  if (!(error instanceof Error)) return { code: 0, text: String(error) }
  // Plain properties that may be absent; the extended code is the more precise one.
  const { errcode, sqliteExtendedCode, code } = error as SqliteErrorLike
  for (const found of [sqliteExtendedCode, errcode]) {
    if (typeof found === 'number') return { code: found, text: error.message }
  }
  return { code: typeof code === 'string' ? codeNamed(code) : 0, text: error.message }
}

function codeNamed(name: string): number {
  const [word] = /^SQLITE_[A-Z]+/.exec(name) ?? []
  return CODES_BY_NAME[name] ?? (word === undefined ? 0 : (CODES_BY_NAME[word] ?? 0))
}
