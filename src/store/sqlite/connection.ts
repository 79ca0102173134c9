/**
 * One open database: a connection that writes, and for files a second one that only reads, so that long reads never stand
 * between a writer and its lock.
 *
 *     open ──▶ usable ──▶ closed
 *                │
 *                └──▶ lost     the file was deleted or replaced under us: nothing is written any more into a file that
 *                              nobody can see; every call answers ERR_STORE_OPEN
 *
 * Called by `core.ts` only, on one thread. After a crash of the process the write-ahead log brings the database back to the
 * last commit; nothing here must be undone.
 */

import { accessSync, constants, statSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { storeError } from '../errors.ts'
import type { SqliteDatabase, SqliteStatement } from './engine.ts'
import { translateError } from './errors.ts'
import { loadEngine } from './load-engine.ts'

/** How safe a commit is: against a power cut (`disk`), or only against the death of the process (`process`). */
export type Durability = 'disk' | 'process'

/** What statements run on. */
export interface Db {
  /** The prepared statement for a static text, prepared once. */
  prepare(sql: string): SqliteStatement
  /** Runs several statements; for migrations. */
  exec(sql: string): void
  /** Milliseconds since 1970 by the store's clock: one reading for the whole verb. */
  readonly now: number
  /** A random UUID. */
  uuid(): string
}

/** How long a call waits for the lock of another connection. */
export const BUSY_TIMEOUT_MS = 2_000

/** The write-ahead log is cut back to this size after a checkpoint. */
const JOURNAL_SIZE_LIMIT = 16 * 1024 * 1024

/** Below this many pages the log is not worth the syncs of a truncating checkpoint. */
const TRUNCATE_ABOVE_PAGES = 256

/** What a connection needs from outside. */
export interface ConnectionOptions {
  /** An absolute path, or null for a database in memory. */
  readonly path: string | null
  readonly durability: Durability
  now(): number
  uuid(): string
  /** Looks at the schema before anything is changed; throws when it may not be used. */
  admit(database: Pick<SqliteDatabase, 'prepare'>): void
}

/** See the head of this file. */
export class Connection {
  readonly #options: ConnectionOptions
  readonly #writer: CachingDatabase
  readonly #reader: CachingDatabase
  readonly #name: string
  #inode: string | null = null
  #isLost = false
  #isSoft: boolean
  #dataVersion = 0

  constructor(options: ConnectionOptions) {
    this.#options = options
    this.#name = options.path ?? 'sqlite::memory:'
    this.#isSoft = false
    if (options.path !== null) checkPath(options.path)
    const engine = loadEngine()
    try {
      this.#writer = new CachingDatabase(engine.open(options.path ?? ':memory:', { isReadOnly: false }))
    } catch (error) {
      throw translateError(error, this.#name)
    }
    this.#reader = this.#writer
    try {
      this.#writer.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`)
      // Reads the head of the file, so that one that is no database shows here.
      options.admit(this.#writer)
      if (options.path !== null) {
        enterWal(this.#writer)
        this.#inode = inodeOf(options.path)
        this.#reader = new CachingDatabase(engine.open(options.path, { isReadOnly: true }))
        this.#reader.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}; pragma query_only = on`)
      }
      this.#writer.exec(`pragma journal_size_limit = ${JOURNAL_SIZE_LIMIT}; pragma cache_size = -16000`)
      this.#sync(options.durability === 'process')
      this.#dataVersion = this.#readDataVersion()
    } catch (error) {
      this.#writer.close()
      throw translateError(error, this.#name)
    }
  }

  /** Runs `work` in one write transaction: all of it happens, or nothing. */
  write<T>(work: (db: Db) => T): T {
    return this.#write(work, this.#options.durability === 'process')
  }

  /**
   * The same without waiting for the disk: a power cut may take the change back, together with all that was written after
   * it. For claims and beats, which are then simply made again.
   */
  writeSoft<T>(work: (db: Db) => T): T {
    return this.#write(work, true)
  }

  /** Runs `work` on one consistent picture of the database. */
  read<T>(work: (db: Db) => T): T {
    return this.#transaction(this.#reader, 'begin', work)
  }

  /** Whether another connection, of this or another process, has committed since the last call. */
  hasForeignChange(): boolean {
    if (this.#isLost) return false
    const version = this.#readDataVersion()
    const isChanged = version !== this.#dataVersion
    this.#dataVersion = version
    return isChanged
  }

  /** Looks whether the file is still the one that was opened, and remembers it if not. */
  checkFile(): void {
    if (this.#options.path === null || this.#isLost) return
    this.#isLost = inodeOf(this.#options.path) !== this.#inode
  }

  /** Moves the write-ahead log into the database and empties it, unless somebody is in the way. */
  truncateLog(): void {
    if (this.#options.path === null || this.#isLost) return
    // Never waits: with other processes at work their own commits checkpoint just as well.
    this.#writer.exec('pragma busy_timeout = 0')
    try {
      const passive = readCheckpoint(this.#writer, 'pragma wal_checkpoint(passive)')
      if (passive.pages >= TRUNCATE_ABOVE_PAGES) readCheckpoint(this.#writer, 'pragma wal_checkpoint(truncate)')
    } catch (error) {
      const translated = translateError(error, this.#name)
      if (translated.code !== 'ERR_STORE_UNAVAILABLE') throw translated
    } finally {
      this.#writer.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`)
    }
  }

  /** Closes both connections; the last one to leave a file empties its log. */
  close(): void {
    if (this.#reader !== this.#writer) this.#reader.close()
    this.#writer.close()
  }

  #write<T>(work: (db: Db) => T, isSoft: boolean): T {
    if (this.#options.path !== null) this.#sync(isSoft)
    return this.#transaction(this.#writer, 'begin immediate', work)
  }

  #transaction<T>(database: CachingDatabase, begin: string, work: (db: Db) => T): T {
    if (this.#isLost) {
      throw storeError(
        'ERR_STORE_OPEN',
        `database ${this.#name} was deleted or replaced while it was open; restart this process`,
      )
    }
    const options = this.#options
    try {
      database.run(begin)
      const result = work({
        now: Math.floor(options.now()),
        uuid: () => options.uuid(),
        prepare: (sql) => database.prepare(sql),
        exec: (sql) => database.exec(sql),
      })
      database.run('commit')
      return result
    } catch (error) {
      rollBack(database)
      throw translateError(error, this.#name)
    }
  }

  /** How a commit waits for the disk. A pragma acts when it is compiled, so it cannot be prepared once. */
  #sync(isSoft: boolean): void {
    if (isSoft === this.#isSoft) return
    this.#writer.exec(isSoft ? 'pragma synchronous = normal' : 'pragma synchronous = full')
    this.#isSoft = isSoft
  }

  #readDataVersion(): number {
    // The one column of this pragma.
    return (this.#writer.prepare('pragma data_version').get() as { data_version: number }).data_version
  }
}

/** A connection that prepares each text once. */
class CachingDatabase {
  readonly #database: SqliteDatabase
  readonly #statements = new Map<string, SqliteStatement>()

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  prepare(sql: string): SqliteStatement {
    let statement = this.#statements.get(sql)
    if (statement === undefined) {
      statement = this.#database.prepare(sql)
      this.#statements.set(sql, statement)
    }
    return statement
  }

  run(sql: string): void {
    this.prepare(sql).run()
  }

  exec(sql: string): void {
    this.#database.exec(sql)
  }

  close(): void {
    this.#statements.clear()
    this.#database.close()
  }
}

/**
 * Readers and one writer at the same time. The switch needs the file for itself for a moment and does not wait by itself
 * when several processes open a new file at once, so it is repeated.
 */
function enterWal(database: CachingDatabase): void {
  const pause = new Int32Array(new SharedArrayBuffer(4))
  for (let attempt = 1; ; attempt++) {
    try {
      database.prepare('pragma journal_mode = wal').get()
      // Not the default of every engine: without it a commit may be lost in a power cut.
      database.exec('pragma synchronous = full')
      return
    } catch (error) {
      if (attempt >= 100 || translateError(error, '').code !== 'ERR_STORE_UNAVAILABLE') throw error
      Atomics.wait(pause, 0, 0, 20)
    }
  }
}

function rollBack(database: CachingDatabase): void {
  try {
    database.run('rollback')
  } catch {
    // The engine has rolled back by itself, as it does when the disk is full; or the transaction never began.
  }
}

function readCheckpoint(database: CachingDatabase, sql: string): { readonly pages: number } {
  // The columns of this pragma: busy, log, checkpointed.
  const row = database.prepare(sql).get() as { readonly log: number }
  return { pages: row.log }
}

/** Throws `ERR_STORE_OPEN` for a path that cannot be used, in words better than the engine's. */
export function checkPath(path: string): void {
  const folder = dirname(path)
  const refuse = (reason: string, cause?: unknown): never => {
    throw storeError('ERR_STORE_OPEN', `database ${path} cannot be opened: ${reason}`, cause)
  }
  const parent = look(folder)
  if (parent instanceof Error) return refuse(`the folder ${folder} cannot be read (${codeOf(parent)})`, parent)
  if (parent === undefined) return refuse(`the folder ${folder} does not exist; make it first`)
  if (!parent.isDirectory()) return refuse(`${folder} is not a folder; name a file in a folder`)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    refuse(
      `this process may not write in the folder ${folder} (${codeOf(error)}), where SQLite keeps its log; give it the right, or name another folder`,
      error,
    )
  }
  const file = look(path)
  if (file === undefined || file instanceof Error) return
  if (file.isDirectory()) refuse('it is a folder; name a file in it')
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    refuse(`this process may not read and write it (${codeOf(error)}); give it the right`, error)
  }
}

function look(path: string): Stats | Error | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

/** What tells a file from another one of the same name; null when there is none. */
function inodeOf(path: string): string | null {
  const file = statSync(path, { throwIfNoEntry: false, bigint: true })
  return file === undefined ? null : `${file.dev}:${file.ino}`
}
