/** The libraries whose transactions millrace understands, each ready to run one on a database of a test. */

import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgresJs } from 'drizzle-orm/postgres-js'
import createKnex from 'knex'
import { CamelCasePlugin, Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'

/** A library on one database. */
export interface Library {
  /**
   * Runs `work` in a transaction: committed when it resolves, rolled back when it rejects.
   *
   * @param work Gets what the library calls the transaction, and a way to run a statement of the user's own in it.
   */
  transaction<T>(work: (tx: unknown, execute: (text: string) => Promise<unknown>) => Promise<T>): Promise<T>
  /** What a user may pass by mistake: not the transaction, but what it is made by. */
  readonly notYetTransaction: unknown
  close(): Promise<void>
}

/** Every library by its name; a function makes it for the URL of a database. */
export const LIBRARIES: Readonly<Record<string, (url: string) => Library>> = {
  'pg, a client of a pool': (url) => {
    const pool = new pg.Pool({ connectionString: url })
    return {
      transaction: async (work) => {
        const client = await pool.connect()
        try {
          return await inTransaction(client, client, work)
        } finally {
          client.release()
        }
      },
      notYetTransaction: pool,
      close: () => pool.end(),
    }
  },
  'pg, a client of its own': (url) => {
    const client = new pg.Client(url)
    const connected = client.connect()
    return {
      transaction: async (work) => {
        await connected
        return inTransaction(client, client, work)
      },
      notYetTransaction: new pg.Pool({ connectionString: url }),
      close: () => client.end(),
    }
  },
  'postgres.js': (url) => {
    // Names are changed on the way, as many users have it.
    const client = postgres(url, { transform: postgres.camel, max: 2, onnotice: () => {} })
    return {
      // The transaction answers what its function does, which its type says in other words.
      transaction: (work) => client.begin((tx) => work(tx, (text) => tx.unsafe(text))) as Promise<never>,
      notYetTransaction: client,
      close: () => client.end(),
    }
  },
  'Drizzle on node-postgres': (url) => {
    const pool = new pg.Pool({ connectionString: url })
    const db = drizzlePg(pool)
    return {
      transaction: (work) => db.transaction((tx) => work(tx, (text) => tx.execute(text))),
      notYetTransaction: db,
      close: () => pool.end(),
    }
  },
  'Drizzle on postgres.js': (url) => {
    const client = postgres(url, { max: 2, onnotice: () => {} })
    const db = drizzlePostgresJs(client)
    return {
      transaction: (work) => db.transaction((tx) => work(tx, (text) => tx.execute(text))),
      notYetTransaction: db,
      close: () => client.end(),
    }
  },
  Kysely: (url) => {
    const dialect = new PostgresDialect({ pool: new pg.Pool({ connectionString: url }) })
    const db = new Kysely<unknown>({ dialect, plugins: [new CamelCasePlugin()] })
    return {
      transaction: (work) => db.transaction().execute((tx) => work(tx, (text) => sql.raw(text).execute(tx))),
      notYetTransaction: db,
      close: () => db.destroy(),
    }
  },
  Knex: (url) => {
    const db = createKnex({ client: 'pg', connection: url })
    return {
      transaction: (work) => db.transaction((tx) => work(tx, async (text) => tx.raw(text))),
      notYetTransaction: db,
      close: () => db.destroy(),
    }
  },
  // Its documented interface; the real one generates its client from a schema and brings an engine of its own.
  'the shape of Prisma': (url) => {
    const pool = new pg.Pool({ connectionString: url })
    const shape = (client: pg.Pool | pg.PoolClient) => ({
      $queryRawUnsafe: async (text: string, ...values: unknown[]) => (await client.query(text, values)).rows,
      $executeRawUnsafe: async (text: string, ...values: unknown[]) => (await client.query(text, values)).rowCount,
    })
    return {
      transaction: async (work) => {
        const client = await pool.connect()
        try {
          return await inTransaction(client, shape(client), work)
        } finally {
          client.release()
        }
      },
      notYetTransaction: { ...shape(pool), $connect: async () => {}, $transaction: async () => {} },
      close: () => pool.end(),
    }
  },
}

async function inTransaction<T>(
  client: pg.Client | pg.PoolClient,
  tx: unknown,
  work: Parameters<Library['transaction']>[0],
): Promise<T> {
  await client.query('begin')
  try {
    const answer = await work(tx, (text) => client.query(text))
    await client.query('commit')
    // The caller's own function answered it.
    return answer as T
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}
