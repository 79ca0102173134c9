import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { nodeHost } from '../../src/host/host.ts'
import { ArrivalPace } from '../../src/store/postgres/arrival-pace.ts'
import { Claims } from '../../src/store/postgres/claims.ts'
import { Database, type Lane } from '../../src/store/postgres/database.ts'
import { HeldLeases } from '../../src/store/postgres/held-leases.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { migrateSchema } from '../../src/store/postgres/schema.ts'
import { ackJobs } from '../../src/store/postgres/statements/ack-jobs.ts'
import { registerNode } from '../../src/store/postgres/statements/nodes.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, aNode } from '../support/store-jobs.ts'

const { url } = await postgresDatabase()
const database = new Database(addressOf(url, 'millrace'))

beforeAll(() => migrateSchema(database))
afterAll(() => database.close())

/** Claims of a new node, whose connection loses the answers to the statements that `isLost` picks, in the order of claims. */
async function aNodeThatLoses(queue: string, isLost: (claim: number) => boolean) {
  const node = aNode({ queues: [queue] })
  await database.general.transaction((db) => registerNode(db, node))
  let count = 0
  const lane: Lane = {
    ...database.claims,
    repeat: async (text, values) => {
      const rows = await database.claims.repeat(text, values)
      if (text.includes('picked as')) {
        count += 1
        if (isLost(count)) throw new Error('the connection broke')
      }
      return rows
    },
  }
  const held = new HeldLeases()
  const lossy: Database = Object.create(database, { claims: { value: lane } })
  const claims = new Claims(nodeHost(), { database: lossy, held, pace: new ArrivalPace(), listener: () => null })
  claims.register(node)
  const claim = async (wanted = 10) => (await claims.claim({ node: node.id, wants: [{ queue, count: wanted }] })).jobs
  const ack = async (jobs: Awaited<ReturnType<typeof claim>>) => {
    const acks = jobs.map((job) => ackOf(job))
    const endedLeases = held.endedBy(acks)
    await database.acks.session((db) =>
      ackJobs(db, acks, { node: node.id, endedLeases, counter: node.id, placeOf: (job) => held.placeOf(job) }),
    )
    held.remove(acks)
  }
  return { node, claim, ack }
}

async function rowsOf(text: string, ...values: string[]): Promise<unknown> {
  return (await database.general.query(text, values))[0]?.[0]
}

const store = (queue: string, isReady: boolean) =>
  database.general.query(
    `insert into /* schema */.job (name, queue, seq)
     values ('mail.ping', $1::text, case when $2::boolean then nextval('/* schema */.job_seq') end)`,
    [queue, isReady],
  )

describe('a claim whose answer is lost', () => {
  it('is given back, and its jobs are claimed again without a charge', async () => {
    const { claim } = await aNodeThatLoses('one', (count) => count === 1)
    await store('one', true)
    await expect(claim()).rejects.toThrow('broke')
    const [again] = await claim()
    expect(again?.attempt).toBe(1)
  })

  it('is given back although an earlier statement of the same claim was answered', async () => {
    const { claim, ack, node } = await aNodeThatLoses('two', (count) => count === 2)
    await store('two', true)
    // Found by a second statement, once it has been promoted.
    await store('two', false)
    const first = await claim()
    expect(first.length).toBe(1)
    const second = await claim()
    expect(second.map(({ attempt }) => attempt)).toEqual([1])
    await ack(first)
    // The lease of the second stays: a rescue of the node must find it.
    expect(await rowsOf('select count(*) from /* schema */.lease where node = $1::uuid', node.id)).toBe(1)
    await ack(second)
    expect(await rowsOf('select count(*) from /* schema */.job where queue = $1::text', 'two')).toBe(0)
  })
})
