import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { Database } from '../../src/store/postgres/database.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { registerNode } from '../../src/store/postgres/statements/nodes.ts'
import { parkJobs, readPlaces } from '../../src/store/postgres/statements/step-over.ts'
import { gate } from '../support/gate.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { aNode, jobs, published } from '../support/store-jobs.ts'

/** A store whose clock can be moved on, connections beside it, and a job that only `other` can run. */
async function aPlace() {
  const { url } = await postgresDatabase()
  const host = nodeHost()
  let movedMs = 0
  const clock = { ...host.clock, monotonic: () => host.clock.monotonic() + movedMs }
  const store = openPostgresStore({ host: { ...host, clock }, database: url })
  const beside = new Database(addressOf(url, 'millrace'))
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(async () => {
    await client.end()
    await beside.close()
    await store.close()
  })
  const [stored] = await store.insertJobs(jobs(1, { name: 'mail.other' }))
  const other = aNode({ jobs: [published('mail.other')] })
  const claim = async () => (await store.claimJobs({ node: other.id, wants: [{ queue: 'q', count: 5 }] })).jobs
  /** What a node does that meets the job and cannot run it. */
  const park = async () => parkJobs(beside.general, await readPlaces(beside.general, 'q', new Map()))
  const parked = async () => {
    const { rows } = await client.query<{ parked: string | null }>('select parked from millrace.job')
    return rows[0]?.parked ?? null
  }
  return { store, beside, other, id: stored?.id, claim, park, parked, pass: (ms: number) => void (movedMs += ms) }
}

describe('a job that is parked while a node comes that can run it', () => {
  it('is not parked when the node is there already', async () => {
    const { store, other, park, parked, claim, id } = await aPlace()
    await store.registerNode(other)
    await park()
    expect(await parked()).toBeNull()
    expect((await claim()).map((job) => job.id)).toEqual([id])
  })

  it('is taken back when it was parked before', async () => {
    const { store, other, park, parked, claim, id } = await aPlace()
    await park()
    expect(await parked()).toBe('no-worker')
    await store.registerNode(other)
    expect((await claim()).map((job) => job.id)).toEqual([id])
  })

  it('is taken back when it was parked by somebody who could not see the node yet', async () => {
    const { store, beside, other, park, parked, claim, id } = await aPlace()
    await beside.acks.transaction(async (db) => {
      await registerNode(db, other)
      await park()
    })
    expect(await parked()).toBe('no-worker')
    await store.registerNode(other)
    expect((await claim()).map((job) => job.id)).toEqual([id])
  })

  it('is found by the claims of the node within ten seconds when the parking ends after all that', async () => {
    const { store, beside, other, parked, claim, id, pass } = await aPlace()
    const [isParked, mayCommit] = [gate(), gate()]
    const parking = beside.acks.transaction(async (db) => {
      await parkJobs(db, await readPlaces(db, 'q', new Map()))
      isParked.open()
      await mayCommit.passed
    })
    await isParked.passed
    await store.registerNode(other)
    expect(await claim()).toEqual([])
    mayCommit.open()
    await parking
    expect(await parked()).toBe('no-worker')
    pass(10_001)
    expect((await claim()).map((job) => job.id)).toEqual([id])
  })
})
