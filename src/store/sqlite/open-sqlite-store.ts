/** The way in: an embedded store for a URL. */

import { resolve } from 'node:path'
import type { Host } from '../../host/host.ts'
import type { Store } from '../store.ts'
import type { Durability } from './connection.ts'
import type { CoreOptions } from './core.ts'
import { inlineStore } from './inline-store.ts'
import { parseSqliteUrl } from './sqlite-url.ts'
import { threadStore } from './thread-store.ts'

/** Options of {@link openSqliteStore}. */
export interface SqliteStoreOptions {
  readonly host: Host
  /** `sqlite:./millrace.db`, or `sqlite::memory:` for one that ends with the store. */
  readonly location: string
  /**
   * What a commit survives: `disk` (the default) a power cut; `process` only the death of the process, at fewer waits for
   * the disk.
   */
  readonly durability?: Durability | undefined
  /** Whether an absent or older schema is brought up to date when the store is opened. Default: `true`. */
  readonly migrate?: boolean | undefined
  /** `thread`: the database's waits never block the caller. `inline`: everything on the caller's thread and clock. */
  readonly transport: 'thread' | 'inline'
}

/**
 * Makes an embedded store. Nothing is opened before the first verb; a URL that is none is refused at once. A relative path
 * is meant from the working directory of now.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  const location = parseSqliteUrl(options.location)
  const core: CoreOptions = {
    path: location.type === 'memory' ? null : resolve(location.path),
    durability: options.durability ?? 'disk',
    mayMigrate: options.migrate ?? true,
  }
  return options.transport === 'inline' ? inlineStore(options.host, core) : threadStore(options.host, core)
}
