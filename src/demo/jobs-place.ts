/**
 * Where the jobs of a run are: in an SQLite file in its folder, or on a PostgreSQL server, in a schema that belongs to this
 * folder of this machine alone. So the demo meets neither the jobs of the user nor those of another demo.
 */

import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { sha256 } from '../host/digest.ts'
import { maskPasswords } from '../host/mask-passwords.ts'
import { createRunner, RunnerError } from '../index.ts'
import { machineName, shortPath } from './surroundings.ts'

/** The SQLite file in the folder. */
export const DATABASE_FILE: string = 'jobs.db'

/** How a place is shown, and named to the command line. */
export interface PlaceName {
  /** A URL without a password. */
  readonly database: string
  /** Null for an SQLite file. */
  readonly schema: string | null
}

/** A place for jobs. */
export interface JobsPlace {
  /** What `createRunner` takes. */
  readonly options: { readonly database: string; readonly schema?: string }
  readonly name: PlaceName
  /** Tells the place from every other that this folder may have. */
  readonly id: string
  /** Whether an earlier run left jobs there. */
  isThere(): Promise<boolean>
  /** Removes what an earlier run left, as far as it does not go with the folder. */
  clear(): Promise<void>
}

/** The place for the runs in a folder: `server` is a URL of PostgreSQL, undefined means the file. */
export function jobsPlace(folder: string, server: string | undefined): JobsPlace {
  return server === undefined ? fileIn(folder) : schemaOf(folder, server)
}

function fileIn(folder: string): JobsPlace {
  const database = `sqlite:${join(shortPath(folder), DATABASE_FILE)}`
  return {
    options: { database },
    name: { database, schema: null },
    id: 'file',
    isThere: async () => existsSync(join(folder, DATABASE_FILE)),
    clear: async () => {},
  }
}

function schemaOf(folder: string, server: string): JobsPlace {
  const schema = `millrace_demo_${sha256(JSON.stringify([machineName(), folder]), 4).toString('hex')}`
  const options = { database: server, schema }
  const isThere = async (): Promise<boolean> => {
    await using runner = createRunner({ jobs: {}, migrate: false, ...options })
    return (await runner.pendingMigrations()).from > 0
  }
  return {
    options,
    name: { database: maskPasswords(server), schema },
    id: maskPasswords(server),
    isThere,
    clear: async () => {
      if (await isThere()) await dropSchema(server, schema)
    },
  }
}

/** Throws `ERR_STORE_OPEN` when the server does not do it. */
async function dropSchema(server: string, schema: string): Promise<void> {
  const { default: pg } = await import('pg')
  const client = new pg.Client({ connectionString: server, application_name: 'millrace demo' })
  try {
    await client.connect()
    await client.query(`drop schema if exists ${schema} cascade`)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new RunnerError(
      'ERR_STORE_OPEN',
      `schema ${schema} of an earlier run could not be removed: ${reason}; remove it yourself: drop schema ${schema} cascade`,
      { cause },
    )
  } finally {
    await client.end().catch(() => {})
  }
}
