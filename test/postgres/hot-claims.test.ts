import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { eventually } from '../support/eventually.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, aNode, jobs } from '../support/store-jobs.ts'

describe('a claim', () => {
  it.each([15, 18] as const)('updates rows in place (HOT) on PostgreSQL %i', async (version) => {
    const { url } = await postgresDatabase(version)
    const store = openPostgresStore({ host: nodeHost(), database: url })
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    onTestFinished(async () => {
      await client.end()
      await store.close()
    })
    const node = aNode()
    await store.registerNode(node)
    const claimed = []
    for (let batch = 0; batch < 10; batch++) {
      await store.insertJobs(jobs(1_000))
      const held = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 700 }] })
      claimed.push(...held.jobs)
      await store.ackJobs(held.jobs.slice(0, 500).map((job) => ackOf(job)))
    }
    expect(claimed.length).toBe(7_000)
    // A session reports what it did when it ends, if not before.
    await store.close()
    const { updated, hot } = await eventually(
      async () => {
        await client.query('select pg_stat_clear_snapshot()')
        const { rows } = await client.query<{ updated: string; hot: string; gone: string }>(
          `select n_tup_upd as updated, n_tup_hot_upd as hot, n_tup_del as gone
         from pg_stat_user_tables where schemaname = 'millrace' and relname = 'job'`,
        )
        const [row] = rows
        if (Number(row?.updated) < 7_000 || Number(row?.gone) < 5_000) return null
        return { updated: Number(row?.updated), hot: Number(row?.hot) }
      },
      { withinMs: 20_000, everyMs: 100 },
    )
    expect(updated).toBe(7_000)
    expect(hot / updated).toBeGreaterThanOrEqual(0.99)
  })
})
