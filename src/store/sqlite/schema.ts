/**
 * The schema's version, kept in a table of its own, and the way from one to the next. The file may be the application's own:
 * its other tables and its `user_version` are not looked at.
 */

import { storeError } from '../errors.ts'
import type { MigrationReport, PendingMigrations } from '../store.ts'
import type { Connection, Db } from './connection.ts'
import type { SqliteStatement } from './engine.ts'
import { MIGRATIONS, type Migration } from './migrations/embedded.ts'

/** The version that this code needs. */
export const SCHEMA_VERSION: number = MIGRATIONS.length

const HAS_SCHEMA = `select 1 as found from sqlite_schema where type = 'table' and name = 'millrace_schema'`

const READ_VERSION = 'select version from millrace_schema'

const LOCK = 'update millrace_schema set version = version where false'

const SET_VERSION = 'update millrace_schema set version = ?'

/** Throws when the schema may not be used: made by newer code, or too old while upgrades are forbidden. */
export function admitSchema(database: Pick<Db, 'prepare'>, name: string, mayMigrate: boolean): void {
  const version = readVersion(database, name)
  refuseNewer(version, name)
  if (version < SCHEMA_VERSION && !mayMigrate) {
    const found = version === 0 ? 'no schema' : `schema version ${version}`
    throw storeError(
      'ERR_SCHEMA_OLDER',
      `database ${name} has ${found}, version ${SCHEMA_VERSION} is needed, and \`migrate: false\` forbids upgrades; run \`millrace migrate\``,
    )
  }
}

/** Applies the missing migrations, each in its own transaction; several processes may do so at once. */
export function migrateSchema(connection: Connection, name: string): MigrationReport {
  const applied: string[] = []
  let from = -1
  for (;;) {
    // The version is read again under the write lock, because another process may have been faster.
    const step = connection.write((db) => {
      const version = readVersion(db, name)
      if (from < 0) from = version
      return migrateOnce(db, name, version)
    })
    if (step === null) break
    applied.push(step)
  }
  return { from, to: SCHEMA_VERSION, applied }
}

/**
 * Takes the write lock in an open transaction, waiting for it. A transaction that reads first and writes later cannot wait:
 * what it read may be out of date by then.
 */
export function lockSchema(db: Db): void {
  let lock: SqliteStatement
  try {
    lock = db.prepare(LOCK)
  } catch {
    // There is no schema yet; whatever else it is, the next statement meets it too.
    return
  }
  lock.run()
}

/** {@link admitSchema} and {@link migrateSchema} inside a transaction that is open already, with its write lock or without. */
export function bringUpToDate(db: Db, name: string, mayMigrate: boolean): void {
  admitSchema(db, name, mayMigrate)
  while (migrateOnce(db, name, readVersion(db, name)) !== null);
}

/** Applies the migration after `version` and answers its name, or null when there is none. */
function migrateOnce(db: Db, name: string, version: number): string | null {
  refuseNewer(version, name)
  const migration = MIGRATIONS[version]
  if (migration === undefined) return null
  db.exec(migration.sql)
  db.prepare(SET_VERSION).run(migration.version)
  return migration.name
}

/** What `migrateSchema` would do. Throws for a newer schema. */
export function pendingFor(database: Pick<Db, 'prepare'>, name: string): PendingMigrations {
  const version = readVersion(database, name)
  refuseNewer(version, name)
  return pendingFrom(version)
}

function pendingFrom(version: number): PendingMigrations {
  return {
    from: version,
    to: SCHEMA_VERSION,
    pending: MIGRATIONS.slice(version).map((migration) => ({ name: migration.name, sql: scriptOf(migration) })),
  }
}

/** What is missing where there is no database yet. */
export const EVERY_MIGRATION: PendingMigrations = pendingFrom(0)

function scriptOf({ sql, version }: Migration): string {
  const note = `update millrace_schema set version = ${version} where version = ${version - 1};`
  return `begin immediate;\n\n${sql}\n\n${note}\n\ncommit;\n`
}

/** Whether this is a database with millrace's tables. */
export function hasSchema(database: Pick<Db, 'prepare'>): boolean {
  return database.prepare(HAS_SCHEMA).get() !== undefined
}

/** The version of the schema; 0 is none. Throws when it was lost. */
export function readVersion(database: Pick<Db, 'prepare'>, name: string): number {
  if (!hasSchema(database)) return 0
  // The one column of the statement, in a strict table.
  const rows = database.prepare(READ_VERSION).all() as { readonly version: number }[]
  const [row] = rows
  if (row === undefined || rows.length > 1) {
    throw storeError(
      'ERR_STORE_CORRUPT',
      `database ${name} is damaged: table millrace_schema has ${rows.length} rows instead of one; restore it from a backup`,
    )
  }
  return row.version
}

function refuseNewer(version: number, name: string): void {
  if (version <= SCHEMA_VERSION) return
  throw storeError(
    'ERR_SCHEMA_NEWER',
    `database ${name} has schema version ${version}, this millrace knows versions up to ${SCHEMA_VERSION}; use the newer millrace that made it`,
  )
}
