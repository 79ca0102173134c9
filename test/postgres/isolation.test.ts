import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, aNode, jobs } from '../support/store-jobs.ts'

function aStore(database: string) {
  const store = openPostgresStore({ host: nodeHost(), database })
  onTestFinished(() => store.close())
  return store
}

async function aClient(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

describe('a database whose transactions are serializable by default', () => {
  it('is worked on as any other', async () => {
    const { url, name } = await postgresDatabase()
    await (await aClient(url)).query(`alter database ${name} set default_transaction_isolation = 'serializable'`)
    const work = async () => {
      const store = aStore(url)
      const node = aNode()
      await store.registerNode(node)
      let count = 0
      for (let round = 0; round < 20; round++) {
        await store.insertJobs(jobs(20))
        const claimed = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 20 }] })
        count += claimed.jobs.length
        await Promise.all([
          store.ackJobs(claimed.jobs.slice(0, 15).map((job) => ackOf(job))),
          store.giveBackJobs(claimed.jobs.slice(15)),
        ])
      }
      return count
    }
    const counts = await Promise.all([work(), work(), work()])
    expect(Math.min(...counts)).toBeGreaterThan(300)
  })
})
