/** The schema's version, kept in `user_version`, and the way from one to the next. */

import { storeError } from '../errors.ts'
import type { MigrationReport } from '../store.ts'
import type { Connection } from './connection.ts'
import type { SqliteDatabase } from './engine.ts'
import { MIGRATIONS } from './migrations/embedded.ts'

/** The version that this code needs. */
export const SCHEMA_VERSION: number = MIGRATIONS.length

/** Throws when the schema may not be used: made by newer code, by another program, or too old while upgrades are forbidden. */
export function admitSchema(database: Pick<SqliteDatabase, 'prepare'>, name: string, mayMigrate: boolean): void {
  const version = readVersion(database)
  if (version > 0 && !hasTables(database)) {
    throw storeError(
      'ERR_STORE_OPEN',
      `database ${name} belongs to another program: it has user_version ${version} and none of millrace's tables; name another file`,
    )
  }
  if (version > SCHEMA_VERSION) {
    throw storeError(
      'ERR_SCHEMA_NEWER',
      `database ${name} has schema version ${version}, this millrace knows versions up to ${SCHEMA_VERSION}; use the newer millrace that made it`,
    )
  }
  if (version < SCHEMA_VERSION && !mayMigrate) {
    const found = version === 0 ? 'no schema' : `schema version ${version}`
    throw storeError(
      'ERR_SCHEMA_OLDER',
      `database ${name} has ${found}, version ${SCHEMA_VERSION} is needed, and \`migrate: false\` forbids upgrades; run \`millrace migrate\``,
    )
  }
}

/** Applies the missing migrations, each in its own transaction; several processes may do so at once. */
export function migrateSchema(connection: Connection): MigrationReport {
  const applied: string[] = []
  let from = -1
  for (;;) {
    // The version is read again under the write lock, because another process may have been faster.
    const step = connection.write((db) => {
      const version = readVersion(db)
      if (from < 0) from = version
      const migration = MIGRATIONS[version]
      if (migration === undefined) return null
      db.exec(migration.sql)
      db.exec(`pragma user_version = ${migration.version}`)
      return migration.name
    })
    if (step === null) break
    applied.push(step)
  }
  return { from, to: SCHEMA_VERSION, applied }
}

/** Whether this is a database with millrace's tables. */
export function hasTables(database: Pick<SqliteDatabase, 'prepare'>): boolean {
  const sql = `select count(*) as tables from sqlite_schema where type = 'table' and name in ('job', 'history', 'attempt_error')`
  // The one column of the statement above.
  return Number((database.prepare(sql).get() as { tables: number | bigint }).tables) === 3
}

function readVersion(database: Pick<SqliteDatabase, 'prepare'>): number {
  // The one column of this pragma.
  return (database.prepare('pragma user_version').get() as { user_version: number }).user_version
}
