import { describe, expect, it } from 'vitest'
import { cancel, createClient, discard, job, snooze } from 'millrace'

import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

describe.each([
  ['SQLite', async () => tempDatabase().url],
  ['PostgreSQL', async () => (await postgresDatabase()).url],
])('metrics on %s', (_name, aDatabase) => {
  it('count every outcome, with how long jobs waited and ran', async () => {
    let snoozes = 0
    const work = {
      done: () => 1,
      slow: () => new Promise((resolve) => setTimeout(resolve, 60)),
      snoozed: () => (snoozes++ === 0 ? snooze(0) : 1),
      cancelled: () => cancel('c'),
      discarded: () => discard('d'),
      failed: job({ maxAttempts: 2, backoff: { base: 1, factor: 1, max: 1 } }, () => {
        throw new Error('f')
      }),
    }
    const { runner } = await aWorker({ work }, { database: await aDatabase() })
    const events = eventsOf(runner, 'job:stop', 'job:exception')
    for (const name of ['done', 'done', 'slow', 'snoozed', 'cancelled', 'discarded', 'failed'] as const) {
      await runner.enqueue(`work.${name}`, [])
    }
    await eventually(() => events.length === 9)
    const { total, jobs, points, since, until, stepMs } = await runner.metrics()
    expect(total).toMatchObject({
      attempts: 9,
      completed: 4,
      snoozed: 1,
      cancelled: 1,
      discarded: 1,
      retry: 1,
      failed: 1,
    })
    expect(jobs.map(({ name, attempts }) => `${name} ${attempts}`)).toEqual([
      'work.cancelled 1',
      'work.discarded 1',
      'work.done 2',
      'work.failed 2',
      'work.slow 1',
      'work.snoozed 2',
    ])
    const slow = jobs.find(({ name }) => name === 'work.slow')
    expect(slow?.run.p50).toBeGreaterThan(55)
    expect(slow?.run.p99).toEqual(slow?.run.p50)
    expect(slow?.wait.mean).toBeGreaterThanOrEqual(0)
    // The last minutes; the others are there too, and empty.
    expect(stepMs).toBe(60_000)
    expect(until.getTime() - since.getTime()).toBeLessThan(61 * 60_000)
    expect(points.length).toBeGreaterThanOrEqual(60)
    expect(points.reduce((sum, { attempts }) => sum + attempts, 0)).toBe(9)
    expect(points[0]).toMatchObject({ at: since, attempts: 0, wait: { p95: null, mean: null } })
    const only = await runner.metrics({ queue: 'default', name: 'work.done', since: '2d', step: '1h' })
    expect(only).toMatchObject({ total: { attempts: 2 }, jobs: [{ name: 'work.done' }], stepMs: 3_600_000 })
    expect((await runner.metrics({ queue: 'elsewhere' })).jobs).toEqual([])
  })

  it('are those of all processes, and are there for a process that runs none; a stop writes the last', async () => {
    const database = await aDatabase()
    const work = { run: () => 1 }
    const runners = [await aWorker({ work }, { database }), await aWorker({ work }, { database })]
    const ended = runners.map(({ runner }) => eventsOf(runner, 'job:stop'))
    await runners[0]?.runner.enqueueAll(Array.from({ length: 200 }, () => [work.run, []] as const))
    await eventually(() => ended.flat().length === 200)
    for (const { runner } of runners) await runner.stop()
    const client = createClient({ database })
    try {
      expect((await client.metrics({ since: '1h' })).total).toMatchObject({ attempts: 200, completed: 200 })
    } finally {
      await client.close()
    }
  })
})

it('metrics refuse what they cannot answer', async () => {
  const { runner } = aRunner({ work: { run: () => 1 } })
  const bad = { since: 'yesterday', until: 'now', step: '90s', nome: 'x', queue: 1 }
  // Wrong on purpose.
  const error = await runner.metrics(bad as never).catch((problem: unknown) => problem)
  const { code, message } = error as { readonly code: string; readonly message: string }
  expect(code).toBe('ERR_BAD_OPTIONS')
  for (const word of ['"since"', '"until"', 'multiple of a minute', '"nome"', '"queue"'])
    expect(message).toContain(word)
  await expect(runner.metrics({ since: '2d', step: '1m' })).rejects.toThrow('more than 1500 points')
  await expect(runner.metrics({ since: new Date(2_000), until: new Date(1_000) })).rejects.toThrow('not before')
})
