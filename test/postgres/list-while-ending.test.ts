import { afterAll, expect, it } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { Database, type Db } from '../../src/store/postgres/database.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { listJobs } from '../../src/store/postgres/statements/list-jobs.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, aNode, jobs } from '../support/store-jobs.ts'

const { url } = await postgresDatabase()
const database = new Database(addressOf(url, 'millrace'))
const store = openPostgresStore({ host: nodeHost(), database: url })
afterAll(async () => {
  await database.close()
  await store.close()
})

it('a job that ends while jobs are listed is listed once, as ended', async () => {
  const node = aNode()
  await store.registerNode(node)
  await store.insertJobs(jobs(3))
  const held = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
  const [running] = held.jobs
  const acks = held.jobs.map((job) => ackOf(job))
  // Between the look at the live jobs and the one at the others.
  const ending: Db = {
    name: database.name,
    repeat: (text, values) => database.general.repeat(text, values),
    query: async (text, values) => {
      const rows = await database.general.query(text, values)
      await store.ackJobs(acks.splice(0))
      return rows
    },
  }
  const { jobs: listed } = await listJobs(ending, { limit: 10, searchLimit: 0 })
  expect(listed.length).toBe(3)
  expect(listed.filter(({ id }) => id === running?.id).map(({ state }) => state)).toEqual(['completed'])
})
