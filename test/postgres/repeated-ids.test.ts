import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { eventually } from '../support/eventually.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, aJob, aNode } from '../support/store-jobs.ts'

it('a job whose id is enqueued again in the very moment in which it ends is not doubled', async () => {
  const { url } = await postgresDatabase()
  const store = openPostgresStore({ host: nodeHost(), database: url })
  onTestFinished(() => store.close())
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  const node = aNode()
  await store.registerNode(node)
  const job = aJob({ isIdChosen: true })
  await store.insertJobs([job])
  const [held] = (await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })).jobs
  if (held === undefined) throw new Error('one job was stored')

  // Its end is under way: the repeated insert has looked for ended jobs before, and finds no live one afterwards.
  await client.query('begin')
  await store.ackInTransaction(client, ackOf(held))
  const again = store.insertJobs([job, aJob({ isIdChosen: true })])
  await eventually(async () => {
    const { rows } = await client.query(
      `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
    )
    return rows.length > 0
  })
  await client.query('commit')

  expect((await again).map(({ status }) => status)).toEqual(['duplicate', 'created'])
  expect((await store.readJob(job.id))?.job.state).toBe('completed')
  expect((await store.listJobs({ limit: 10, searchLimit: 0 })).jobs.length).toBe(2)
})
