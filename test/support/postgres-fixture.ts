/** Fixtures for the conformance suite on PostgreSQL: a schema of its own in the database of a file, and the ways to it. */

import pg from 'pg'

import type { Store } from '../../src/store/store.ts'
import type { StoreFixture } from '../conformance/store-conformance.ts'
import { passRealTime } from './real-time.ts'

/** What a fixture is made of. */
export interface PostgresFixtureOptions {
  /** The URL of the database. */
  readonly database: string
  /** Makes a store in a schema that does not exist yet. */
  readonly open: (schema: string, migrate: boolean) => Store
}

let made = 0

/** A fixture in a new schema. */
export async function postgresFixture({ database, open }: PostgresFixtureOptions): Promise<StoreFixture> {
  made += 1
  const schema = `jobs_${made}`
  const stores: Store[] = []
  const clients: pg.Client[] = []
  const make = (migrate: boolean): Store => {
    const store = open(schema, migrate)
    stores.push(store)
    return store
  }
  const connect = async (url = database): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url })
    clients.push(client)
    await client.connect()
    return client
  }
  const begin = async (url?: string): Promise<pg.Client> => {
    const client = await connect(url)
    await client.query('begin')
    return client
  }
  const admin = await connect()
  return {
    store: make(true),
    another: ({ migrate = true } = {}) => make(migrate),
    // The server is on this machine, and so is its clock.
    pass: passRealTime,
    breakRow: async (id) => {
      await admin.query(`update ${schema}.job set backoff = '["open' where id = $1`, [id])
    },
    makeSchemaNewer: async () => {
      await admin.query(`update ${schema}.schema_version set version = version + 1`)
    },
    runScript: async (sql) => {
      await admin.query(sql)
    },
    transaction: async () => {
      const client = await begin()
      return {
        tx: client,
        commit: async () => {
          await client.query('commit')
        },
        rollback: async () => {
          await client.query('rollback')
        },
      }
    },
    foreignTransaction: () => begin(otherDatabase(database)),
    close: async () => {
      for (const store of stores) await store.close()
      for (const client of clients) if (client !== admin) await client.end()
      await admin.query(`drop schema if exists ${schema} cascade`)
      await admin.end()
    },
  }
}

/** A database of the same server that has no tables of millrace. */
function otherDatabase(database: string): string {
  const url = new URL(database)
  url.pathname = '/postgres'
  return url.href
}
