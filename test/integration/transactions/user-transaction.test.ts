/** What all libraries make of one statement, on a real server. */

import { afterAll, describe, expect, it } from 'vitest'

import { TransactionGate } from '../../../src/store/postgres/admit-transaction.ts'
import { userTransaction } from '../../../src/store/postgres/user-transaction.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { LIBRARIES } from '../../support/transaction-libraries.ts'

const JOB = {
  id: '0190a000-0000-7000-8000-000000000001',
  args: '["a\\"b", {"c": null}, "what?", "$1"]',
  tags: ['x', 'y z'],
}

const INSERT = `
  with input as (
    select $1::uuid as id, e->>0 as first, $2::jsonb #>> '{1}' as second, $2::jsonb ? 'what?' as has,
      $3::text[] as tags, $4::integer as number, $5::boolean as flag, $6::text as nothing, $7::double precision as real
    from (select $2::jsonb as e) parsed)
  insert into taken (id, args, tags, number, flag, nothing, real) select id, $2::jsonb, tags, number, flag, nothing, real from input
  returning id::text, args::text as stored_args, array_length(tags, 1) as tag_count, number, flag, nothing, real::text as real`

const VALUES = [JOB.id, JOB.args, '{"x","y z"}', 42, false, null, 0.5] as const

const CREATE = `create table if not exists taken (id uuid, args jsonb, tags text[], number integer, flag boolean, nothing text, real double precision)`

const COUNT = 'select count(*)::integer as n from taken'

describe.each(Object.entries(LIBRARIES))('%s', async (_name, make) => {
  const { url, name: database } = await postgresDatabase()
  const library = make(url)
  const elsewhere = make((await postgresDatabase()).url)
  afterAll(async () => {
    await library.close()
    await elsewhere.close()
  })

  it('runs statements of ours in the transaction: there when it is committed', async () => {
    await library.transaction((_tx, execute) => execute(CREATE))
    const rows = await library.transaction(async (tx) => userTransaction(tx).query(INSERT, VALUES))
    expect(rows).toEqual([[JOB.id, '["a\\"b", {"c": null}, "what?", "$1"]', 2, 42, false, null, '0.5']])
    expect(await library.transaction(async (tx) => userTransaction(tx).query(COUNT))).toEqual([[1]])
  })

  it('leaves nothing of them when it is rolled back', async () => {
    await library.transaction((_tx, execute) => execute(CREATE))
    const count = () => library.transaction(async (tx) => userTransaction(tx).query(COUNT))
    const before = await count()
    const undone = library.transaction(async (tx) => {
      await userTransaction(tx).query(INSERT, VALUES)
      throw new Error('out of stock')
    })
    await expect(undone).rejects.toThrow('out of stock')
    expect(await count()).toEqual(before)
  })

  it('sees what the transaction did before', async () => {
    await library.transaction(async (tx, execute) => {
      await execute('create temp table mine (x integer) on commit drop')
      await execute('insert into mine values (7)')
      expect(await userTransaction(tx).query('select x from mine where x = $1::integer', [7])).toEqual([[7]])
      expect(await userTransaction(tx).query('select x from mine where x = $1::integer', [8])).toEqual([])
    })
  })

  it('throws what the library throws', async () => {
    const failing = library.transaction(async (tx) => userTransaction(tx).query('select * from nowhere'))
    await expect(failing).rejects.toThrow(/nowhere/)
  })

  it('is refused for what it makes transactions by', () => {
    expect(() => userTransaction(library.notYetTransaction)).toThrow(
      expect.objectContaining({ code: 'ERR_TX_FOREIGN' }),
    )
  })

  it('is admitted on its own database, and refused on another by both names', async () => {
    const own = { query: (text: string) => library.transaction(async (tx) => userTransaction(tx).query(text)) }
    const gate = new TransactionGate(own)
    await library.transaction(async (tx) => gate.admit(userTransaction(tx)))
    await library.transaction(async (tx) => gate.admit(userTransaction(tx)))
    const refused = elsewhere.transaction(async (tx) => gate.admit(userTransaction(tx)))
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TX_FOREIGN' })
    await expect(refused).rejects.toThrow(new RegExp(`is on database "test_.*the jobs are in database "${database}"`))
  })
})
