/**
 * The schema's version, kept in a table of its own, and the way from one to the next. The file may be the application's own:
 * its other tables and its `user_version` are not looked at.
 */

import { storeError } from '../errors.ts'
import type { MigrationReport } from '../store.ts'
import type { Connection, Db } from './connection.ts'
import { MIGRATIONS } from './migrations/embedded.ts'

/** The version that this code needs. */
export const SCHEMA_VERSION: number = MIGRATIONS.length

const HAS_SCHEMA = `select 1 as found from sqlite_schema where type = 'table' and name = 'millrace_schema'`

const READ_VERSION = 'select version from millrace_schema'

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
      refuseNewer(version, name)
      if (from < 0) from = version
      const migration = MIGRATIONS[version]
      if (migration === undefined) return null
      db.exec(migration.sql)
      db.prepare(SET_VERSION).run(migration.version)
      return migration.name
    })
    if (step === null) break
    applied.push(step)
  }
  return { from, to: SCHEMA_VERSION, applied }
}

/** Whether this is a database with millrace's tables. */
export function hasSchema(database: Pick<Db, 'prepare'>): boolean {
  return database.prepare(HAS_SCHEMA).get() !== undefined
}

function readVersion(database: Pick<Db, 'prepare'>, name: string): number {
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
