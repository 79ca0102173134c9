/**
 * What an SQLite engine is for this store, and which are safe. `load-engine.ts` chooses one.
 *
 * Engines below {@link MIN_ENGINE} can lose committed writes when several processes write and checkpoint at once (the
 * WAL-reset bug), so they are never used.
 */

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

/** A connection that the user opened, whose settings for what rows look like do not reach our statements. */
export interface AdoptedConnection extends Omit<SqliteDatabase, 'close'> {
  /** Whether a transaction is open; null where the engine cannot tell. */
  isInTransaction(): boolean | null
}

/** A loaded engine. */
export interface SqliteEngine {
  /** The package or built-in module that it came from. */
  readonly name: string
  readonly version: string
  open(path: string, options: { readonly isReadOnly: boolean }): SqliteDatabase
  /** A user's connection, if it is of this very copy of SQLite; else null. */
  adopt(connection: unknown): AdoptedConnection | null
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

/** The version of the SQLite behind a connection. */
export function engineVersion(db: Pick<SqliteDatabase, 'prepare'>): string {
  // The one column of a statement that is written here.
  return (db.prepare('select sqlite_version() as version').get() as { version: string }).version
}
