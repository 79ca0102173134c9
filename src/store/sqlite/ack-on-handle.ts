/**
 * `ackInTransaction`: the ack of one job on a connection of the user, inside the user's own transaction, so that the job ends
 * if and only if the user's changes are committed. Begins and commits nothing.
 */

import { statSync } from 'node:fs'
import { storeError } from '../errors.ts'
import type { Ack } from '../store.ts'
import type { Db } from './connection.ts'
import type { CoreHost } from './core.ts'
import { checkEngine, engineVersion, type SqliteStatement } from './engine.ts'
import { translateError } from './errors.ts'
import { hasTables } from './schema.ts'
import { ackJobs } from './statements/ack-jobs.ts'

/** Where the store's own database is, and what the ack takes from outside. */
export interface HandleContext {
  /** Null for a database in memory, which no other connection can reach. */
  readonly path: string | null
  readonly host: Pick<CoreHost, 'now' | 'uuid'>
}

/** What `node:sqlite`, `@photostructure/sqlite` and better-sqlite3 have in common, as far as it is used here. */
interface UserHandle {
  prepare(sql: string): UserStatement
  exec(sql: string): unknown
  /** Of `node:sqlite`, in newer versions. */
  readonly isTransaction?: unknown
  /** Of better-sqlite3. */
  readonly inTransaction?: unknown
}

interface UserStatement extends SqliteStatement {
  setReadBigInts?(isOn: boolean): unknown
  setReturnArrays?(isOn: boolean): unknown
  safeIntegers?(isOn: boolean): unknown
}

/** Handles that were looked at before; a look costs a few statements. */
const known = new WeakMap<object, { readonly path: string; readonly statements: Map<string, SqliteStatement> }>()

/** See {@link Store.ackInTransaction}. */
export function ackOnHandle(tx: unknown, ack: Ack, context: HandleContext): boolean {
  const handle = parseHandle(tx)
  const statements = admitHandle(handle, context)
  if ((handle.isTransaction ?? handle.inTransaction) === false) {
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
  if (typeof tx === 'object' && tx !== null && 'prepare' in tx && 'exec' in tx) {
    if (typeof tx.prepare === 'function' && typeof tx.exec === 'function') return tx as UserHandle
  }
  throw storeError(
    'ERR_TX_FOREIGN',
    `${describe(tx)} is no SQLite connection; pass a connection of node:sqlite, @photostructure/sqlite or better-sqlite3 with a transaction open`,
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
  checkEngine("the transaction's connection", engineVersion({ prepare }))
  // The columns of this pragma: seq, name, file.
  const files = prepare('pragma database_list').all() as { readonly name: string; readonly file: string | null }[]
  const file = files.find(({ name }) => name === 'main')?.file ?? ''
  if (!isSameFile(file, own) || !hasTables({ prepare })) {
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
  statement.safeIntegers?.(false)
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
