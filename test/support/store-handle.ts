/** Connections beside a store's own. */

import { createRequire } from 'node:module'
import { loadEngine, type SqliteDatabase } from '../../src/store/sqlite/engine.ts'

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
  // Both engines have the interface of node:sqlite.
  const { DatabaseSync } = createRequire(import.meta.url)(loadEngine().name) as {
    readonly DatabaseSync: new (path: string, options: HandleOptions) => Handle
  }
  const handle = new DatabaseSync(path, options)
  handle.exec(`pragma busy_timeout = ${options.timeout ?? 2_000}`)
  return handle
}
