import { currentJob } from 'millrace'
import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { aWorker, eventsOf } from '../../support/runner.ts'
import { openHandle } from '../../support/store-handle.ts'
import { tempDatabase } from '../../support/temp-database.ts'

/** A database in which writes can be held up, while reads go on. */
interface HeldUp {
  readonly url: string
  /** From now on no write gets through, and so no beat; answers how to end that. */
  readonly holdUp: () => Promise<() => Promise<void>>
}

async function aSqlitePlace(): Promise<HeldUp> {
  const { path, url } = tempDatabase()
  const holdUp = async () => {
    const db = openHandle(path)
    onTestFinished(() => db.close())
    db.exec('pragma busy_timeout = 5000; begin immediate')
    return async () => db.exec('rollback')
  }
  return { url, holdUp }
}

async function aPostgresPlace(): Promise<HeldUp> {
  const { url } = await postgresDatabase()
  const holdUp = async () => {
    const client = new pg.Client({ connectionString: url })
    client.on('error', () => {})
    await client.connect()
    onTestFinished(() => client.end())
    await client.query('begin; lock table millrace.node, millrace.job in exclusive mode')
    return async () => void (await client.query('rollback'))
  }
  return { url, holdUp }
}

async function loseTouch({ url, holdUp }: HeldUp): Promise<void> {
  const release = gate()
  const runs: string[] = []
  const reasons: string[] = []
  const work = {
    heed: async () => {
      runs.push('heed')
      if (runs.filter((run) => run === 'heed').length > 1) return 'the second run'
      const { signal } = currentJob()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      reasons.push(String(signal.reason))
      throw signal.reason
    },
    ignore: async () => {
      runs.push('ignore')
      await release.passed
      return 'the only run'
    },
  }
  const { runner } = await aWorker({ work }, { database: url })
  const events = eventsOf(runner, 'node:start', 'node:fenced', 'job:stop', 'job:stale', 'queue:crash')
  const [heed, ignore] = [await runner.enqueue(work.heed, []), await runner.enqueue(work.ignore, [])]
  await eventually(() => runs.length === 2)
  const node = runner.inspect().worker?.node ?? ''
  const goOn = await holdUp()
  const since = performance.now()
  const fenced = await eventually(() => events.find(({ name }) => name === 'node:fenced'), { withinMs: 20_000 })
  const silentMs = performance.now() - since
  expect(fenced.payload).toEqual({ node, reason: 'unconfirmed' })
  // The last beat was sent at most three seconds before.
  expect(silentMs).toBeGreaterThan(6_900)
  expect(silentMs).toBeLessThan(12_000)
  await eventually(() => reasons.length === 1)
  expect(reasons).toEqual(['AbortError: the lease on this job is lost'])
  // It ends while nobody knows whether it may: that is for the store to say.
  release.open()
  const opened = performance.now()
  await eventually(() => performance.now() - opened > 1_000)
  expect(events.map(({ name }) => name)).toEqual(['node:fenced'])
  await goOn()
  expect(await ignore.result({ timeout: '15s' })).toBe('the only run')
  expect(await heed.result({ timeout: '15s' })).toBe('the second run')
  expect(runner.inspect().worker?.node).not.toBe(node)
  expect(runs.toSorted()).toEqual(['heed', 'heed', 'ignore'])
  expect(await runner.job(ignore.id)).toMatchObject({ state: 'completed', attempt: 1 })
  // The attempt that was told to stop is not charged.
  expect(await runner.job(heed.id)).toMatchObject({ state: 'completed', attempt: 1 })
  expect(events.map(({ name }) => name)).not.toContain('job:stale')
  await runner.stop({ timeout: 0 })
}

it('a node whose beats are not confirmed fences itself, believes no result, and goes on as a new one', async () => {
  await Promise.all([loseTouch(await aSqlitePlace()), loseTouch(await aPostgresPlace())])
}, 60_000)
