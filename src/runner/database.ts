/** Which store a `database` option means. The only place that names a store implementation. */

import type { Host } from '../host/host.ts'
import { RunnerError } from '../host/errors.ts'
import { openSqliteStore } from '../store/sqlite/open-sqlite-store.ts'
import { parseSqliteUrl } from '../store/sqlite/sqlite-url.ts'
import type { Store } from '../store/store.ts'

/** The option `database`, read. */
export interface DatabaseSettings {
  /** A URL such as `sqlite:./millrace.db`. */
  readonly url: string
  readonly durability: 'disk' | 'process'
  readonly mayMigrate: boolean
}

const DEFAULT_URL = 'sqlite:./millrace.db'

/** Reads the option; what is wrong goes to `problems`, what is planned to `later`. */
export function readDatabase(
  value: unknown,
  rest: Omit<DatabaseSettings, 'url'>,
  problems: string[],
  later: string[],
): DatabaseSettings {
  const url = value ?? DEFAULT_URL
  if (typeof url === 'string' && /^postgres(ql)?:/i.test(url))
    later.push('PostgreSQL as option "database" of createRunner')
  else if (typeof url === 'object') later.push('a pool as option "database" of createRunner')
  else if (typeof url !== 'string')
    problems.push(`option "database" of createRunner is ${typeof url}; it must be a URL such as "${DEFAULT_URL}"`)
  else if (!url.startsWith('sqlite:')) {
    problems.push(
      `option "database" of createRunner is ${JSON.stringify(maskPassword(url))}; a URL starts with "sqlite:", such as "${DEFAULT_URL}" or "sqlite::memory:"`,
    )
  } else {
    try {
      parseSqliteUrl(url)
    } catch (error) {
      if (!(error instanceof RunnerError)) throw error
      problems.push(error.message)
    }
  }
  return { url: typeof url === 'string' ? url : DEFAULT_URL, ...rest }
}

/** Makes the store. Nothing is opened before its first use. */
export function openStore(host: Host, settings: DatabaseSettings): Store {
  const { url, durability, mayMigrate } = settings
  return openSqliteStore({ host, location: url, durability, migrate: mayMigrate, transport: 'thread' })
}

function maskPassword(url: string): string {
  return url.replace(/(:\/\/[^:/@]*:)[^@]*@/, '$1***@')
}
