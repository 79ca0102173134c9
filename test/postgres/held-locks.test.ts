import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { Database } from '../../src/store/postgres/database.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { eventually } from '../support/eventually.ts'
import { gate } from '../support/gate.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, aNode, jobs } from '../support/store-jobs.ts'

/**
 * A node that was declared dead while a transaction of its user is open, in which one of its two jobs was ended: as when its
 * process is stopped, or the network between it and the server is gone.
 */
async function aStoppedNode() {
  const { url } = await postgresDatabase()
  const open = () => openPostgresStore({ host: nodeHost(), database: url })
  const [stopped, other] = [open(), open()]
  const [user, admin] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })]
  await Promise.all([user.connect(), admin.connect()])
  onTestFinished(async () => {
    await Promise.all([user.end(), admin.end()])
    await stopped.close()
    await other.close()
  })
  const node = aNode()
  await stopped.registerNode(node)
  await stopped.insertJobs(jobs(2))
  const { jobs: claimed } = await stopped.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 2 }] })
  const [ended, held] = claimed
  if (ended === undefined || held === undefined) throw new Error('two jobs were claimed')
  await user.query('begin')
  expect(await stopped.ackInTransaction(user, ackOf(ended))).toBe(true)
  const rescue = async () => {
    const found = (await other.readNodes()).find(({ id }) => id === node.id)
    return other.rescueNode({ node: node.id, beatSeq: found?.beatSeq ?? 0, quarantineAfter: 3 })
  }
  /** What pruning does later with what a dead node still holds. */
  const prune = async () => {
    await admin.query('update millrace.lease set at = at - 60000')
    await other.pruneJobs([])
  }
  const stateOf = async (id: string) => (await other.readJob(id))?.job.state
  return { node: node.id, ended: ended.id, held: held.id, user, admin, rescue, prune, stateOf }
}

it('a rescue frees the other jobs of a node that has ended one in an open transaction, and does not wait for that', async () => {
  const { ended, held, user, rescue, stateOf } = await aStoppedNode()
  expect(await rescue()).toMatchObject({ requeued: [held] })
  expect(await stateOf(held)).toBe('queued')
  expect(await stateOf(ended)).toBe('running')
  await user.query('commit')
  expect(await stateOf(ended)).toBe('completed')
})

it('a job that was ended in a transaction which is rolled back after the rescue is freed by pruning', async () => {
  const { ended, user, rescue, prune, stateOf } = await aStoppedNode()
  await rescue()
  await prune()
  expect(await stateOf(ended)).toBe('running')
  await user.query('rollback')
  await prune()
  expect(await stateOf(ended)).toBe('queued')
})

it('a rescue does not wait for another rescuer that was stopped in the middle of it', async () => {
  const { node, user, admin, held, rescue, stateOf } = await aStoppedNode()
  await user.query('rollback')
  await admin.query('begin')
  await admin.query('select 1 from millrace.node where id = $1 for update', [node])
  expect(await rescue()).toBeNull()
  await admin.query('rollback')
  expect(await rescue()).toMatchObject({ requeued: expect.arrayContaining([held]) as unknown })
  expect(await stateOf(held)).toBe('queued')
})

it('the server ends a transaction of the store that nobody goes on with, and frees its locks', async () => {
  const { url } = await postgresDatabase()
  const stopped = new Database(addressOf(url, 'millrace'))
  const other = new pg.Client({ connectionString: url })
  await other.connect()
  onTestFinished(async () => {
    await other.end()
    await stopped.close()
  })
  const [isLocked, mayGoOn] = [gate(), gate()]
  const transaction = stopped.general.transaction(async (db) => {
    await db.query('select pg_advisory_xact_lock(1)')
    isLocked.open()
    await mayGoOn.passed
    await db.query('select 1')
  })
  transaction.catch(() => {})
  await isLocked.passed
  const isFree = async () => {
    const { rows } = await other.query<{ is_free: boolean }>('select pg_try_advisory_lock(1) as is_free')
    return rows[0]?.is_free === true
  }
  expect(await isFree()).toBe(false)
  await eventually(isFree, { withinMs: 15_000, everyMs: 250 })
  mayGoOn.open()
  await expect(transaction).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
})
