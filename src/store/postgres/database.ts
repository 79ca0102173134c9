/**
 * The connections of the store: three lanes, each a small pool of its own, so that claims never wait behind acks and neither
 * waits behind a long read.
 *
 *     claims   one connection: commits need no wait for the disk
 *     acks     one connection: one batch after the other, which is what groups them
 *     general  two connections: everything else
 *
 * Besides these the listener and the beat have one each: six connections for a process at most, whatever its concurrency.
 * A lane connects with its first use. A connection that fails is thrown away, never given back to its lane. What makes the
 * server itself doubtful (it was demoted, has crashed, does not answer) empties all lanes: idle connections to a server that
 * is gone do not notice. One to a server that takes no writes serves for what it was made for, and is not kept.
 *
 * Every statement has a limit here; where no pooler stands between, the server has a shorter one, so that it does not go on
 * with what nobody waits for. What the server rolled back for the sake of another session is done again at once, a few times.
 */

import type { Client, ClientConfig, Pool, PoolClient, QueryConfig } from 'pg'
import { assert } from '../../host/errors.ts'
import { storeError } from '../errors.ts'
import {
  isConnectionSound,
  isRolledBack,
  isServerDoubtful,
  translateConnectError,
  translateStatementError,
} from './errors.ts'
import { lookAt } from './pooler.ts'
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
  /** Runs `work` in one transaction, which is rolled back when it throws; again when the server asks for that. */
  transaction<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** Runs `work` on one connection. */
  session<T>(work: (db: Db) => Promise<T>): Promise<T>
}

/** No statement of ours takes nearly as long; a connection that does not answer for so long is given up. */
const QUERY_TIMEOUT_MS = 10_000
const CONNECT_TIMEOUT_MS = 10_000

/** How often the same work is done when the server rolls it back for the sake of another session. */
const MOST_TRIES = 4

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
  /** Connections that were made earlier are not used any more. */
  #generation = 0
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
    return new Connection(client, { name: this.name, statements: this.#statements, isDirect: false })
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
    const take = async (): Promise<PoolClient> => {
      for (;;) {
        const client = await (await (pool ??= open())).connect()
        const known = connections.get(client)
        if (known === undefined || isCurrent(known)) return client
        dismiss(client)
      }
    }
    const isCurrent = (connection: Connection): boolean =>
      connection.isSound && connection.generation === this.#generation
    const connect = async (): Promise<PoolClient> => {
      try {
        const client = await take()
        if (connections.has(client)) return client
        try {
          const generation = this.#generation
          const { isPooled, isReadOnly } = await lookAt(client)
          if (!isPooled) await client.query(settings)
          const connection = new Connection(client, {
            name,
            statements: this.#statements,
            isDirect: !isPooled,
            isPassing: isReadOnly,
            generation,
            onDoubt: () => this.#doubt(generation),
          })
          connections.set(client, connection)
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
        if (isCurrent(connection) && !connection.isPassing) client.release()
        else dismiss(client)
      }
    }
    return {
      name,
      query: (text, values) => untilDone(() => session((db) => db.query(text, values))),
      repeat: (text, values) => untilDone(() => session((db) => db.repeat(text, values))),
      session,
      transaction: (work) =>
        untilDone(() =>
          session(async (db) => {
            await db.query(db.isDirect ? BEGIN : BEGIN_POOLED)
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
        ),
    }
  }

  /** All connections that were made before the one that failed, and that one, are given up; idle ones now. */
  #doubt(generation: number): void {
    // Those that fail later of the same cause say nothing about the ones that were made since.
    if (generation !== this.#generation) return
    this.#generation += 1
    for (const pool of this.#pools) {
      for (let idle = pool.idleCount; idle > 0; idle--) {
        // Where it cannot be had, somebody else has taken it, and dismisses it.
        pool.connect().then(dismiss, () => {})
      }
    }
  }
}

/** Ends a connection instead of giving it back. Its other side may be gone: that must keep no process alive. */
function dismiss(client: PoolClient): void {
  // A method that the type declarations of the driver leave out.
  ;(client as unknown as { unref(): void }).unref()
  client.release(true)
}

/** Does work again that the server has rolled back for the sake of another session. */
async function untilDone<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (tries === MOST_TRIES || !isRolledBack(error)) throw error
    }
  }
}

interface ConnectionOptions {
  /** How the database is called in messages. */
  readonly name: string
  readonly statements: StatementsInSchema
  /** Whether no pooler stands between. */
  readonly isDirect: boolean
  /** Whether it is not kept when its first user has done with it. */
  readonly isPassing?: boolean
  /** See {@link Database}. */
  readonly generation?: number
  /** The server itself is doubtful now. */
  readonly onDoubt?: () => void
}

/** One connection of the driver. */
class Connection implements Db {
  readonly name: string
  readonly isDirect: boolean
  readonly isPassing: boolean
  readonly generation: number
  readonly #client: Pick<Client, 'query'>
  readonly #statements: StatementsInSchema
  readonly #onDoubt: (() => void) | undefined
  #isSound = true

  constructor(client: Pick<Client, 'query'>, options: ConnectionOptions) {
    const { name, statements, isDirect, isPassing = false, generation = 0, onDoubt } = options
    this.name = name
    this.isDirect = isDirect
    this.isPassing = isPassing
    this.generation = generation
    this.#client = client
    this.#statements = statements
    this.#onDoubt = onDoubt
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
    return this.#run(this.isDirect ? statement : { text: statement.text }, values)
  }

  async #run(statement: QueryConfig, values: readonly SqlValue[] | undefined): Promise<readonly Row[]> {
    const config: QueryConfig & { rowMode: 'array' } = { ...statement, rowMode: 'array', types: TYPES }
    if (values !== undefined) config.values = [...values]
    try {
      const { rows } = await this.#client.query<unknown[]>(config)
      return rows
    } catch (error) {
      if (!isConnectionSound(error)) {
        this.#isSound = false
        if (isServerDoubtful(error)) this.#onDoubt?.()
      }
      throw translateStatementError(error, this.name)
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
 * How long the server goes on: with a statement, a little less than we wait for it; with waiting for a lock; and with a
 * transaction whose client says nothing, because its network is gone, or its process is stopped, or its event loop blocked.
 * Otherwise what nobody waits for any more would hold locks that others need, those first who want to rescue its jobs: so a
 * silent transaction ends before the time is over after which a node counts as dead.
 */
const SERVER_LIMITS = [
  ['statement_timeout', '9s'],
  ['lock_timeout', '2s'],
  ['idle_in_transaction_session_timeout', '5s'],
] as const

const BEGIN = 'begin isolation level read committed'

/** Through a pooler a setting may not outlive its transaction. */
const BEGIN_POOLED = [BEGIN, ...SERVER_LIMITS.map(([name, limit]) => `set local ${name} = '${limit}'`)].join('; ')

/**
 * Compiling a statement takes longer than any of ours runs, and the server's estimates of empty tables ask for it. Whatever
 * the default of the database is: statements here see what others have committed, wait for locks and go on from there.
 */
const FOR_ALL_STATEMENTS = [
  `set jit = off; set default_transaction_isolation = 'read committed'`,
  ...SERVER_LIMITS.map(([name, limit]) => `set ${name} = '${limit}'`),
].join('; ')

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
