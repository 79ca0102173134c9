/** The defects of the program that gave the idea, one test each: none of them may come back. */

import { createRequire } from 'node:module'
import { join } from 'node:path'

import { createRunner, currentJob, job, type Clock } from 'millrace'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { gate } from '../support/gate.ts'
import { aRunner, aWorker, eventsOf } from '../support/runner.ts'
import { tempDatabase, tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

interface Handle {
  prepare(sql: string): { get(...values: unknown[]): unknown; run(...values: unknown[]): unknown }
  exec(sql: string): void
  close(): void
}

// The package ships a CommonJS build for this; its own types are those of node:sqlite.
const { DatabaseSync } = createRequire(import.meta.url)('@photostructure/sqlite') as {
  readonly DatabaseSync: new (path: string) => Handle
}

describe('the defects of the original', () => {
  it('S1: rows stay running after a crash', async () => {
    const folder = tempFolder()
    const place = { url: `sqlite:${join(folder, 'jobs.db')}`, record: join(folder, 'record') }
    const { runner } = aRunner({ work: { hold: () => {} } }, { database: place.url })
    const [doomed, survivor] = [
      await aWorkerProcess({ ...place, start: {} }),
      await aWorkerProcess({ ...place, start: {} }),
    ]
    await survivor.ask('stop')
    const { id } = await runner.enqueue('work.hold', [])
    await eventually(() => readRecord(place.record).length === 1)
    await survivor.ask('start')
    await doomed.kill()
    await eventually(() => readRecord(place.record).some(({ pid }) => pid === survivor.child.pid), { withinMs: 3_000 })
    expect(await runner.job(id)).toMatchObject({ state: 'running' })
  }, 20_000)

  it('S2: a late end overwrites a newer attempt', async () => {
    const { path, url } = tempDatabase()
    const release = gate()
    const work = {
      slow: async () => {
        await release.passed
        return currentJob().attempt
      },
    }
    const { runner } = await aWorker({ work }, { database: url })
    const events = eventsOf(runner, 'job:stale', 'job:stop')
    const { id } = await runner.enqueue(work.slow, [])
    await eventually(() => runner.inspect().worker?.handlers === 1)
    // As if the job had been taken from this node and completed by another.
    const db = new DatabaseSync(path)
    db.exec('pragma busy_timeout = 5000')
    db.prepare(`update millrace_job set lease = 'of another', attempt = 2 where id = ?`).run(id)
    release.open()
    await eventually(() => events.length > 0)
    expect(events).toMatchObject([{ name: 'job:stale', payload: { id, attempt: 1 } }])
    expect(await runner.job(id)).toMatchObject({ state: 'running', attempt: 2 })
    db.close()
  })

  it('S3: a job that kills its process is tried for ever', async () => {
    const folder = tempFolder()
    const place = { url: `sqlite:${join(folder, 'jobs.db')}`, record: join(folder, 'record') }
    const { runner } = aRunner({ work: { die: () => {} } }, { database: place.url })
    const { id } = await runner.enqueue('work.die', [])
    for (let life = 0; life < 6 && (await runner.job(id))?.state !== 'failed'; life++) {
      const worker = await aWorkerProcess({ ...place, start: {} }).catch(() => undefined)
      await Promise.race([worker?.exited, eventually(async () => (await runner.job(id))?.state === 'failed')])
    }
    expect((await runner.job(id))?.state).toBe('failed')
    expect(readRecord(place.record).length).toBeLessThanOrEqual(3)
  }, 30_000)

  it('S4: jobs are fetched that nobody asked for, and each empty fetch starts another timer', async () => {
    const work = { run: () => {} }
    const { runner, trace } = await aWorker({ work }, { queues: { default: { concurrency: 7 } } })
    for (let wake = 0; wake < 30; wake++) await runner.resume('default')
    const before = trace.of('claimer.claim').length
    const since = performance.now()
    await eventually(() => performance.now() - since > 2_500)
    const claims = trace.of('claimer.claim')
    // One poll a second, whatever woke it before.
    expect(claims.length - before).toBeLessThanOrEqual(4)
    expect(new Set(claims.slice(before).map((wants) => JSON.stringify(wants)))).toEqual(
      new Set([JSON.stringify([{ queue: 'default', count: 7 }])]),
    )
  })

  it('S5: the stage hangs after an error of the database', async () => {
    const work = { run: () => 'done' }
    const { runner, trace } = await aWorker({ work })
    let failuresLeft = 4
    trace.at('claimer.claim', () => {
      if (failuresLeft-- > 0) throw new Error('the database is away')
    })
    const handle = await runner.enqueue(work.run, [])
    expect(await handle.result({ timeout: '10s' })).toBe('done')
    expect(failuresLeft).toBeLessThan(0)
  })

  it('S6: jobs run in a random order, and some never', async () => {
    const order: number[] = []
    const work = { note: (value: number) => void order.push(value) }
    const { runner } = aRunner({ work }, { queues: { default: { concurrency: 1 } } })
    await runner.enqueueAll(Array.from({ length: 50 }, (_, index) => [work.note, [index]] as const))
    await runner.start()
    await eventually(() => order.length === 50)
    expect(order).toEqual(order.toSorted((a, b) => a - b))
  })

  it('S7: the clock of the application decides what is due', async () => {
    const { url } = tempDatabase()
    const work = { run: () => 'ran' }
    const anHour = 3_600_000
    const clock = skewed(anHour)
    const ahead = createRunner({ database: url, jobs: { work }, host: { clock } })
    onTestFinished(() => ahead.close())
    await ahead.start()
    const handle = await ahead.enqueue(work.run, [], { delay: '30m' })
    const now = await ahead.enqueue(work.run, [])
    expect(await now.result({ timeout: '5s' })).toBe('ran')
    expect((await ahead.job(handle.id))?.state).toBe('scheduled')
    const dueInMs = ((await ahead.job(handle.id))?.dueAt.getTime() ?? 0) - Date.now()
    expect(Math.abs(dueInMs - 30 * 60_000)).toBeLessThan(60_000)
  })

  it('S8: a row decides which code runs', async () => {
    const { path, url } = tempDatabase()
    const work = { run: () => 'ran' }
    const { runner } = await aWorker({ work }, { database: url })
    const db = new DatabaseSync(path)
    db.exec('pragma busy_timeout = 5000')
    const insert = db.prepare(`insert into millrace_job (name, args) values (?, ?)`)
    const names = [
      'constructor',
      '__proto__.x',
      'toString',
      'work.constructor',
      'work.__proto__',
      'node:fs.rmSync',
      'work',
    ]
    for (const name of names) insert.run(name, '["x"]')
    expect(await (await runner.enqueue(work.run, [])).result()).toBe('ran')
    const { jobs } = await runner.list({ state: ['scheduled', 'queued'] })
    expect(jobs.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
    expect(jobs.every(({ attempt }) => attempt === 0)).toBe(true)
    db.close()
  })

  it('S9: more is promised than at-least-once with one accepted result', async () => {
    const started: number[] = []
    const release = gate()
    const work = {
      run: job({ timeout: '1h' }, async () => {
        const mine = started.push(started.length)
        if (mine === 1) await release.passed
        return mine
      }),
    }
    const { runner, trace } = await aWorker({ work }, { queues: { default: { concurrency: 1, prefetch: 1 } } })
    const events = eventsOf(runner, 'job:stop', 'job:exception', 'job:stale')
    const handle = await runner.enqueue(work.run, [])
    await eventually(() => started.length === 1)
    // The stages crash under the running handler: the job runs again while the first handler still does.
    let crashesLeft = 1
    trace.at('job-producer.jobs', () => {
      if (crashesLeft-- > 0) throw new Error('planted')
    })
    const second = await runner.enqueue(work.run, [])
    const results = await Promise.all([handle.result({ timeout: '10s' }), second.result({ timeout: '10s' })])
    release.open()
    await eventually(() => runner.inspect().worker?.held === 0)
    expect(results.toSorted()).toEqual([2, 3])
    expect(events.map(({ name }) => name)).toEqual(['job:stop', 'job:stop'])
    expect(await runner.job(handle.id)).toMatchObject({ state: 'completed', result: results[0], attempt: 1 })
  }, 20_000)
})

/** A clock that is wrong by some milliseconds. */
function skewed(byMs: number): Clock {
  return {
    now: () => Date.now() + byMs,
    monotonic: () => performance.now(),
    after: (ms, run, options) => {
      const timeout = setTimeout(run, ms)
      if (options?.keepAlive === false) timeout.unref()
      return { cancel: () => clearTimeout(timeout) }
    },
    soon: (run) => void setImmediate(run),
    microtask: (run) => queueMicrotask(run),
  }
}
