/** The version of the schema, and the steps to the one that this code needs. */

import { storeError } from '../errors.ts'
import type { MigrationReport, PendingMigrations } from '../store.ts'
import type { Database, Db } from './database.ts'
import { MIGRATIONS, type Migration } from './migrations/embedded.ts'

/** The version that this code needs. */
export const SCHEMA_VERSION: number = MIGRATIONS.length

// From the catalogue itself: functions such as to_regclass may answer from a cache that is older than the lock below.
const HAS_SCHEMA = `
  select exists (select 1 from pg_catalog.pg_namespace n join pg_catalog.pg_class c on c.relnamespace = n.oid
    where n.nspname = $1::text and c.relname = 'schema_version')`

const HAS_NAMESPACE = 'select exists (select 1 from pg_catalog.pg_namespace where nspname = $1::text)'

const READ_VERSION = 'select version from /* schema */.schema_version'

const SET_VERSION = 'update /* schema */.schema_version set version = $1::integer'

const CREATE_SCHEMA = 'create schema if not exists /* schema */'

// Held until the transaction ends, by one process at a time.
const LOCK = `select pg_advisory_xact_lock(hashtext('millrace migrate'), hashtext('/* schema */'))`

// Another process that migrates is waited for, but not longer than an answer is; it is done in a moment, mostly.
const WAIT_FOR_LOCK = `select set_config('lock_timeout', '8s', true)`

// A migration waits for no long transaction of others: it gives up and can be run again.
const LIMIT_WAITS = `select set_config('lock_timeout', '2s', true)`

/**
 * Throws when the schema may not be used: made by newer code, absent while creating is forbidden, or older. An absent schema
 * is created, an older one only by `migrate`: other processes may still run the code that it belongs to.
 */
export async function admitSchema(database: Database, mayMigrate: boolean): Promise<void> {
  const version = await readVersion(database.general, database.schema)
  refuseNewer(version, database.name)
  if (version === SCHEMA_VERSION) return
  if (version === 0 && mayMigrate) {
    await migrateSchema(database)
    return
  }
  const found = version === 0 ? 'no schema' : `schema version ${version}`
  const why = version === 0 ? 'and `migrate: false` forbids to create it' : 'and upgrades are made by hand'
  throw storeError(
    'ERR_SCHEMA_OLDER',
    `database ${database.name} has ${found}, version ${SCHEMA_VERSION} is needed, ${why}; run \`millrace migrate\``,
  )
}

/**
 * Applies the missing migrations, each in its own transaction; several processes may do so at once. An absent schema is made in
 * one: who opens the database meanwhile would take half of it for an old one.
 */
export async function migrateSchema(database: Database): Promise<MigrationReport> {
  const applied: string[] = []
  let from = -1
  for (;;) {
    // The version is read again under the lock, because another process may have been faster.
    const steps = await database.general.transaction(async (db) => {
      await db.query(WAIT_FOR_LOCK)
      await db.query(LOCK)
      await db.query(LIMIT_WAITS)
      const version = await readVersion(db, database.schema)
      refuseNewer(version, database.name)
      if (from < 0) from = version
      const missing = version === 0 ? MIGRATIONS : MIGRATIONS.slice(version, version + 1)
      if (missing.length === 0) return []
      // Asking for it needs a right that a role may lack although the schema is there.
      const [hasNamespace] = await db.query(HAS_NAMESPACE, [database.schema])
      if (hasNamespace?.[0] !== true) await db.query(CREATE_SCHEMA)
      for (const migration of missing) {
        await db.query(migration.sql)
        await db.query(SET_VERSION, [migration.version])
      }
      return missing.map(({ name }) => name)
    })
    if (steps.length === 0) break
    applied.push(...steps)
  }
  return { from, to: SCHEMA_VERSION, applied }
}

/** What {@link migrateSchema} would do. Throws for a newer schema. */
export async function pendingFor(database: Database): Promise<PendingMigrations> {
  const version = await readVersion(database.general, database.schema)
  refuseNewer(version, database.name)
  return {
    from: version,
    to: SCHEMA_VERSION,
    pending: MIGRATIONS.slice(version).map((migration) => ({
      name: migration.name,
      sql: database.inSchema(scriptOf(migration)),
    })),
  }
}

/** The step as `migrateSchema` does it, as one text for a shell. What fails in it leaves nothing behind. */
function scriptOf({ sql, version }: Migration): string {
  const before = version - 1
  const prepare =
    version === 1
      ? `if to_regnamespace('/* schema */') is null then ${CREATE_SCHEMA}; end if;`
      : `if (${READ_VERSION}) <> ${before} then raise exception 'the schema is not at version ${before}'; end if;`
  return `begin;

do $$ begin
  perform ${WAIT_FOR_LOCK.slice('select '.length)};
  perform ${LOCK.slice('select '.length)};
  perform ${LIMIT_WAITS.slice('select '.length)};
  ${prepare}
end $$;

${sql}

update /* schema */.schema_version set version = ${version};

commit;
`
}

/** The version of the schema; 0 when it is absent. */
export async function readVersion(db: Db, schema: string): Promise<number> {
  const [found] = await db.query(HAS_SCHEMA, [schema])
  if (found?.[0] !== true) return 0
  const rows = await db.query(READ_VERSION)
  const version = rows[0]?.[0]
  if (rows.length !== 1 || typeof version !== 'number') {
    throw storeError(
      'ERR_STORE_CORRUPT',
      `database ${db.name} is damaged: table schema_version has ${rows.length} rows instead of one; restore it from a backup`,
    )
  }
  return version
}

function refuseNewer(version: number, name: string): void {
  if (version <= SCHEMA_VERSION) return
  throw storeError(
    'ERR_SCHEMA_NEWER',
    `database ${name} has schema version ${version}, this millrace knows versions up to ${SCHEMA_VERSION}; use the newer millrace that made it`,
  )
}
