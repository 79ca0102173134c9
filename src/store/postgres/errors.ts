/** Turns what the driver throws into the errors of the contract. */

import { RunnerError } from '../../host/errors.ts'
import { storeError } from '../errors.ts'

/** SQLSTATE codes that mean: the same call may work later; see https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const UNAVAILABLE_STATES: ReadonlySet<string> = new Set([
  '0A000', // a table was changed under a prepared statement; a new connection prepares it anew
  '25006', // read-only: the server was demoted
  '26000', // a prepared statement is gone: a pooler has changed the connection
  '40001', // serialization failure
  '40P01', // deadlock
  '53200', // out of memory
  '53300', // too many connections
  '55006', // object in use
  '57014', // cancelled, by a timeout or by hand
  '57P01', // the server shuts down
  '57P02', // the server crashed
  '57P03', // the server starts up
  '57P05', // idle session timeout
  '58000', // system error
  '58030', // I/O error
])

/** Waited for as long as is allowed. */
const LOCK_TAKEN = '55P03'
const DISK_FULL = '53100'
const MISSING_SCHEMA = '3F000'
const MISSING_TABLE = '42P01'
const MISSING_RIGHT = '42501'

/** The error of the contract for what was thrown; our own errors pass unchanged. */
export function translateError(error: unknown, name: string): RunnerError {
  if (error instanceof RunnerError) return error
  const { state, text } = readPgError(error)
  const where = `database ${name}`
  if (state === LOCK_TAKEN) {
    const why = 'another session holds a lock on what is asked for; call again when it has let go'
    return storeError('ERR_STORE_UNAVAILABLE', `${where}: ${text}; ${why}`, error)
  }
  if (state === null || state.startsWith('08') || UNAVAILABLE_STATES.has(state)) {
    return storeError('ERR_STORE_UNAVAILABLE', `${where}: ${text}; call again when the server can be reached`, error)
  }
  if (state === DISK_FULL) {
    return storeError('ERR_STORE_FULL', `${where}: ${text}; make space on its disk, then call again`, error)
  }
  if (state === MISSING_SCHEMA || state === MISSING_TABLE) {
    return storeError('ERR_SCHEMA_OLDER', `${where}: ${text}; run \`millrace migrate\``, error)
  }
  if (state === MISSING_RIGHT) {
    return storeError('ERR_STORE_OPEN', `${where}: ${text}; grant this role what it needs`, error)
  }
  if (state.startsWith('28') || state === '3D000') {
    return storeError('ERR_STORE_OPEN', `${where} cannot be opened: ${text}; look at its URL and role`, error)
  }
  if (state.startsWith('XX')) {
    return storeError('ERR_STORE_CORRUPT', `${where}: ${text}; look at the server's log`, error)
  }
  return storeError('ERR_STORE_REFUSED', `${where} refused a statement: ${text} (SQLSTATE ${state})`, error)
}

/** The same for what was thrown while connecting: a refusal is about the state of the server then, never about a statement. */
export function translateConnectError(error: unknown, name: string): RunnerError {
  const translated = translateError(error, name)
  if (translated.code !== 'ERR_STORE_REFUSED') return translated
  const { text } = readPgError(error)
  return storeError('ERR_STORE_UNAVAILABLE', `database ${name} takes no connection: ${text}; call again later`, error)
}

/** Whether the connection on which `error` came up may be used again: the server answered, and goes on. */
export function isConnectionSound(error: unknown): boolean {
  const { state } = readPgError(error)
  return (
    state !== null &&
    !state.startsWith('08') &&
    !state.startsWith('57P') &&
    state !== '25006' &&
    state !== '26000' &&
    state !== '0A000'
  )
}

/** The SQLSTATE of an error of the server; null for one of the driver or the network. */
export function sqlStateOf(error: unknown): string | null {
  return readPgError(error).state
}

function readPgError(error: unknown): { readonly state: string | null; readonly text: string } {
  if (!(error instanceof Error)) return { state: null, text: String(error) }
  // Plain properties that may be absent: network errors have a `code` too, but no `severity`.
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  const text = error.message === '' && typeof code === 'string' ? code : error.message
  return { state: typeof code === 'string' && typeof severity === 'string' ? code : null, text }
}
