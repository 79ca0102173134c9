import { currentJob, retry } from 'millrace'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { eventually } from '../support/eventually.ts'
import { aJobStream } from '../support/job-stream.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { passRealTime } from '../support/real-time.ts'
import { aRunner } from '../support/runner.ts'
import { aNode, published } from '../support/store-jobs.ts'

const READY = 1_500
/** A second, and as much again for a machine that is busy with other tests. */
const SOON_MS = 2_000

/** A runner that is not started, and what its jobs did. */
async function aPlace() {
  const { url } = await postgresDatabase()
  const seen: { readonly name: string; readonly at: number }[] = []
  let streamed = 0
  const work = {
    stream: () => void (streamed += 1),
    note: (name: string) => void seen.push({ name, at: Date.now() }),
    again: (name: string, delayMs: number) => {
      const { attempt } = currentJob()
      seen.push({ name: `${name} ${attempt}`, at: Date.now() })
      return attempt === 1 ? retry('once more', { delay: delayMs }) : undefined
    },
  }
  const { runner } = aRunner({ work }, { database: url, queues: { default: { keep: '0s' } } })
  await runner.migrate()
  const client = async () => {
    const made = new pg.Client({ connectionString: url })
    await made.connect()
    onTestFinished(() => made.end())
    return made
  }
  return {
    url,
    runner,
    client,
    streamed: () => streamed,
    /** When a job has begun. */
    begun: (name: string) => eventually(() => seen.find((one) => one.name === name)?.at, { withinMs: 15_000 }),
    /** Starts to work, beside a stream of other jobs. */
    start: async () => {
      await runner.start()
      return aJobStream({ client: await client(), ran: () => streamed, ready: READY })
    },
    seen,
  }
}

describe('while a long stream of jobs passes', () => {
  it('jobs of a transaction that was open for five seconds begin within a second of its commit', async () => {
    const place = await aPlace()
    await place.start()
    const slow = await place.client()
    await slow.query('begin')
    await slow.query(`insert into millrace.job (name, args) values ('work.note', '["by hand"]')`)
    await slow.query(`select millrace.enqueue('work.note', '["by function"]')`)
    await slow.query(`
      insert into millrace.job (name, args, seq) values ('work.note', '["early place"]', nextval('millrace.job_seq'))`)
    const before = place.streamed()
    await passRealTime(5_000)
    expect(place.streamed() - before).toBeGreaterThan(2_000)
    expect(place.seen).toEqual([])
    const committedAt = Date.now()
    await slow.query('commit')
    for (const name of ['by hand', 'by function', 'early place'])
      expect((await place.begun(name)) - committedAt, name).toBeLessThan(SOON_MS)
  })

  it('retries and delayed jobs begin when they are due', async () => {
    const place = await aPlace()
    await place.start()
    const { runner } = place
    const enqueuedAt = Date.now()
    await runner.enqueue('work.again', ['retry', 700])
    await runner.enqueue('work.note', ['delayed'], { delay: 700 })
    await runner.enqueue('work.note', ['urgent and delayed'], { delay: 700, priority: -10 })
    const first = await place.begun('retry 1')
    for (const [name, due] of [
      ['delayed', enqueuedAt + 700],
      ['urgent and delayed', enqueuedAt + 700],
      ['retry 2', first + 700],
    ] as const) {
      const at = await place.begun(name)
      expect(at - due, name).toBeGreaterThanOrEqual(-50)
      expect(at - due, name).toBeLessThan(SOON_MS)
    }
  })

  it('jobs of a higher priority begin at once', async () => {
    const place = await aPlace()
    await place.start()
    for (const priority of [-1, -50]) {
      const enqueuedAt = Date.now()
      await place.runner.enqueue('work.note', [`of ${priority}`], { priority })
      expect((await place.begun(`of ${priority}`)) - enqueuedAt).toBeLessThan(SOON_MS)
    }
  })

  it('jobs that are given back begin at once, whatever has passed their place', async () => {
    const place = await aPlace()
    const store = openPostgresStore({ host: nodeHost(), database: place.url })
    onTestFinished(() => store.close())
    const node = aNode({ queues: ['default'], jobs: [published('work.note')] })
    await store.registerNode(node)
    for (const name of ['a', 'b', 'c']) await place.runner.enqueue('work.note', [name])
    const { jobs } = await store.claimJobs({ node: node.id, wants: [{ queue: 'default', count: 10 }] })
    expect(jobs.length).toBe(3)
    await place.start()
    const givenBackAt = Date.now()
    await store.giveBackJobs(jobs)
    for (const name of ['a', 'b', 'c']) expect((await place.begun(name)) - givenBackAt, name).toBeLessThan(SOON_MS)
  })

  it('is not needed for them: a worker without other work finds a late commit within a second', async () => {
    const place = await aPlace()
    await place.runner.start()
    const slow = await place.client()
    await slow.query('begin')
    await slow.query(`select millrace.enqueue('work.note', '["late"]')`)
    await place.runner.enqueue('work.note', ['meanwhile'])
    await place.begun('meanwhile')
    const committedAt = Date.now()
    await slow.query('commit')
    expect((await place.begun('late')) - committedAt).toBeLessThan(SOON_MS)
  })
})
