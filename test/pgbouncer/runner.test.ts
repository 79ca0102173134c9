/** Workers and producers whose every connection goes through pgbouncer. */

import { join } from 'node:path'

import { currentJob, job, snooze } from 'millrace'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { gate } from '../support/gate.ts'
import { heartbeat } from '../support/heartbeat.ts'
import { pgbouncer } from '../support/pgbouncer.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { passRealTime } from '../support/real-time.ts'
import { aRunner, aWorker, eventsOf } from '../support/runner.ts'
import { tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  // Its database is dropped before it is ended.
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

describe.each(['transaction', 'session'] as const)('a runner behind pgbouncer in %s mode', (mode) => {
  it('runs, retries, delays, snoozes and cancels jobs, and stops', async () => {
    const { url } = await postgresDatabase()
    const started = gate()
    let naps = 0
    const work = {
      double: (value: number) => value * 2,
      flaky: job({ maxAttempts: 3, backoff: () => 10 }, () => {
        if (currentJob().attempt < 3) throw new Error('not yet')
        return currentJob().attempt
      }),
      doze: () => {
        naps += 1
        return naps < 3 ? snooze('100ms') : 'awake'
      },
      hold: async () => {
        started.open()
        const { signal } = currentJob()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        throw signal.reason
      },
    }
    const { runner } = await aWorker({ work }, { database: await pgbouncer(url, { mode }) })
    const handles = await Promise.all(Array.from({ length: 500 }, (_, value) => runner.enqueue(work.double, [value])))
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(handles.map((_, value) => value * 2))
    expect(await (await runner.enqueue(work.flaky, [])).result()).toBe(3)
    const calledAt = Date.now()
    expect(await (await runner.enqueue(work.double, [4], { delay: '700ms' })).result()).toBe(8)
    expect(Date.now() - calledAt).toBeGreaterThanOrEqual(700)
    expect(await (await runner.enqueue(work.doze, [])).result()).toBe('awake')
    const held = await runner.enqueue(work.hold, [])
    await started.passed
    await runner.cancel(held.id)
    await expect(held.result()).rejects.toThrow(/cancel/)
    await runner.stop()
    const admin = await connect(url)
    expect((await admin.query('select id from millrace.node')).rows).toEqual([])
  })

  it('shares the work of another process between two workers, whose results it learns', async () => {
    const { url } = await postgresDatabase()
    const database = await pgbouncer(url, { mode })
    const record = join(tempFolder(), 'record')
    const workers = await Promise.all(
      [0, 1].map(() => aWorkerProcess({ url: database, record, queues: { default: { concurrency: 2 } }, start: {} })),
    )
    const work = { run: (_ms: number, value: number) => value }
    const { runner } = aRunner({ work }, { database })
    const handles = await Promise.all(Array.from({ length: 40 }, (_, value) => runner.enqueue(work.run, [50, value])))
    expect(await Promise.all(handles.map((handle) => handle.result()))).toEqual(handles.map((_, value) => value))
    const pids = readRecord(record).map(({ pid }) => pid)
    expect(new Set(pids)).toEqual(new Set(workers.map(({ child }) => child.pid)))
    expect(readRecord(record).filter(({ kind }) => kind === 'start')).toHaveLength(40)
  })
})

describe('pgbouncer in transaction mode', () => {
  it('is known at once, so that jobs of other processes begin within 600 ms', async () => {
    const { url } = await postgresDatabase()
    const database = await pgbouncer(url, { mode: 'transaction' })
    const runs = new Map<string, number>()
    const work = {
      run: () => {
        runs.set(currentJob().id, Date.now())
      },
    }
    const { runner } = await aWorker({ work }, { database })
    const producer = await aWorkerProcess({ url: database, record: join(tempFolder(), 'record') })
    await (await runner.enqueue(work.run, [])).result()
    const waits: number[] = []
    for (let round = 0; round < 8; round++) {
      // At another moment between two looks each time, the first ones before a lost probe could have told.
      await passRealTime(150 + round * 130)
      const { id } = await producer.ask<{ readonly id: string }>('enqueue', 'work.run', [])
      const storedAt = Date.now()
      const ranAt = await eventually(() => runs.get(id))
      waits.push(ranAt - storedAt)
    }
    expect(Math.max(...waits)).toBeLessThan(600)
  })

  it('is found by the doctor, who leaves nothing behind either', async () => {
    const { url } = await postgresDatabase()
    const database = await pgbouncer(url, { mode: 'transaction', poolSize: 2 })
    const { runner } = aRunner({ work: { run: () => null } }, { database })
    await runner.migrate()
    const bad = (await runner.diagnose()).filter(({ level }) => level === 'problem').map(({ check }) => check)
    expect(bad).toEqual(['pooler', 'listen'])
    const clients = [await connect(database), await connect(database)]
    for (const client of clients) {
      await client.query('begin')
      expect((await client.query('select pg_listening_channels()')).rows).toEqual([])
    }
    for (const client of clients) await client.query('rollback')
  })

  it('has its connections left as they were', async () => {
    const { url } = await postgresDatabase()
    const poolSize = 3
    const database = await pgbouncer(url, { mode: 'transaction', poolSize })
    const work = { run: (value: number) => value }
    const { runner } = await aWorker({ work }, { database })
    const handles = await Promise.all(Array.from({ length: 200 }, (_, value) => runner.enqueue(work.run, [value])))
    await Promise.all(handles.map((handle) => handle.result()))
    await runner.enqueue(work.run, [1], { delay: '200ms' }).then((handle) => handle.result())
    // A transaction on each connection of the server, at the same time.
    const clients = await Promise.all(Array.from({ length: poolSize }, () => connect(database)))
    const seen: unknown[] = []
    const pids = new Set<number>()
    for (const client of clients) {
      await client.query('begin')
      const { rows } = await client.query(`
        select pg_backend_pid() as pid,
          (select array_agg(name::text) from pg_settings where source = 'session' and name not in
            ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings', 'IntervalStyle')) as settings,
          (select array_agg(name) from pg_prepared_statements) as statements,
          (select array_agg(c) from pg_listening_channels() c) as channels,
          (select count(*)::integer from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks,
          (select array_agg(relname::text) from pg_class where relpersistence = 't') as tables`)
      const { pid, ...state } = rows[0]
      pids.add(pid)
      seen.push(state)
    }
    for (const client of clients) await client.query('rollback')
    expect(pids.size).toBe(poolSize)
    expect(seen).toEqual(
      Array.from({ length: poolSize }, () => ({
        settings: null,
        statements: null,
        channels: null,
        locks: 0,
        tables: null,
      })),
    )
  })

  it('lets the heart beat, and no enqueue notifies in vain', async () => {
    const { url } = await postgresDatabase()
    const database = await pgbouncer(url, { mode: 'transaction' })
    const work = { run: (value: number) => value }
    const { runner } = await aWorker({ work }, { database })
    const fenced = eventsOf(runner, 'node:fenced')
    const admin = await connect(url)
    await (await runner.enqueue(work.run, [1])).result()
    await heartbeat(admin)
    expect(fenced).toEqual([])
    const { rows } = await admin.query('select count(*)::integer as count from millrace.wake where is_idle')
    expect(rows).toEqual([{ count: 0 }])
  })
})

describe('pgbouncer in session mode', () => {
  it('is only remarked by the doctor', async () => {
    const { url } = await postgresDatabase()
    const { runner } = aRunner({ work: { run: () => null } }, { database: await pgbouncer(url, { mode: 'session' }) })
    await runner.migrate()
    const findings = await runner.diagnose()
    expect(findings.filter(({ level }) => level === 'problem')).toEqual([])
    expect(findings.find(({ check }) => check === 'pooler')).toMatchObject({ level: 'warning' })
  })

  it('lets notifications through, so that a job of another process begins at once', async () => {
    const { url } = await postgresDatabase()
    const database = await pgbouncer(url, { mode: 'session' })
    const runs = new Map<string, number>()
    const work = {
      run: () => {
        runs.set(currentJob().id, Date.now())
      },
    }
    const { runner } = await aWorker({ work }, { database })
    const producer = await aWorkerProcess({ url: database, record: join(tempFolder(), 'record') })
    await (await runner.enqueue(work.run, [])).result()
    const waits: number[] = []
    for (let round = 0; round < 5; round++) {
      await passRealTime(400 + round * 130)
      const { id } = await producer.ask<{ readonly id: string }>('enqueue', 'work.run', [])
      const storedAt = Date.now()
      waits.push((await eventually(() => runs.get(id))) - storedAt)
    }
    waits.sort((a, b) => a - b)
    expect(waits[2]).toBeLessThan(100)
  })
})
