/** Enqueue and complete inside the transactions of each library, with a worker on the same PostgreSQL database. */

import { currentJob, job } from 'millrace'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { administer } from '../../support/postgres-server.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { LIBRARIES } from '../../support/transaction-libraries.ts'

type Execute = (text: string) => Promise<unknown>

describe.each(Object.entries(LIBRARIES))('%s', async (_name, make) => {
  const { url, name: database } = await postgresDatabase()
  const other = await postgresDatabase()
  const library = make(url)
  const elsewhere = make(other.url)

  const state = { behaviour: async (_tx: unknown, _execute: Execute): Promise<void> => {} }
  const work = {
    echo: async (value: string): Promise<string> => value,
    charge: job({ backoff: { base: 0 } }, async () => {
      await library.transaction((tx, execute) => state.behaviour(tx, execute))
    }),
  }
  // Durability is a setting of SQLite.
  const options = { database: url, durability: undefined }
  const effects = async (): Promise<readonly unknown[]> => {
    const rows = await administer(url, 'select id from effect order by id')
    return rows.map((row) => row['id'])
  }
  const addEffect = (execute: Execute): Promise<unknown> => execute(`insert into effect values ('${currentJob().id}')`)

  beforeAll(() => administer(url, 'create table effect (id text)'))
  afterAll(async () => {
    await library.close()
    await elsewhere.close()
  })

  it('enqueues with the transaction: the job is there and runs once it is committed', async () => {
    const { runner } = await aWorker({ work }, options)
    const handle = await library.transaction(async (tx) => {
      const enqueued = await runner.enqueue(work.echo, ['a "b" \u{1F600}'], { tx, tags: ['t', 'u v'], key: 'k' })
      expect(await runner.job(enqueued.id)).toBeNull()
      return enqueued
    })
    expect(handle.status).toBe('created')
    expect(await runner.job(handle.id)).toMatchObject({ tags: ['t', 'u v'], key: 'k' })
    expect(await handle.result({ timeout: '10s' })).toBe('a "b" \u{1F600}')
  })

  it('enqueues nothing when the transaction is rolled back', async () => {
    const { runner } = aRunner({ work }, options)
    const ids: string[] = []
    const undone = library.transaction(async (tx) => {
      const first = await runner.enqueue(work.echo, ['x'], { tx, delay: '1h' })
      const others = await runner.enqueueAll([
        [work.echo, ['y'], { tx, priority: 7 }],
        ['work.echo', ['z'], { tx }],
      ])
      ids.push(first.id, ...others.map(({ id }) => id))
      throw new Error('out of stock')
    })
    await expect(undone).rejects.toThrow('out of stock')
    expect(ids).toHaveLength(3)
    expect(await Promise.all(ids.map((id) => runner.job(id)))).toEqual([null, null, null])
  })

  it('enqueues all or answers duplicates, in the transaction', async () => {
    const { runner } = await aWorker({ work }, options)
    const results = await library.transaction(async (tx) => {
      const first = await runner.enqueueAll([
        [work.echo, ['1'], { tx }],
        [work.echo, ['2'], { tx, priority: -3 }],
      ])
      const again = await runner.enqueue(work.echo, ['1'], { tx, id: first[0].id })
      expect(again).toMatchObject({ id: first[0].id, status: 'duplicate' })
      return first
    })
    expect(await Promise.all(results.map((handle) => handle.result({ timeout: '10s' })))).toEqual(['1', '2'])
  })

  it('completes a job with its effects, and starts the next with them; rolled back, all of it happens again', async () => {
    const { runner } = await aWorker({ work }, options)
    const next: string[] = []
    state.behaviour = async (tx, execute) => {
      const { complete, attempt, enqueue, log } = currentJob()
      log(`attempt ${attempt}`)
      await addEffect(execute)
      next.push((await enqueue(work.echo, [`after ${attempt}`], { tx })).id)
      await complete(tx, { attempt })
      if (attempt === 1) throw new Error('rolled back')
    }
    const handle = await runner.enqueue(work.charge, [])
    expect(await handle.result({ timeout: '10s' })).toEqual({ attempt: 2 })
    expect((await effects()).filter((id) => id === handle.id)).toHaveLength(1)
    const [undone = '', done = ''] = next
    expect(await runner.job(undone)).toBeNull()
    expect(await runner.result(done, { timeout: '10s' })).toBe('after 2')
    const info = await runner.job(handle.id)
    expect(info).toMatchObject({ state: 'completed', attempt: 2 })
    expect(info?.attempts[0]).toMatchObject({ error: { message: 'rolled back' } })
  })

  it('holds up no other job while its transaction is open', async () => {
    const { runner } = await aWorker({ work }, options)
    const [completed, others] = [gate(), gate()]
    state.behaviour = async (tx) => {
      await currentJob().complete(tx, null)
      completed.open()
      await others.passed
    }
    const held = await runner.enqueue(work.charge, [])
    await completed.passed
    const handles = await runner.enqueueAll(Array.from({ length: 20 }, () => [work.echo, ['x']] as const))
    await Promise.all(handles.map((handle) => handle.result({ timeout: '5s' })))
    expect(await runner.job(held.id)).toMatchObject({ state: 'running' })
    others.open()
    expect(await held.result({ timeout: '10s' })).toBeNull()
  })

  it('refuses to complete an attempt that was taken over, so that its effects are rolled back', async () => {
    const { runner } = await aWorker({ work }, options)
    const events = eventsOf(runner, 'job:stale', 'job:stop', 'job:exception')
    const errors: unknown[] = []
    state.behaviour = async (tx, execute) => {
      const { complete, id } = currentJob()
      // As if another node had taken over: the lease is another's now.
      await administer(url, `update millrace.job set lease = gen_random_uuid() where id = '${id}'`)
      await addEffect(execute)
      await complete(tx).catch((error: unknown) => {
        errors.push(error)
        throw error
      })
    }
    const handle = await runner.enqueue(work.charge, [])
    await eventually(() => events.length > 0)
    expect(errors).toMatchObject([{ code: 'ERR_STALE_LEASE' }])
    expect(events.map(({ name }) => name)).toEqual(['job:stale'])
    expect(await effects()).not.toContain(handle.id)
    await administer(url, `delete from millrace.job where id = '${handle.id}'`)
  })

  it('refuses a transaction on another database by both names, and stores nothing', async () => {
    const { runner } = aRunner({ work }, options)
    const refused = elsewhere.transaction((tx) => runner.enqueue(work.echo, ['x'], { tx }))
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TX_FOREIGN' })
    await expect(refused).rejects.toThrow(
      new RegExp(`is on database "${other.name}".*jobs are in database "${database}"`),
    )
  })

  it('refuses what makes transactions but is none, and enqueueSync', async () => {
    const { runner } = aRunner({ work }, options)
    await expect(runner.enqueue(work.echo, ['x'], { tx: library.notYetTransaction })).rejects.toMatchObject({
      code: 'ERR_TX_FOREIGN',
    })
    await library.transaction(async (tx) => {
      // Callers without types pass anything.
      expect(() => runner.enqueueSync(work.echo, ['x'], { tx: tx as object })).toThrow(/await enqueue\(…, \{ tx \}\)/)
    })
  })
})
