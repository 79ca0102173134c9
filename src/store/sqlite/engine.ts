/**
 * Chooses the SQLite engine: the one built into Node.js where it is new enough, else the package `@photostructure/sqlite`,
 * which has the same interface. Engines below {@link MIN_ENGINE} can lose committed writes when several processes write and
 * checkpoint at once (the WAL-reset bug), so they are never used. Nothing is loaded before the first call.
 */

import { createRequire } from 'node:module'
import { RunnerError } from '../../host/errors.ts'
import { storeError } from '../errors.ts'

/** The oldest SQLite that is safe with several writing processes. */
export const MIN_ENGINE = '3.51.3'

/** What SQLite stores and answers. */
export type SqlValue = string | number | bigint | null | Uint8Array

/** The part of a prepared statement that millrace uses. */
export interface SqliteStatement {
  /** For statements that answer no rows. */
  run(...parameters: SqlValue[]): { readonly changes: number | bigint }
  /** For statements that answer rows. */
  get(...parameters: SqlValue[]): unknown
  all(...parameters: SqlValue[]): unknown[]
}

/** The part of a connection that millrace uses. */
export interface SqliteDatabase {
  prepare(sql: string): SqliteStatement
  exec(sql: string): void
  close(): void
}

/** A loaded engine. */
export interface SqliteEngine {
  /** The module that it came from. */
  readonly name: string
  readonly version: string
  open(path: string, options: { readonly isReadOnly: boolean }): SqliteDatabase
  /**
   * Whether a connection is of this very copy of SQLite. Two copies in one process do not see each other's locks on a file,
   * because the operating system gives locks to processes: writing through both destroys the database.
   */
  isOwn(connection: unknown): boolean
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string, options: { readonly readOnly: boolean }) => SqliteDatabase
}

/** Loads the best engine there is; throws `ERR_STORE_ENGINE` when there is none that is safe. */
export function loadEngine(): SqliteEngine {
  const builtIn = process.versions['sqlite']
  if (builtIn !== undefined && isAtLeast(builtIn, MIN_ENGINE)) return engineOf('node:sqlite')
  let engine: SqliteEngine
  try {
    engine = engineOf('@photostructure/sqlite')
  } catch (error) {
    if (error instanceof RunnerError) throw error
    throw storeError(
      'ERR_STORE_ENGINE',
      `no SQLite engine can be loaded: Node.js ${process.version} has ${builtIn ?? 'none'} built in, ${MIN_ENGINE} or later is needed, and the package @photostructure/sqlite does not load; reinstall millrace, or use a newer Node.js`,
      error,
    )
  }
  return engine
}

/** Throws `ERR_STORE_ENGINE` for an engine that could lose committed writes. */
export function checkEngine(name: string, version: string): void {
  if (isAtLeast(version, MIN_ENGINE)) return
  throw storeError(
    'ERR_STORE_ENGINE',
    `${name} has SQLite ${version}, which can lose committed writes; use one with SQLite ${MIN_ENGINE} or later`,
  )
}

/** Whether version `a` is `b` or later, both written as numbers between points. */
export function isAtLeast(a: string, b: string): boolean {
  const left = a.split('.').map(Number)
  const right = b.split('.').map(Number)
  for (const [index, wanted] of right.entries()) {
    const found = left[index] ?? 0
    if (found !== wanted) return found > wanted
  }
  return true
}

function engineVersion(db: Pick<SqliteDatabase, 'prepare'>): string {
  // The one column of a statement that is written here.
  return (db.prepare('select sqlite_version() as version').get() as { version: string }).version
}

function engineOf(name: string): SqliteEngine {
  // Both modules have the interface of node:sqlite; a `require` because it is synchronous and bundlers leave it alone.
  const { DatabaseSync } = createRequire(import.meta.url)(name) as SqliteModule
  const probe = new DatabaseSync(':memory:', { readOnly: false })
  const version = engineVersion(probe)
  probe.close()
  checkEngine(name, version)
  return {
    name,
    version,
    open: (path, { isReadOnly }) => new DatabaseSync(path, { readOnly: isReadOnly }),
    isOwn: (connection) => connection instanceof DatabaseSync,
  }
}
