/**
 * Chooses the SQLite engine, once for a process: two copies of SQLite in one process do not see each other's locks on a file,
 * because the operating system gives locks to processes, and writing through both destroys the database. So whoever opens
 * the file, in this thread or in one that it starts, uses the engine that was chosen first.
 *
 *     better-sqlite3          when the program has loaded it already and its SQLite is new enough: the program's own
 *                             connections and the store's are then of one copy, and may share a file
 *     node:sqlite             else, where the one built into Node.js is new enough
 *     @photostructure/sqlite  else: the same interface, its own SQLite
 *
 * Nothing is loaded before the first call.
 */

import { createRequire } from 'node:module'
import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads'
import { RunnerError } from '../../host/errors.ts'
import { storeError } from '../errors.ts'
import { betterSqlite3Engine, loadedBetterSqlite3 } from './better-sqlite3-engine.ts'
import { checkEngine, isAtLeast, MIN_ENGINE, type SqliteEngine } from './engine.ts'
import { nodeSqliteEngine } from './node-sqlite-engine.ts'

/** The key under which the threads of a process, and all copies of this package in them, keep what was chosen. */
const CHOICE = 'millrace:sqlite-engine'

/** Loads the engine of this process, choosing it if nobody has; throws `ERR_STORE_ENGINE` when there is none that is safe. */
export function loadEngine(): SqliteEngine {
  const module = chooseEngine()
  try {
    return engineFrom(module)
  } catch (error) {
    if (error instanceof RunnerError) throw error
    throw storeError(
      'ERR_STORE_ENGINE',
      `no SQLite engine can be loaded: Node.js ${process.version} has ${process.versions['sqlite'] ?? 'none'} built in, ${MIN_ENGINE} or later is needed, and ${module} does not load; reinstall it, or use a newer Node.js`,
      error,
    )
  }
}

/**
 * Settles which engine this thread, and every thread that it starts from now on, uses.
 *
 * @returns What `require` is given: the name of a module, or the path of a file of better-sqlite3.
 */
export function chooseEngine(): string {
  const chosen = getEnvironmentData(CHOICE)
  if (typeof chosen === 'string') return chosen
  const module = loadedBetterSqlite3().find(isSafe) ?? bundledEngine()
  setEnvironmentData(CHOICE, module)
  return module
}

function bundledEngine(): string {
  const builtIn = process.versions['sqlite']
  return builtIn !== undefined && isAtLeast(builtIn, MIN_ENGINE) ? 'node:sqlite' : '@photostructure/sqlite'
}

/** A better-sqlite3 that cannot be used is the program's business; its handles are refused with the reason. */
function isSafe(module: string): boolean {
  try {
    engineFrom(module)
    return true
  } catch {
    return false
  }
}

function engineFrom(module: string): SqliteEngine {
  // A `require` because it is synchronous and bundlers leave it alone.
  const exported: unknown = createRequire(import.meta.url)(module)
  const engine = typeof exported === 'function' ? betterSqlite3Engine(exported) : nodeSqliteEngine(module, exported)
  checkEngine(engine.name, engine.version)
  return engine
}
