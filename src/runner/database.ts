/** Which store a `database` option means. The only place that names a store implementation. */

import type { Host } from '../host/host.ts'
import { RunnerError } from '../host/errors.ts'
import type { LogRecord } from '../host/logger.ts'
import { maskPasswords } from '../host/mask-passwords.ts'
import { openPostgresStore } from '../store/postgres/open-postgres-store.ts'
import { isPool, isPostgresUrl, schemaProblem, type PoolLike } from '../store/postgres/given-database.ts'
import { addressOf } from '../store/postgres/postgres-address.ts'
import { openSqliteStore } from '../store/sqlite/open-sqlite-store.ts'
import { parseSqliteUrl } from '../store/sqlite/sqlite-url.ts'
import type { Store } from '../store/store.ts'

/** The options about the database as they were given; undefined is the default. */
export interface GivenDatabase {
  /** Whose options they are, for messages: `createRunner`. */
  readonly of: string
  readonly database: unknown
  readonly schema: unknown
  readonly durability: 'disk' | 'process' | undefined
  readonly migrate: boolean | undefined
  /** The database of the environment, which is used where the option says nothing and the URL is of one of our kinds. */
  readonly environmentUrl: string | undefined
}

/** The options about the database, read. */
export type DatabaseSettings =
  | {
      readonly type: 'sqlite'
      /** A URL such as `sqlite:./millrace.db`. */
      readonly url: string
      readonly durability: 'disk' | 'process'
      readonly mayMigrate: boolean
      /** The URL that the environment names, where it was left alone because such a database cannot hold jobs. */
      readonly ignoredUrl: string | undefined
    }
  | {
      readonly type: 'postgres'
      /** The URL for messages: without its password. */
      readonly url: string
      readonly database: string | PoolLike
      readonly schema: string
      readonly mayMigrate: boolean
    }

/** Where jobs are when nobody says. */
export const DEFAULT_DATABASE = 'sqlite:./millrace.db'

export { isPostgresUrl } from '../store/postgres/given-database.ts'

/** Whether this is a URL of a database that can hold jobs, and not one of another kind of server. */
export function isDatabaseUrl(text: string): boolean {
  return text.startsWith('sqlite:') || isPostgresUrl(text)
}

/** Says that the URL of the environment is left alone. `instead` is what to do about it. */
export function ignoredUrlMessage(url: string, instead: string): string {
  return `DATABASE_URL is ${JSON.stringify(maskPasswords(url))}, which cannot hold jobs, so they are in ${DEFAULT_DATABASE}; ${instead}`
}

/** What is worth telling the operator about the choice of the database, once it is used. */
export function databaseRemark(settings: DatabaseSettings): LogRecord | undefined {
  if (settings.type === 'postgres' || settings.ignoredUrl === undefined) return undefined
  const message = ignoredUrlMessage(settings.ignoredUrl, 'say where they are with the option "database"')
  return { level: 'warn', code: 'database_url_ignored', args: [maskPasswords(settings.ignoredUrl)], message }
}

/** Reads the options; what is wrong goes to `problems`. */
export function readDatabase(given: GivenDatabase, problems: string[]): DatabaseSettings {
  const { environmentUrl } = given
  const isOurs = environmentUrl !== undefined && isDatabaseUrl(environmentUrl)
  const database = given.database ?? (isOurs ? environmentUrl : DEFAULT_DATABASE)
  const mayMigrate = given.migrate ?? true
  if (isPool(database) || (typeof database === 'string' && isPostgresUrl(database))) {
    const schema = readSchema(given, problems)
    return { type: 'postgres', url: addressOf(database, schema).name, database, schema, mayMigrate }
  }
  if (given.schema !== undefined) {
    problems.push(`option "schema" of ${given.of} is about PostgreSQL; an SQLite database has no schemas`)
  }
  const url = typeof database === 'string' ? database : DEFAULT_DATABASE
  if (typeof database !== 'string') {
    problems.push(
      `option "database" of ${given.of} is ${typeof database}; it must be a URL such as "${DEFAULT_DATABASE}" or "postgres://user@host/name", or a pool of the package pg`,
    )
  } else if (!url.startsWith('sqlite:')) {
    problems.push(
      `option "database" of ${given.of} is ${JSON.stringify(maskPasswords(url))}; a URL starts with "sqlite:" or "postgres://", such as "${DEFAULT_DATABASE}", "sqlite::memory:" or "postgres://user@host/name"`,
    )
  } else {
    try {
      parseSqliteUrl(url)
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error
      problems.push(error.message)
    }
  }
  const ignoredUrl = given.database === undefined && !isOurs ? environmentUrl : undefined
  return { type: 'sqlite', url, durability: given.durability ?? 'disk', mayMigrate, ignoredUrl }
}

function readSchema({ of, schema, durability }: GivenDatabase, problems: string[]): string {
  if (durability !== undefined) {
    problems.push(
      `option "durability" of ${of} is about SQLite; what a commit of PostgreSQL survives is a setting of the server (synchronous_commit)`,
    )
  }
  const problem = schema === undefined ? undefined : schemaProblem(schema)
  if (problem !== undefined) problems.push(`option "schema" of ${of} ${problem}`)
  return typeof schema === 'string' ? schema : 'millrace'
}

/** Makes the store. Nothing is opened before its first use. */
export function openStore(host: Host, settings: DatabaseSettings): Store {
  const { mayMigrate } = settings
  if (settings.type === 'postgres') {
    const { database, schema } = settings
    return openPostgresStore({ host, database, schema, migrate: mayMigrate })
  }
  const { url, durability } = settings
  return openSqliteStore({ host, location: url, durability, migrate: mayMigrate, transport: 'thread' })
}
