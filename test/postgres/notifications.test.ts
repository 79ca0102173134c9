import { createHash } from 'node:crypto'

import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { gate } from '../support/gate.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { passRealTime } from '../support/real-time.ts'
import { aRunner } from '../support/runner.ts'

/** Well below the second after which a worker looks by itself. */
const AT_ONCE_MS = 400

/** A database with somebody who listens, a producer, and workers when they are asked for. */
async function aPlace() {
  const { url } = await postgresDatabase()
  const starts = new Map<string, number>()
  const held = gate()
  const work = {
    note: (name: string) => void starts.set(name, Date.now()),
    hold: () => held.passed,
  }
  const queues = { default: { concurrency: 1, prefetch: 0 } }
  const aProcess = () => aRunner({ work }, { database: url, queues }).runner
  const producer = aProcess()
  await producer.migrate()
  const client = async () => {
    const made = new pg.Client({ connectionString: url })
    await made.connect()
    onTestFinished(() => made.end())
    return made
  }
  const ear = await client()
  let heard = 0
  // What a listener sends to itself has a text.
  ear.on('notification', ({ payload }) => void (heard += payload === '' ? 1 : 0))
  await ear.query(`listen millrace_${createHash('sha256').update('millrace').digest('hex').slice(0, 12)}`)
  return {
    producer,
    client,
    /** Everything that was sent before now has been heard when this answers. */
    heard: async () => {
      await ear.query('select 1')
      return heard
    },
    isIdle: (wanted: boolean) =>
      eventually(async () => {
        const { rows } = await ear.query<{ idle: boolean }>('select bool_or(is_idle) as idle from millrace.wake')
        return (rows[0]?.idle ?? false) === wanted
      }),
    worker: async () => {
      const runner = aProcess()
      await runner.start()
      return runner
    },
    begun: (name: string) => eventually(() => starts.get(name)),
    held,
  }
}

describe('a notification', () => {
  it('is not sent while there is no worker, whoever waits for results', async () => {
    const { producer, heard } = await aPlace()
    const first = await producer.enqueue('work.note', ['a'])
    const waiting = first.result({ timeout: '1s' }).catch((error: unknown) => error)
    // Long enough for whoever waits to listen.
    await passRealTime(500)
    for (const name of ['b', 'c', 'd']) await producer.enqueue('work.note', [name])
    expect(await heard()).toBe(0)
    await waiting
  })

  it('is not sent any more when the last worker has stopped', async () => {
    const { producer, heard, isIdle, worker } = await aPlace()
    const runner = await worker()
    const { id } = await runner.enqueue('work.note', ['later'], { delay: '1h' })
    await isIdle(true)
    // For this it goes on to listen.
    const waiting = runner.result(id, { timeout: '1s' }).catch(() => {})
    await runner.stop()
    await isIdle(false)
    const before = await heard()
    await producer.enqueue('work.note', ['b'])
    expect(await heard()).toBe(before)
    await waiting
  })

  it('wakes a worker that is idle, at once', async () => {
    const { producer, heard, isIdle, worker, begun } = await aPlace()
    await worker()
    for (const name of ['a', 'b', 'c', 'd']) {
      await isIdle(true)
      // What it looks for by itself after it became idle is over.
      await passRealTime(300)
      const before = await heard()
      const enqueuedAt = Date.now()
      await producer.enqueue('work.note', [name])
      expect((await begun(name)) - enqueuedAt).toBeLessThan(AT_ONCE_MS)
      expect((await heard()) - before).toBe(1)
    }
  })

  it('is not sent while the only worker is busy', async () => {
    const { producer, heard, isIdle, worker, held, begun } = await aPlace()
    await worker()
    await isIdle(true)
    await producer.enqueue('work.hold', [])
    await isIdle(false)
    const before = await heard()
    for (const name of ['a', 'b', 'c']) await producer.enqueue('work.note', [name])
    expect(await heard()).toBe(before)
    held.open()
    for (const name of ['a', 'b', 'c']) await begun(name)
  })

  it('is never sent in a transaction of the user, whose jobs are found within about a second', async () => {
    const { producer, heard, isIdle, worker, client, begun } = await aPlace()
    await worker()
    await isIdle(true)
    const user = await client()
    const before = await heard()
    for (const name of ['a', 'b', 'c']) {
      await user.query('begin')
      await producer.enqueue('work.note', [name], { tx: user })
      const committedAt = Date.now()
      await user.query('commit')
      expect((await begun(name)) - committedAt).toBeLessThan(1_500)
    }
    expect(await heard()).toBe(before)
  })

  it('that ceases to come is counted', async () => {
    const { isIdle, worker, client } = await aPlace()
    const runner = await worker()
    await isIdle(true)
    expect(runner.inspect().counters.hintsLost).toBe(0)
    const user = await client()
    await eventually(async () => {
      await user.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen %' and datname = current_database()`,
      )
      // One that had not heard itself yet has lost nothing.
      return runner.inspect().counters.hintsLost > 0
    })
  })
})
