import { describe, expect, it } from 'vitest'
import { userTransaction } from './user-transaction.ts'

const nothing = (): void => {}

describe('what is no transaction', () => {
  it.each([
    ['undefined', undefined, /is undefined/],
    ['null', null, /is null/],
    ['a text', 'tx', /is a string/],
    ['an object', {}, /is an object of Object/],
    ['a function', nothing, /is a function/],
    ['a connection of mysql2', { query: nothing, execute: nothing, escape: nothing }, /is an object of Object/],
    ['a pool of pg', { query: nothing, totalCount: 0, idleCount: 0 }, /pool of pg.*pool\.connect\(\)/],
    [
      'a client of pg without a transaction',
      { query: nothing, escapeLiteral: nothing, getTransactionStatus: () => 'I' },
      /no transaction open; send `begin`/,
    ],
    ['a pool of postgres.js', Object.assign(() => {}, { unsafe: nothing, begin: nothing }), /sql\.begin/],
    ['a database of Drizzle', { session: { client: {} } }, /database of Drizzle.*db\.transaction/],
    ['Drizzle on another driver', { session: { client: {} }, rollback: nothing }, /other than node-postgres/],
    ['a database of Kysely', { executeQuery: nothing, isTransaction: false }, /database of Kysely.*trx/],
    [
      'a database of Knex',
      Object.assign(() => {}, { raw: nothing, client: { dialect: 'postgresql' } }),
      /database of Knex.*trx/,
    ],
    [
      'Knex on another database',
      Object.assign(() => {}, { raw: nothing, client: { dialect: 'mysql' }, isTransaction: true }),
      /Knex on mysql/,
    ],
    ['a client of Prisma', { $queryRawUnsafe: nothing, $connect: nothing }, /client of Prisma.*\$transaction/],
  ])('is refused: %s', (_what, tx, says) => {
    expect(() => userTransaction(tx)).toThrow(expect.objectContaining({ code: 'ERR_TX_FOREIGN' }))
    expect(() => userTransaction(tx)).toThrow(says)
    expect(() => userTransaction(tx)).toThrow(/pass a client of pg .* postgres\.js.* Drizzle, Kysely, Knex or Prisma/)
  })
})

describe('a statement', () => {
  it('sends parameters as texts, cast by the server whatever the library makes of them', async () => {
    const sent: unknown[] = []
    const tx = {
      $queryRawUnsafe: async (...parts: unknown[]) => {
        sent.push(parts)
        return [{ b: 1, a: 'x' }]
      },
      // A model of that name.
      session: { findMany: nothing },
    }
    const text = 'select $1::jsonb, $2::text, $3::text[], $10::int, $4'
    expect(await userTransaction(tx).query(text, ['{}', 7, true, null])).toEqual([[1, 'x']])
    const cast = 'select $1::text::jsonb, $2::text, $3::text::text[], $10::text::int, $4'
    expect(sent).toEqual([[cast, '{}', '7', 'true', null]])
  })
})
