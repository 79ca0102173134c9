/** Turns what the driver throws into the errors of the contract, and tells what it says about the connection. */

import { RunnerError } from '../../host/errors.ts'
import { storeError } from '../errors.ts'

/** SQLSTATE codes that mean: the same call may work later; see https://www.postgresql.org/docs/current/errcodes-appendix.html. */
const UNAVAILABLE_STATES: ReadonlySet<string> = new Set([
  '0A000', // a table was changed under a prepared statement; a new connection prepares it anew
  '25006', // read-only: the server was demoted
  '25P03', // a transaction was idle for too long: this process was stopped, or its event loop blocked
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

/**
 * A statement was sent, and nobody knows whether it was carried out. The rule: where the server says `ERROR`, it has rolled
 * back; everything else that ends a statement, even the last words of a session that is ended, may come after a commit.
 * Code `ERR_STORE_UNAVAILABLE`.
 */
export class UnansweredError extends RunnerError {}

/** The error of the contract for what came back of a statement that was sent. */
export function translateStatementError(error: unknown, name: string): RunnerError {
  const translated = translateError(error, name)
  if (translated === error || isAnswered(error)) return translated
  return new UnansweredError('ERR_STORE_UNAVAILABLE', translated.message, { cause: error })
}

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
  return isAnswered(error) && state !== '25006' && state !== '26000' && state !== '0A000'
}

/**
 * Whether `error` makes all connections doubtful, not only its own: the server was demoted or has crashed, or one of them
 * broke without a word of the server, or was not answered in time. Those that are idle would not notice.
 */
export function isServerDoubtful(error: unknown): boolean {
  const { state } = readPgError(error)
  return state === null || state === '25006' || state === '57P02'
}

/** Whether the server has rolled back for the sake of another session: the same work may be done again at once. */
export function isRolledBack(error: unknown): boolean {
  const state = error instanceof RunnerError ? sqlStateOf(error.cause) : null
  return state === '40001' || state === '40P01'
}

/** Whether the error of a statement says that it waited for a lock as long as it was allowed to. */
export function isLockTaken(error: unknown): boolean {
  const thrown = error instanceof RunnerError ? error.cause : error
  return readPgError(thrown).state === LOCK_TAKEN
}

/** The SQLSTATE of an error of the server; null for one of the driver or the network. */
export function sqlStateOf(error: unknown): string | null {
  return readPgError(error).state
}

/**
 * Whether the server has judged the statement, and not only ended the session. The states tell, as the word for how severe
 * it is may be in the language of the server; the word, where it is known, tells more.
 */
function isAnswered(error: unknown): boolean {
  const { state, severity } = readPgError(error)
  if (state === null || severity === 'FATAL' || severity === 'PANIC') return false
  return !state.startsWith('08') && !state.startsWith('57P') && state !== '25P03' && state !== '25P04'
}

interface ReadError {
  readonly state: string | null
  readonly severity: string | null
  readonly text: string
}

function readPgError(error: unknown): ReadError {
  if (!(error instanceof Error)) return { state: null, severity: null, text: String(error) }
  // Plain properties that may be absent: network errors have a `code` too, but no `severity`.
  const { code, severity } = error as { code?: unknown; severity?: unknown }
  const text = error.message === '' && typeof code === 'string' ? code : error.message
  const isServers = typeof code === 'string' && typeof severity === 'string'
  return { state: isServers ? code : null, severity: isServers ? severity : null, text }
}
