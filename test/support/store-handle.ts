/** Connections beside a store's own. */

import { createRequire } from 'node:module'
import type { SqliteDatabase } from '../../src/store/sqlite/engine.ts'
import { loadEngine } from '../../src/store/sqlite/load-engine.ts'

/** Settings of `node:sqlite` that a user may have chosen. */
export interface HandleOptions {
  readonly timeout?: number
  readonly readBigInts?: boolean
  readonly returnArrays?: boolean
}

/** A connection as a user of the store's engine has it. */
export interface Handle extends SqliteDatabase {
  readonly isTransaction?: boolean
}

/**
 * Opens a connection with the engine that the store uses: a second copy of SQLite in this process would not see the store's
 * locks, and would destroy the file.
 */
export function openHandle(path: string, options: HandleOptions = {}): Handle {
  const { name } = loadEngine()
  const require = createRequire(import.meta.url)
  // What each engine exports; connections of better-sqlite3 have the same methods, as far as tests use them.
  const Connection = (
    name === 'better-sqlite3' ? require(name) : (require(name) as { readonly DatabaseSync: unknown }).DatabaseSync
  ) as new (path: string, options: HandleOptions) => Handle
  const handle = new Connection(path, options)
  handle.exec(`pragma busy_timeout = ${options.timeout ?? 2_000}`)
  return handle
}
