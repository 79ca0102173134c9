/**
 * The program's own `better-sqlite3` as an engine. It has another interface than `node:sqlite`: numbered parameters (`?1`)
 * are bound by name, and errors carry the name of their code instead of its number (see `errors.ts`).
 */

import { createRequire } from 'node:module'
import { engineVersion, type SqliteDatabase, type SqliteEngine, type SqliteStatement, type SqlValue } from './engine.ts'

type BetterSqlite3 = new (path: string, options?: { readonly readonly: boolean }) => BetterDatabase

interface BetterDatabase {
  prepare(sql: string): BetterStatement
  exec(sql: string): unknown
  close(): unknown
  readonly inTransaction: boolean
}

interface BetterStatement {
  run(...parameters: unknown[]): { readonly changes: number }
  get(...parameters: unknown[]): unknown
  all(...parameters: unknown[]): unknown[]
  safeIntegers(isOn: boolean): unknown
}

const MAIN_FILE = /[\\/]better-sqlite3[\\/]lib[\\/]index\.js$/

/** The main files of every better-sqlite3 that this thread has loaded so far, in the order of their loading. */
export function loadedBetterSqlite3(): readonly string[] {
  return Object.keys(createRequire(import.meta.url).cache).filter((path) => MAIN_FILE.test(path))
}

/** Whether a value has the shape of a connection of some better-sqlite3. */
export function isLikeBetterSqlite3(value: unknown): value is Pick<SqliteDatabase, 'prepare'> {
  return typeof value === 'object' && value !== null && 'prepare' in value && 'inTransaction' in value
}

/**
 * Makes the engine.
 *
 * @param exported What better-sqlite3 exports: its class of connections.
 */
export function betterSqlite3Engine(exported: unknown): SqliteEngine {
  // Loaded from a main file of better-sqlite3, which exports nothing else.
  const Database = exported as BetterSqlite3
  const probe = new Database(':memory:')
  const version = engineVersion(adapt(probe))
  const native = nativeClassOf(probe)
  probe.close()
  return {
    name: 'better-sqlite3',
    version,
    open: (path, { isReadOnly }) => adapt(new Database(path, { readonly: isReadOnly })),
    adopt: (connection) => {
      if (!(connection instanceof Database) || nativeClassOf(connection) !== native) return null
      return { ...adapt(connection), isInTransaction: () => connection.inTransaction }
    },
  }
}

/** The option `nativeBinding` makes a connection of another copy of SQLite: its object behind this symbol has another class. */
function nativeClassOf(database: BetterDatabase): unknown {
  const [symbol] = Object.getOwnPropertySymbols(database)
  const native: unknown = symbol === undefined ? undefined : Reflect.get(database, symbol)
  return typeof native === 'object' && native !== null ? native.constructor : undefined
}

function adapt(database: BetterDatabase): SqliteDatabase {
  return {
    prepare: (sql) => adaptStatement(database.prepare(sql), /\?\d/.test(sql)),
    exec: (sql) => {
      database.exec(sql)
    },
    close: () => {
      database.close()
    },
  }
}

function adaptStatement(statement: BetterStatement, isNumbered: boolean): SqliteStatement {
  statement.safeIntegers(false)
  if (!isNumbered) return statement
  return {
    run: (...parameters) => statement.run(byNumber(parameters)),
    get: (...parameters) => statement.get(byNumber(parameters)),
    all: (...parameters) => statement.all(byNumber(parameters)),
  }
}

function byNumber(parameters: readonly SqlValue[]): Readonly<Record<string, SqlValue>> {
  const named: Record<string, SqlValue> = {}
  for (const [index, value] of parameters.entries()) named[index + 1] = value
  return named
}
