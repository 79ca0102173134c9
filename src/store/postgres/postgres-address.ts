/** Where a database is, for the driver. */

import { maskPasswords } from '../../host/mask-passwords.ts'
import { storeError } from '../errors.ts'
import type { Address, PgConfig } from './database.ts'
import { isPostgresUrl, type PoolLike } from './given-database.ts'

/** Where the database is. Throws `ERR_STORE_OPEN` for what is no URL of PostgreSQL. */
export function addressOf(database: string | PoolLike, schema: string): Address {
  if (typeof database === 'string') {
    if (!isPostgresUrl(database)) {
      throw storeError(
        'ERR_STORE_OPEN',
        `${JSON.stringify(maskPasswords(database))} is no URL of PostgreSQL; write postgres://user@host/database`,
      )
    }
    return { name: maskPasswords(database), config: { connectionString: database }, schema }
  }
  const config = poolConfig(database)
  return { name: nameOf(config), config, schema }
}

/** The settings of a pool that are about connections; those of the pool itself are left out. */
function poolConfig(pool: PoolLike): PgConfig {
  // The pool keeps its password where a copy of its options does not see it.
  const options = pool.options as PgConfig & Readonly<Record<string, unknown>>
  const { host, port, user, database, connectionString, ssl, stream, options: startup } = options
  const config: PgConfig = {}
  if (host !== undefined) config.host = host
  if (port !== undefined) config.port = port
  if (user !== undefined) config.user = user
  if (database !== undefined) config.database = database
  if (connectionString !== undefined) config.connectionString = connectionString
  if (ssl !== undefined) config.ssl = typeof ssl === 'object' ? withKey(ssl) : ssl
  if (stream !== undefined) config.stream = stream
  if (startup !== undefined) config.options = startup
  const { password } = options
  if (password !== undefined && password !== null) config.password = password
  return config
}

/** The pool hides the private key as it does the password. */
function withKey(ssl: Exclude<PgConfig['ssl'], boolean | undefined>): PgConfig['ssl'] {
  return ssl.key === undefined ? { ...ssl } : { ...ssl, key: ssl.key }
}

function nameOf({ connectionString, host, port, database }: PgConfig): string {
  if (connectionString !== undefined) return maskPasswords(connectionString)
  return `postgres://${host ?? 'localhost'}${port === undefined ? '' : `:${port}`}/${database ?? ''}`
}
