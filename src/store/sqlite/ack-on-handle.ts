/**
 * `ackInTransaction`: the ack of one job on a connection of the user, inside the user's own transaction, so that the job ends
 * if and only if the user's changes are committed. Begins and commits nothing.
 *
 * The connection must be of the copy of SQLite that the store uses, because a second copy in one process destroys the file
 * (see `SqliteEngine.isOwn`). A package with a SQLite of its own, such as better-sqlite3, is therefore refused.
 */

import { statSync } from 'node:fs'
import { storeError } from '../errors.ts'
import type { Ack } from '../store.ts'
import type { Db } from './connection.ts'
import type { CoreHost } from './core.ts'
import { loadEngine, type SqliteStatement } from './engine.ts'
import { translateError } from './errors.ts'
import { hasSchema } from './schema.ts'
import { ackJobs } from './statements/ack-jobs.ts'

/** Where the store's own database is, and what the ack takes from outside. */
export interface HandleContext {
  /** Null for a database in memory, which no other connection can reach. */
  readonly path: string | null
  readonly host: Pick<CoreHost, 'now' | 'uuid'>
}

/** A connection of the store's engine, as far as it is used here. */
interface UserHandle {
  prepare(sql: string): UserStatement
  exec(sql: string): unknown
  /** Absent in the first versions of `node:sqlite`. */
  readonly isTransaction?: unknown
}

interface UserStatement extends SqliteStatement {
  setReadBigInts?(isOn: boolean): unknown
  setReturnArrays?(isOn: boolean): unknown
}

/** Handles that were looked at before; a look costs a few statements. */
const known = new WeakMap<object, { readonly path: string; readonly statements: Map<string, SqliteStatement> }>()

/** See {@link Store.ackInTransaction}. */
export function ackOnHandle(tx: unknown, ack: Ack, context: HandleContext): boolean {
  const handle = parseHandle(tx)
  const statements = admitHandle(handle, context)
  if (handle.isTransaction === false) {
    throw storeError(
      'ERR_TX_FOREIGN',
      'the connection has no transaction open; begin one, and pass the connection before it is committed',
    )
  }
  const db: Db = {
    now: Math.floor(context.host.now()),
    uuid: () => context.host.uuid(),
    prepare: (sql) => {
      let statement = statements.get(sql)
      if (statement === undefined) statements.set(sql, (statement = prepareOn(handle, sql)))
      return statement
    },
    exec: (sql) => {
      handle.exec(sql)
    },
  }
  try {
    return ackJobs(db, [ack]).stale.length === 0
  } catch (error) {
    throw translateError(error, context.path ?? 'sqlite::memory:')
  }
}

function parseHandle(tx: unknown): UserHandle {
  const engine = loadEngine()
  // What is an instance of the engine's class has its methods.
  if (engine.isOwn(tx)) return tx as UserHandle
  const isOther = typeof tx === 'object' && tx !== null && 'prepare' in tx
  const reason = isOther
    ? `is not a connection of ${engine.name}, which millrace uses here; two copies of SQLite in one process do not see each other's locks and destroy the file`
    : 'is no SQLite connection'
  throw storeError(
    'ERR_TX_FOREIGN',
    `${describe(tx)} ${reason}; open your connection with ${engine.name}, and pass it with a transaction open`,
  )
}

/** Checks once that a connection is on the store's own file, and safe to write with. */
function admitHandle(handle: UserHandle, context: HandleContext): Map<string, SqliteStatement> {
  const own = context.path
  if (own === null) {
    throw storeError(
      'ERR_TX_FOREIGN',
      'the jobs are in sqlite::memory:, which no other connection can reach; use a file for both',
    )
  }
  const earlier = known.get(handle)
  if (earlier?.path === own) return earlier.statements
  const prepare = (sql: string): SqliteStatement => prepareOn(handle, sql)
  // The columns of this pragma: seq, name, file.
  const files = prepare('pragma database_list').all() as { readonly name: string; readonly file: string | null }[]
  const file = files.find(({ name }) => name === 'main')?.file ?? ''
  if (!isSameFile(file, own) || !hasSchema({ prepare })) {
    const other = file === '' ? 'a database in memory' : file
    throw storeError('ERR_TX_FOREIGN', `the transaction is on ${other}, the jobs are in ${own}; use one file for both`)
  }
  const statements = new Map<string, SqliteStatement>()
  known.set(handle, { path: own, statements })
  return statements
}

/** The user's own settings for what rows look like do not reach our statements. */
function prepareOn(handle: UserHandle, sql: string): SqliteStatement {
  const statement = handle.prepare(sql)
  statement.setReadBigInts?.(false)
  statement.setReturnArrays?.(false)
  return statement
}

function isSameFile(a: string, b: string): boolean {
  if (a === '') return false
  const left = statSync(a, { throwIfNoEntry: false, bigint: true })
  const right = statSync(b, { throwIfNoEntry: false, bigint: true })
  return left !== undefined && right !== undefined && left.dev === right.dev && left.ino === right.ino
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? `an object of ${value.constructor?.name ?? 'no class'}` : `a ${typeof value}`
}
