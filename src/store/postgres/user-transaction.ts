/**
 * From the transaction that a user has in hand to one way of asking it: statements of ours then run on the user's own
 * connection. The libraries are known by their shape and never imported; nothing here begins, commits or ends anything.
 *
 * They differ in how they bind parameters and read columns, so statements that run here keep to this:
 * - A parameter has a cast in the text (`$1::uuid`). It is sent as text and cast by the server: some libraries would
 *   encode a parameter by the type that the server wants, and JSON twice.
 * - A column is of type text, boolean or integer (int4), which all libraries read alike, and has a name of its own that is no
 *   number, because some libraries answer objects.
 */

import { storeError } from '../errors.ts'

/** A transaction of the user. */
export interface UserTransaction {
  /** The library behind it, for messages. */
  readonly library: string
  /** An object that means the same database as long as it lives, the longest-lived that could be found. */
  readonly database: object
  /** The rows of a statement: columns in its order. Throws what the library throws. */
  query(text: string, values?: readonly UserValue[]): Promise<readonly (readonly unknown[])[]>
}

/** What a statement may be given. */
export type UserValue = string | number | boolean | null

/** Asks a library: `values` are as many as the text has parameters, each a text or null. */
type Ask = (text: string, values: (string | null)[]) => Promise<readonly (readonly unknown[])[]>

/**
 * Understands what the user passed as `tx`.
 *
 * @throws `ERR_TX_FOREIGN` for what is no transaction of a library that is known here, with the reason where it can be told.
 */
export function userTransaction(tx: unknown): UserTransaction {
  if ((typeof tx !== 'object' && typeof tx !== 'function') || tx === null) return refuse(`is ${describe(tx)}`)
  // Known by now to be an object or a function; a model of Prisma may have the name that another library is known by.
  const value = tx as Loose
  const found = prisma(value) ?? kysely(value) ?? drizzle(value) ?? knex(value) ?? postgresJs(value) ?? pg(value)
  return found ?? refuse(`is ${describe(tx)}`)
}

const UNDERSTOOD =
  'a client of pg with a transaction open, `sql` inside `sql.begin` of postgres.js, or the transaction of Drizzle, Kysely, Knex or Prisma'

function refuse(reason: string): never {
  throw storeError('ERR_TX_FOREIGN', `the transaction ${reason}; pass ${UNDERSTOOD}`)
}

/** What some library made: everything about it is looked at before it is used. */
type Loose = Readonly<Record<string, unknown>>

type Method = (...args: unknown[]) => unknown

function method(owner: object, name: string): Method | undefined {
  const found: unknown = Reflect.get(owner, name)
  // A function that is called as a method of its owner.
  return typeof found === 'function' ? (...args) => Reflect.apply(found, owner, args) as unknown : undefined
}

/** `tx` in `db.transaction(async tx => …)`: a session around the driver's own transaction. */
function drizzle({ session, rollback }: Loose): UserTransaction | undefined {
  if (!isObject(session) || !('client' in session)) return undefined
  if (typeof rollback !== 'function') return refuse('is a database of Drizzle; pass the `tx` of db.transaction instead')
  const { client } = session
  const driver = isObject(client) ? (postgresJs(client) ?? pg(client)) : undefined
  if (driver === undefined) return refuse('is one of Drizzle on a driver other than node-postgres and postgres-js')
  return { ...driver, library: `Drizzle on ${driver.library}` }
}

/** `trx` in `knex.transaction(async trx => …)`: a function with methods. */
function knex(trx: Loose): UserTransaction | undefined {
  const raw = method(trx, 'raw')
  const { client } = trx
  if (typeof trx !== 'function' || raw === undefined || !isObject(client)) return undefined
  const { dialect } = client
  if (dialect !== 'postgresql') return refuse(`is one of Knex on ${String(dialect)}`)
  if (trx['isTransaction'] !== true) return refuse('is a database of Knex; pass the `trx` of knex.transaction instead')
  const ask: Ask = async (text, values) => {
    const bindings: (string | null)[] = []
    const bound = text.replaceAll(/\$(\d+)|\?/g, (found, place: string | undefined) => {
      if (place === undefined) return `\\${found}`
      bindings.push(values[Number(place) - 1] ?? null)
      return '?'
    })
    return rowsOf(await raw(bound, bindings))
  }
  return made('Knex', isObject(client['config']) ? client['config'] : trx, ask)
}

/** `sql` in `sql.begin(async sql => …)`: a function with `savepoint`; or a reserved connection, which has `release`. */
function postgresJs(sql: Loose): UserTransaction | undefined {
  const unsafe = method(sql, 'unsafe')
  if (typeof sql !== 'function' || unsafe === undefined) return undefined
  const isOneConnection = typeof sql['savepoint'] === 'function' || typeof sql['release'] === 'function'
  if (!isOneConnection) return refuse('is a pool of postgres.js; pass the `sql` that sql.begin gives to its function')
  return made('postgres.js', sql, async (text, values) => {
    const rows = await unsafe(text, values)
    return isRows(rows) ? rows.map(columnsOf) : []
  })
}

/** `trx` in `db.transaction().execute(async trx => …)`, or a controlled transaction. */
function kysely(trx: Loose): UserTransaction | undefined {
  const executeQuery = method(trx, 'executeQuery')
  if (executeQuery === undefined || !('isTransaction' in trx)) return undefined
  if (trx['isTransaction'] !== true)
    return refuse('is a database of Kysely; pass the `trx` of db.transaction().execute instead')
  const executor = method(trx, 'getExecutor')?.()
  const adapter = isObject(executor) ? executor['adapter'] : undefined
  return made('Kysely', isObject(adapter) ? adapter : trx, async (text, values) => {
    // What `CompiledQuery.raw` of Kysely makes.
    const query = { kind: 'RawNode', sqlFragments: [text], parameters: [] }
    return rowsOf(await executeQuery({ sql: text, parameters: values, query, queryId: { queryId: 'millrace' } }))
  })
}

/** `tx` in `prisma.$transaction(async tx => …)`. */
function prisma(tx: Loose): UserTransaction | undefined {
  const queryRaw = method(tx, '$queryRawUnsafe')
  if (queryRaw === undefined) return undefined
  if (typeof tx['$connect'] === 'function')
    return refuse('is a client of Prisma; pass the `tx` of prisma.$transaction(async tx => …) instead')
  return made('Prisma', tx, async (text, values) => {
    const rows = await queryRaw(text, ...values)
    return isRows(rows) ? rows.map(columnsOf) : []
  })
}

/** A `Client`, or what `pool.connect()` answers. */
function pg(client: Loose): UserTransaction | undefined {
  const query = method(client, 'query')
  if (query === undefined) return undefined
  if ('totalCount' in client && 'idleCount' in client)
    return refuse('is a pool of pg, whose every query may take another connection; pass the client of pool.connect()')
  if (typeof client['escapeLiteral'] !== 'function') return undefined
  // Known to the driver since its last answer; older versions cannot tell.
  if (method(client, 'getTransactionStatus')?.() === 'I')
    return refuse('is a client of pg with no transaction open; send `begin` first, and wait for it')
  return made('pg', client, async (text, values) => rowsOf(await query({ text, values, rowMode: 'array' })))
}

function made(library: string, database: object, ask: Ask): UserTransaction {
  return {
    library,
    database,
    query: (text, values = []) =>
      ask(
        asText(text),
        values.map((value) => (value === null ? null : String(value))),
      ),
  }
}

/** Every parameter with a cast goes as text, and is cast by the server. */
function asText(text: string): string {
  return text.replaceAll(/(\$\d+)::(?!text\b(?!\[))/g, '$1::text::')
}

function rowsOf(result: unknown): readonly (readonly unknown[])[] {
  return isObject(result) && isRows(result['rows']) ? result['rows'].map(columnsOf) : []
}

function isRows(value: unknown): value is readonly (object | readonly unknown[])[] {
  return Array.isArray(value) && value.every((row) => typeof row === 'object' && row !== null)
}

/** By their order: a plugin of the user's may have renamed them. */
function columnsOf(row: object | readonly unknown[]): readonly unknown[] {
  // An array, as pg answers when asked for it, is one already.
  return Array.isArray(row) ? (row as readonly unknown[]) : Object.values(row)
}

function isObject(value: unknown): value is Loose {
  return (typeof value === 'object' || typeof value === 'function') && value !== null
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return typeof value === 'object' ? `an object of ${value.constructor?.name ?? 'no class'}` : `a ${typeof value}`
}
