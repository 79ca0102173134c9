/** Where the processes of a test work: a database on either store, and the file that their jobs write to. */

import { join } from 'node:path'

import { postgresDatabase } from './postgres-database.ts'
import { tempFolder } from './temp-database.ts'

/** A database and a record, as {@link WorkerProcessOptions} takes them. */
export interface WorkerPlace {
  readonly url: string
  readonly record: string
}

/** The stores by their names, each with a way to a new place on it. */
export const WORKER_PLACES: readonly (readonly [store: string, aPlace: () => Promise<WorkerPlace>])[] = [
  [
    'SQLite',
    async () => {
      const folder = tempFolder()
      return { url: `sqlite:${join(folder, 'jobs.db')}`, record: join(folder, 'record') }
    },
  ],
  [
    'PostgreSQL',
    async () => {
      const { url } = await postgresDatabase()
      return { url, record: join(tempFolder(), 'record') }
    },
  ],
]
