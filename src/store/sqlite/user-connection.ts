/**
 * Work on a connection of the user, on the thread of the caller: acks and new jobs that live and die with the user's own
 * transaction. Begins and commits nothing of the user's; a step of ours that fails half-way is taken back alone, by a
 * savepoint, so that a user who goes on after the error commits no half of it.
 *
 * The connection must be of the copy of SQLite that the store uses (see `engine.ts`) and on the store's own file. A schema that
 * is absent is made in the user's transaction, because the store could not make it while that holds the lock.
 */

import { statSync } from 'node:fs'
import { storeError } from '../errors.ts'
import type { Store } from '../store.ts'
import { isLikeBetterSqlite3 } from './better-sqlite3-engine.ts'
import type { Db } from './connection.ts'
import type { CoreHost, CoreOptions } from './core.ts'
import { checkEngine, engineVersion, type AdoptedConnection, type SqliteStatement } from './engine.ts'
import { translateError } from './errors.ts'
import { loadEngine } from './load-engine.ts'
import { bringUpToDate, lockSchema } from './schema.ts'
import { HeldRows } from './held-rows.ts'
import { ackJobs } from './statements/ack-jobs.ts'
import { insertJobs } from './statements/insert-jobs.ts'

/** Where the store's own database is, and what the work takes from outside. */
export interface HandleContext extends Pick<CoreOptions, 'path' | 'mayMigrate'> {
  readonly host: Pick<CoreHost, 'now' | 'uuid'>
  /** Throws when the store was closed. */
  checkOpen(): void
}

interface KnownConnection {
  readonly path: string
  readonly connection: AdoptedConnection
  readonly statements: Map<string, SqliteStatement>
}

/** What another connection has claimed is not known here, so that a job is found by its id. */
const NO_ROWS = new HeldRows()

/** Connections that were looked at before; a look costs a few statements. */
const known = new WeakMap<object, KnownConnection>()

/** The verbs of the contract that run here. */
export function handleVerbs(
  context: HandleContext,
): Pick<Store, 'ackInTransaction' | 'insertInTransaction' | 'insertSync'> {
  const begin = (tx: unknown): KnownConnection => {
    context.checkOpen()
    return admit(tx, context)
  }
  return {
    ackInTransaction: async (tx, ack) => {
      const user = begin(tx)
      refuseAutocommit(user.connection)
      return step(user, context, (db) => ackJobs(db, [ack], NO_ROWS).stale.length === 0)
    },
    insertInTransaction: async (tx, jobs) => {
      const user = begin(tx)
      refuseAutocommit(user.connection)
      return step(user, context, (db) => insertJobs(db, jobs))
    },
    insertSync: (tx, jobs) => step(begin(tx), context, (db) => insertJobs(db, jobs)),
  }
}

/** Checks once that a connection is on the store's own file, and safe to write with. */
function admit(tx: unknown, { path }: HandleContext): KnownConnection {
  const adopted = loadEngine().adopt(tx)
  // What was adopted is an object.
  const handle = tx as object
  if (adopted === null) return refuse(tx)
  if (path === null) {
    throw storeError(
      'ERR_TX_FOREIGN',
      'the jobs are in sqlite::memory:, which no other connection can reach; use a file for both',
    )
  }
  const earlier = known.get(handle)
  if (earlier?.path === path) return earlier
  // The columns of this pragma: seq, name, file.
  const files = adopted.prepare('pragma database_list').all() as {
    readonly name: string
    readonly file: string | null
  }[]
  const file = files.find(({ name }) => name === 'main')?.file ?? ''
  if (!isSameFile(file, path)) {
    const other = file === '' ? 'a database in memory' : file
    throw storeError('ERR_TX_FOREIGN', `the transaction is on ${other}, the jobs are in ${path}; use one file for both`)
  }
  const user = { path, connection: adopted, statements: new Map<string, SqliteStatement>() }
  known.set(handle, user)
  return user
}

function refuse(tx: unknown): never {
  const { name } = loadEngine()
  const way = `open your connection with ${name}, and pass it with a transaction open`
  if (typeof tx !== 'object' || tx === null || !('prepare' in tx)) {
    throw storeError('ERR_TX_FOREIGN', `${describe(tx)} is no SQLite connection; ${way}`)
  }
  const why = "two copies of SQLite in one process do not see each other's locks and destroy the file"
  if (!isLikeBetterSqlite3(tx)) {
    throw storeError(
      'ERR_TX_FOREIGN',
      `${describe(tx)} is not a connection of ${name}, which millrace uses here; ${why}; ${way}`,
    )
  }
  const version = versionOf(tx)
  if (version !== null) checkEngine('better-sqlite3', version)
  throw storeError(
    'ERR_TX_FOREIGN',
    `the connection is of a better-sqlite3, but millrace already uses ${name === 'better-sqlite3' ? 'another copy of it' : name} here, and ${why}; import better-sqlite3 before the runner first touches its database, so that both use one copy, or open your connection with ${name}`,
  )
}

function versionOf(connection: Parameters<typeof engineVersion>[0]): string | null {
  try {
    return engineVersion(connection)
  } catch {
    // It only looks like a connection.
    return null
  }
}

function refuseAutocommit(connection: AdoptedConnection): void {
  if (connection.isInTransaction() !== false) return
  throw storeError(
    'ERR_TX_FOREIGN',
    'the connection has no transaction open; begin one, and pass the connection before it is committed. Inside a function that may not wait, such as that of transaction() of better-sqlite3, use enqueueSync',
  )
}

const SAVEPOINT = 'savepoint millrace_step'
const RELEASE = 'release millrace_step'
const TAKE_BACK = 'rollback to millrace_step'

/** All of `work`, or nothing; committed here only when the user has no transaction open. */
function step<T>({ connection, statements, path }: KnownConnection, context: HandleContext, work: (db: Db) => T): T {
  const db: Db = {
    now: Math.floor(context.host.now()),
    uuid: () => context.host.uuid(),
    prepare: (sql) => {
      let statement = statements.get(sql)
      if (statement === undefined) statements.set(sql, (statement = connection.prepare(sql)))
      return statement
    },
    exec: (sql) => connection.exec(sql),
  }
  const run = (sql: string): unknown => db.prepare(sql).run()
  const isAlone = connection.isInTransaction() === false
  // Without the write lock from the start, a write after a read fails when others have written in between.
  const [begin, end, undo] = isAlone ? ['begin immediate', 'commit', 'rollback'] : [SAVEPOINT, RELEASE, TAKE_BACK]
  try {
    run(begin)
    try {
      if (!isAlone) lockSchema(db)
      bringUpToDate(db, path, context.mayMigrate)
      const answer = work(db)
      run(end)
      return answer
    } catch (error) {
      // Some errors, such as a full disk, have made the engine roll back the whole transaction already.
      if (connection.isInTransaction() !== false) {
        run(undo)
        if (!isAlone) run(RELEASE)
      }
      throw error
    }
  } catch (error) {
    throw translateError(error, path)
  }
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
