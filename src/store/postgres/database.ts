/**
 * The connections of the store: three lanes, each a small pool of its own, so that claims never wait behind acks and neither
 * waits behind a long read.
 *
 *     claims   one connection: commits need no wait for the disk
 *     acks     one connection: one batch after the other, which is what groups them
 *     general  two connections: everything else
 *
 * Besides these the listener and the beat have one each: six connections for a process at most, whatever its concurrency.
 * A lane connects with its first use. A connection that fails is thrown away, never given back to its lane.
 */

import type { Client, ClientConfig, Pool, PoolClient, QueryConfig } from 'pg'
import { assert } from '../../host/errors.ts'
import { storeError } from '../errors.ts'
import { isConnectionSound, translateConnectError, translateError } from './errors.ts'
import { isPooled } from './pooler.ts'
import type { UserTransaction } from './user-transaction.ts'

/** A value that the driver may be given: text, a number or a flag; lists go as the text of an array or of JSON. */
export type SqlValue = string | number | boolean | null

/** A row as the driver answers it: columns in the order of the statement. */
export type Row = readonly unknown[]

/** Runs statements, one after the other, on one connection. */
export interface Db {
  /** How the database is called in messages. */
  readonly name: string
  /**
   * The rows of a statement. `/* schema *\/` in its text stands for the quoted name of the schema. A text with several
   * statements must have no values, and answers no rows.
   */
  query(text: string, values?: readonly SqlValue[]): Promise<readonly Row[]>
  /**
   * The same for the few statements that are executed all the time: planned once for each connection, unless a pooler stands
   * between, which may give the next transaction to another connection of the server.
   */
  repeat(text: string, values: readonly SqlValue[]): Promise<readonly Row[]>
}

/** Several connections that do the same work. */
export interface Lane extends Db {
  /** Runs `work` in one transaction, which is rolled back when it throws. */
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** Runs `work` on one connection. */
  session<T>(work: (db: Db) => Promise<T>): Promise<T>
}

/** No statement of ours takes nearly as long; a connection that does not answer for so long is given up. */
const QUERY_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000

/** What the driver needs to know to reach a database; a password that is a function stays one. */
export type PgConfig = ClientConfig

/** The driver, as far as it is used. */
export interface Driver {
  readonly Pool: new (config: PgConfig & { max: number; idleTimeoutMillis: number; allowExitOnIdle: boolean }) => Pool
  readonly Client: new (config: PgConfig) => Client
}

/** Where the database is. */
export interface Address {
  /** For messages: without the password. */
  readonly name: string
  readonly config: PgConfig
  /** The schema of the tables, not quoted. */
  readonly schema: string
}

/** All lanes of a store. */
export class Database {
  readonly name: string
  /** The schema of the tables, not quoted. */
  readonly schema: string
  readonly #address: Address
  readonly #statements: StatementsInSchema
  readonly #pools: Pool[] = []
  readonly claims: Lane
  readonly acks: Lane
  readonly general: Lane
  #driver: Promise<Driver> | undefined

  constructor(address: Address) {
    this.name = address.name
    this.schema = address.schema
    this.#address = address
    this.#statements = new StatementsInSchema(address.schema)
    this.claims = this.#lane(1, FOR_HOT_STATEMENTS)
    this.acks = this.#lane(1, FOR_HOT_STATEMENTS)
    this.general = this.#lane(2, FOR_ALL_STATEMENTS)
  }

  /** Puts the quoted name of the schema into a statement. */
  inSchema(text: string): string {
    return this.#statements.of(text).text
  }

  /**
   * A connection of its own, not yet connected; its owner ends it. What fails on it outside a statement is not thrown: the
   * next statement meets it. `limitMs` is for connecting and for each statement.
   */
  async client(limitMs: number = QUERY_TIMEOUT_MS): Promise<Client> {
    const { Client } = await this.#load()
    const limits = { connectionTimeoutMillis: limitMs, query_timeout: limitMs }
    const client = new Client({ ...connectionConfig(this.#address.config), ...limits })
    client.on('error', () => {})
    return client
  }

  /** Statements on a connection of {@link client}. */
  on(client: Pick<Client, 'query'>): Db {
    return new Connection(this.name, client, this.#statements, false)
  }

  /** Statements in a transaction of the user. What its library throws is the user's to handle, so it passes unchanged. */
  inTransaction(user: UserTransaction): Db {
    const query: Db['query'] = (text, values) => user.query(this.inSchema(text), values)
    return { name: this.name, query, repeat: query }
  }

  /** Ends all connections once their work is done. */
  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()))
  }

  #load(): Promise<Driver> {
    return (this.#driver ??= loadDriver())
  }

  #lane(size: number, settings: string): Lane {
    const { name } = this
    const connections = new WeakMap<PoolClient, Connection>()
    let pool: Promise<Pool> | undefined
    const open = async (): Promise<Pool> => {
      const { Pool } = await this.#load()
      const made = new Pool({
        ...connectionConfig(this.#address.config),
        max: size,
        idleTimeoutMillis: 0,
        allowExitOnIdle: true,
      })
      // An idle connection that breaks is dropped by the pool; the next use connects anew. One that breaks in use, the pool
      // leaves to us: the statement under way fails, or the next one.
      made.on('error', () => {})
      made.on('connect', (client) => client.on('error', () => {}))
      this.#pools.push(made)
      return made
    }
    const connect = async (): Promise<PoolClient> => {
      try {
        const client = await (await (pool ??= open())).connect()
        if (connections.has(client)) return client
        try {
          const isDirect = !(await isPooled(client))
          if (isDirect) await client.query(settings)
          connections.set(client, new Connection(name, client, this.#statements, isDirect))
          return client
        } catch (error) {
          client.release(true)
          throw error
        }
      } catch (error) {
        throw translateConnectError(error, name)
      }
    }
    const session = async <T>(work: (db: Connection) => Promise<T>): Promise<T> => {
      const client = await connect()
      const connection = connections.get(client)
      assert(connection !== undefined, 'a connection was handed out before it was looked at')
      try {
        return await work(connection)
      } finally {
        // `true` ends the connection.
        client.release(!connection.isSound)
      }
    }
    return {
      name,
      query: (text, values) => session((db) => db.query(text, values)),
      repeat: (text, values) => session((db) => db.repeat(text, values)),
      session,
      transaction: (work) =>
        session(async (db) => {
          await db.query('begin isolation level read committed')
          try {
            const answer = await work(db)
            await db.query('commit')
            return answer
          } catch (error) {
            // Of a broken connection the server rolls back by itself; to ask it would only wait for another timeout.
            if (db.isSound) await db.query('rollback').catch(() => {})
            throw error
          }
        }),
    }
  }
}

/** One connection of the driver. */
class Connection implements Db {
  readonly name: string
  readonly #client: Pick<Client, 'query'>
  readonly #statements: StatementsInSchema
  readonly #isDirect: boolean
  #isSound = true

  constructor(name: string, client: Pick<Client, 'query'>, statements: StatementsInSchema, isDirect: boolean) {
    this.name = name
    this.#client = client
    this.#statements = statements
    this.#isDirect = isDirect
  }

  /** Whether it may be used again. */
  get isSound(): boolean {
    return this.#isSound
  }

  query(text: string, values?: readonly SqlValue[]): Promise<readonly Row[]> {
    return this.#run({ text: this.#statements.of(text).text }, values)
  }

  repeat(text: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    const statement = this.#statements.of(text)
    return this.#run(this.#isDirect ? statement : { text: statement.text }, values)
  }

  async #run(statement: QueryConfig, values: readonly SqlValue[] | undefined): Promise<readonly Row[]> {
    const config: QueryConfig & { rowMode: 'array' } = { ...statement, rowMode: 'array', types: TYPES }
    if (values !== undefined) config.values = [...values]
    try {
      const { rows } = await this.#client.query<unknown[]>(config)
      return rows
    } catch (error) {
      if (!isConnectionSound(error)) this.#isSound = false
      throw translateError(error, this.name)
    }
  }
}

/** Statements with the quoted name of the schema put in. They are remembered: their texts are constants, and few. */
class StatementsInSchema {
  readonly #quoted: string
  readonly #filled = new Map<string, { readonly text: string; readonly name: string }>()

  constructor(schema: string) {
    this.#quoted = `"${schema.replaceAll('"', '""')}"`
  }

  of(text: string): { readonly text: string; readonly name: string } {
    let statement = this.#filled.get(text)
    if (statement === undefined) {
      statement = { text: text.replaceAll('/* schema */', this.#quoted), name: `millrace_${this.#filled.size}` }
      this.#filled.set(text, statement)
    }
    return statement
  }
}

/**
 * Compiling a statement takes longer than any of ours runs, and the server's estimates of empty tables ask for it. Whatever
 * the default of the database is: statements here see what others have committed, wait for locks and go on from there.
 */
const FOR_ALL_STATEMENTS = `set jit = off; set default_transaction_isolation = 'read committed'`

/**
 * Claims and acks go by their indexes. Their plans are made once, perhaps while a table is empty and looks as if reading it
 * whole were cheap, and must still be good when it has a million rows.
 */
const FOR_HOT_STATEMENTS = `${FOR_ALL_STATEMENTS}; set enable_seqscan = off; set plan_cache_mode = force_generic_plan`

/** The settings of every connection. */
function connectionConfig(config: PgConfig): PgConfig {
  const { ssl } = config
  return {
    application_name: 'millrace',
    ...config,
    // The driver hides the key in the object that it is given, from whoever copies it later.
    ...(typeof ssl === 'object' ? { ssl: { ...ssl } } : {}),
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  }
}

/** The driver is an optional dependency: only who uses PostgreSQL needs it. */
async function loadDriver(): Promise<Driver> {
  try {
    const { default: pg } = await import('pg')
    return pg
  } catch (error) {
    throw storeError('ERR_STORE_ENGINE', 'PostgreSQL needs the package "pg"; run: npm install pg', error)
  }
}

const asNumber = (text: string): number => Number(text)

/** int2, int4, int8, float4, float8: all numbers here are within what a double keeps exactly. */
const NUMBER_TYPES = new Set([20, 21, 23, 700, 701])
const BOOLEAN_TYPE = 16

/** Numbers and flags are parsed; all else stays the text that the server sent. */
const TYPES = {
  getTypeParser: (oid: number): ((text: string) => unknown) => {
    if (NUMBER_TYPES.has(oid)) return asNumber
    if (oid === BOOLEAN_TYPE) return (text) => text === 't'
    return (text) => text
  },
}
