/** The way in: a store on PostgreSQL for a URL or a pool. */

import type { Host } from '../../host/host.ts'
import { sha256 } from '../../host/digest.ts'
import type { Store } from '../store.ts'
import { Database, type Address } from './database.ts'
import { LoopHeart } from './heart.ts'
import type { PoolLike } from './given-database.ts'
import { addressOf } from './postgres-address.ts'
import { postgresStore } from './postgres-store.ts'
import { ThreadHeart } from './thread-heart.ts'

/** Options of {@link openPostgresStore}. */
export interface PostgresStoreOptions {
  readonly host: Host
  /** `postgres://…`, or a pool of the package `pg`: connections are made with its settings, it is not used itself. */
  readonly database: string | PoolLike
  /** The schema of the tables. Default: `millrace`. */
  readonly schema?: string | undefined
  /** Whether an absent schema is created when the store is opened. Default: `true`. */
  readonly migrate?: boolean | undefined
}

/** Makes a store. Nothing is opened before the first verb; a URL that is none is refused at once. */
export function openPostgresStore(options: PostgresStoreOptions): Store {
  const schema = options.schema ?? 'millrace'
  const address = addressOf(options.database, schema)
  return postgresStore({
    host: options.host,
    database: new Database(address),
    heart: isCloneable(address)
      ? new ThreadHeart(options.host, address)
      : new LoopHeart(options.host.clock, new Database(address), { onBegin: () => warn(options.host, address) }),
    channel: `millrace_${sha256(schema, 6).toString('hex')}`,
    mayMigrate: options.migrate ?? true,
  })
}

function warn(host: Host, { name }: Address): void {
  host.logger.log({
    level: 'warn',
    code: 'beat_on_loop',
    args: [name],
    message: `the settings for database ${name} hold a function, so this process beats on its event loop: a handler that blocks it for ten seconds makes it look dead; give a URL, or settings without functions`,
  })
}

/** Functions, such as one that fetches a password, cannot be handed to a thread. */
function isCloneable(address: Address): boolean {
  try {
    structuredClone(address)
    return true
  } catch {
    return false
  }
}
