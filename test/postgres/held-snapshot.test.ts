import { randomUUID } from 'node:crypto'

import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { ClaimCursors } from '../../src/store/postgres/claim-cursors.ts'
import { Database } from '../../src/store/postgres/database.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { migrateSchema } from '../../src/store/postgres/schema.ts'
import { ackJobs } from '../../src/store/postgres/statements/ack-jobs.ts'
import { claimJobs } from '../../src/store/postgres/statements/claim-jobs.ts'
import { insertNewJobs } from '../../src/store/postgres/statements/insert-jobs.ts'
import { registerNode } from '../../src/store/postgres/statements/nodes.ts'
import { ExplainingDb } from '../support/explaining-db.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, aNode, jobs } from '../support/store-jobs.ts'

async function aClient(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

describe('a session that holds an old snapshot', () => {
  it('makes claims touch no more pages, however many jobs have passed', async () => {
    const { url } = await postgresDatabase()
    const database = new Database(addressOf(url, 'millrace'))
    onTestFinished(() => database.close())
    await migrateSchema(database)
    const node = aNode()
    await database.general.transaction((db) => registerNode(db, node))
    const old = await aClient(url)
    await old.query('begin isolation level repeatable read')
    await old.query('select count(*) from millrace.job')

    const cursors = new ClaimCursors()
    const pages: number[] = []
    for (let batch = 0; batch < 20; batch++) {
      await insertNewJobs(database.general, jobs(500), '')
      const now = batch
      // The first has to look from the start; the walk from the start that comes now and then is not what this is about.
      const start = batch === 0 ? { isRescan: true, levels: [] } : cursors.start('q', now)
      expect(start.isRescan).toBe(batch === 0)
      const wants = [{ queue: 'q', count: 500, start }]
      const order = {
        node: node.id,
        lease: randomUUID(),
        names: ['mail.ping'],
        wants,
        mustLookAhead: true,
        on: null,
        breakers: 0,
        keptBack: null,
      }
      const claimed = await database.claims.transaction(async (db) => {
        const explaining = new ExplainingDb(db, true)
        const answer = await claimJobs(explaining, order)
        pages.push(explaining.explained[0]?.pages ?? NaN)
        return answer
      })
      const met = claimed.met.get('q')?.highest ?? new Map<number, number>()
      cursors.advance('q', { isFull: true, isRescan: start.isRescan, now, tookMs: 1, met })
      expect(claimed.jobs.length).toBe(500)
      const acks = claimed.jobs.map(({ job }) => ackOf(job))
      await database.acks.session((db) =>
        ackJobs(db, acks, { node: node.id, endedLeases: [order.lease], counter: node.id, placeOf: () => null }),
      )
    }
    // Nothing of the 9,500 jobs that have gone is walked over: their rows and index entries are all still there.
    const dead = await aClient(url)
    const { rows } = await dead.query<{ pages: number }>(
      `select pg_relation_size('millrace.job_ready') / 8192 as pages`,
    )
    expect(Number(rows[0]?.pages)).toBeGreaterThan(20)
    const early = Math.min(...pages.slice(1, 5))
    const late = Math.min(...pages.slice(-4))
    expect(late).toBeLessThan(early * 1.2)
  })
})

describe('a transaction that reads history', () => {
  it('delays no ack, and is waited for by no pruner', async () => {
    const { url } = await postgresDatabase()
    const store = openPostgresStore({ host: nodeHost(), database: url })
    onTestFinished(() => store.close())
    const node = aNode()
    await store.registerNode(node)
    const claim = async (count: number) =>
      (await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count }] })).jobs.map((job) => ackOf(job))
    await store.insertJobs(jobs(40))
    await store.ackJobs(await claim(20))

    const reader = await aClient(url)
    await reader.query('begin isolation level repeatable read')
    await reader.query('select * from millrace.history limit 10 for share')
    await reader.query('select count(*) from millrace.history')

    // What is locked is left to its reader; all else goes, and nobody waits.
    const policy = { queue: null, completedMs: 0, cancelledMs: 0, failedMs: 0 }
    expect((await store.pruneJobs([policy])).pruned).toBe(10)
    const acks = await claim(20)
    await store.ackJobs(acks)
    expect((await store.readEndings(acks.map(({ id }) => id))).map(({ state }) => state)).not.toContain('live')

    await reader.query('rollback')
    expect((await store.pruneJobs([policy])).pruned).toBe(30)
  })
})
