import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { createRunner } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { aRunner, eventsOf } from '../../support/runner.ts'
import { tempDatabase, tempFolder } from '../../support/temp-database.ts'
import { aWorkerProcess } from '../../support/worker-process.ts'

const work = { run: (value: unknown) => value }
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** Runs a program that may import millrace; answers what it printed when it has ended by itself. */
async function runProgram(text: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', text], {
    cwd: ROOT,
    timeout: 10_000,
    env: { ...process.env, ...env },
  })
  return stdout.trim()
}

describe('start', () => {
  it('is refused while the runner is started, also twice at once', async () => {
    const { runner } = aRunner({ work })
    const [first, second] = await Promise.allSettled([runner.start(), runner.start()])
    expect(first.status).toBe('fulfilled')
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'ERR_RUNNER_STARTED' } })
    await expect(runner.start()).rejects.toMatchObject({ code: 'ERR_RUNNER_STARTED' })
    expect(runner.inspect().state).toBe('running')
  })

  it('serves only the queues it is told to', async () => {
    const { runner } = aRunner({ work })
    await runner.start({ queues: ['mail', 'mail'] })
    const served = await runner.enqueue(work.run, [1], { queue: 'mail' })
    const other = await runner.enqueue(work.run, [2], { queue: 'other' })
    expect(await served.result()).toBe(1)
    expect((await runner.job(other.id))?.state).toBe('queued')
    expect(Object.keys(runner.inspect().worker?.demand ?? {})).toEqual(['mail'])
  })

  it('works again after a stop, as a new node', async () => {
    const { runner } = aRunner({ work })
    const events = eventsOf(runner, 'node:start', 'node:stop')
    for (let round = 0; round < 3; round++) {
      await runner.start()
      expect(await (await runner.enqueue(work.run, [round])).result()).toBe(round)
      await runner.stop()
      expect(runner.inspect()).toMatchObject({ state: 'idle', worker: null })
    }
    const nodes = events.filter(({ name }) => name === 'node:start').map(({ payload }) => payload.node)
    expect(new Set(nodes).size).toBe(3)
    expect(events.length).toBe(6)
  })

  it('waits for a stop that is under way', async () => {
    const { runner } = aRunner({ work })
    await runner.start()
    const stopped = runner.stop()
    await runner.start()
    await stopped
    expect(runner.inspect().state).toBe('running')
    expect(await (await runner.enqueue(work.run, ['again'])).result()).toBe('again')
  })

  it('loses against a stop that is asked for later, whatever both have to wait for', async () => {
    const { runner } = aRunner({ work })
    await runner.start()
    const calls = [runner.stop(), runner.start(), runner.stop()]
    await Promise.all(calls)
    expect(runner.inspect()).toMatchObject({ state: 'idle', worker: null })
  })

  it('says what is wrong with its options, all at once', async () => {
    const { runner } = aRunner({ work })
    // @ts-expect-error wrong on purpose
    await expect(runner.start({ queues: 'mail', signals: 1, quues: [] })).rejects.toMatchObject({
      code: 'ERR_BAD_OPTIONS',
      message: expect.stringMatching(/quues.*queues[^]*"queues"[^]*"signals"/),
    })
    await expect(runner.stop({ timeout: 'soon' })).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })
    expect(runner.inspect().state).toBe('idle')
  })

  it('can be tried again after it failed', async () => {
    const folder = tempFolder()
    const { runner } = aRunner({ work }, { database: `sqlite:${join(folder, 'jobs.db')}`, migrate: false })
    await expect(runner.start()).rejects.toMatchObject({ code: 'ERR_SCHEMA_OLDER' })
    expect(runner.inspect()).toMatchObject({ state: 'idle', worker: null })
    expect(await runner.migrate()).toMatchObject({ from: 0, to: expect.any(Number) })
    expect(await runner.migrate()).toMatchObject({ applied: [] })
    await runner.start()
    expect(await (await runner.enqueue(work.run, [1])).result()).toBe(1)
  })
})

describe('stop', () => {
  it('does nothing to a runner that was not started, and may be called twice at once', async () => {
    const { runner } = aRunner({ work })
    await runner.stop()
    await runner.start()
    await Promise.all([runner.stop(), runner.stop(), runner.stop()])
    await runner.stop()
    expect(runner.inspect().state).toBe('idle')
  })

  it('waits for a start that is under way', async () => {
    const { runner } = aRunner({ work })
    const started = runner.start()
    await runner.stop()
    await started
    expect(runner.inspect()).toMatchObject({ state: 'idle', worker: null })
  })
})

describe('close', () => {
  it('ends the runner for good; whatever is asked later is refused', async () => {
    const { runner } = aRunner({ work })
    await runner.start()
    const { id } = await runner.enqueue(work.run, [1], { delay: '1h' })
    await Promise.all([runner.close(), runner.close()])
    await runner.close()
    expect(runner.inspect().state).toBe('closed')
    const calls = [
      runner.start(),
      runner.enqueue(work.run, [1]),
      runner.enqueueAll([]),
      runner.job(id),
      runner.list(),
      runner.result(id),
      runner.cancel(id),
      runner.pause('default'),
      runner.queues(),
      runner.explain(id),
      runner.dead.list(),
      runner.migrate(),
    ]
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'ERR_RUNNER_CLOSED' })
    await runner.stop()
  })

  it('is what `await using` calls', async () => {
    const { runner } = aRunner({ work })
    await runner.start()
    await runner[Symbol.asyncDispose]()
    expect(runner.inspect().state).toBe('closed')
  })

  it('rejects those who still wait for a result', async () => {
    const { runner } = aRunner({ work })
    const handle = await runner.enqueue(work.run, [1])
    const result = handle.result()
    await Promise.all([expect(result).rejects.toMatchObject({ code: 'ERR_RUNNER_CLOSED' }), runner.close()])
  })
})

describe('two runners on one file', () => {
  it('share the work, and each job runs once', async () => {
    const ran: number[] = []
    const own = { run: (value: number) => void ran.push(value) }
    const { runner: first, url } = aRunner({ own })
    const { runner: second } = aRunner({ own }, { database: url })
    await Promise.all([first.start(), second.start()])
    await first.enqueueAll(Array.from({ length: 300 }, (_, index) => [own.run, [index]] as const))
    await eventually(() => ran.length >= 300)
    expect(ran.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, index) => index))
  })
})

describe('a process', () => {
  it('that only makes a runner does no I/O, loads no engine, and ends', async () => {
    const { path, url } = tempDatabase()
    const printed = await runProgram(`
      import { createRunner } from 'millrace'
      createRunner({ database: ${JSON.stringify(url)}, jobs: {} }).inspect()
      const { createRequire } = await import('node:module')
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((file) => file.includes('sqlite'))
      console.log(JSON.stringify({ loaded, resources: process.getActiveResourcesInfo().filter((one) => !['PipeWrap', 'CloseReq'].includes(one)) }))
    `)
    expect(JSON.parse(printed)).toEqual({ loaded: [], resources: [] })
    expect(existsSync(path)).toBe(false)
  })

  it('that only enqueues ends by itself', async () => {
    const { url } = tempDatabase()
    const printed = await runProgram(`
      import { createRunner } from 'millrace'
      const runner = createRunner({ database: ${JSON.stringify(url)}, jobs: { work: { run() {} } } })
      const { id } = await runner.enqueue('work.run', [])
      console.log(id)
    `)
    const { runner } = aRunner({ work }, { database: url })
    expect(await runner.job(printed)).toMatchObject({ state: 'queued' })
  })

  it('that stopped its runner ends by itself', async () => {
    const { url } = tempDatabase()
    const printed = await runProgram(`
      import { createRunner } from 'millrace'
      const runner = createRunner({ database: ${JSON.stringify(url)}, jobs: { work: { run: () => 'done' } } })
      await runner.start()
      console.log(await (await runner.enqueue('work.run', [])).result())
      await runner.stop()
    `)
    expect(printed).toBe('done')
  })

  it('in production is refused a database that is given but undefined', async () => {
    const program = `
      import { createRunner } from 'millrace'
      try { createRunner({ database: process.env.NO_SUCH_URL, jobs: {} }); console.log('made') }
      catch (error) { console.log(error.code) }
    `
    expect(await runProgram(program, { NODE_ENV: 'production' })).toBe('ERR_CONFIGURATION')
    expect(await runProgram(program, { NODE_ENV: 'test' })).toBe('made')
  })

  it('stops on the first SIGTERM, hurries on the second, and ends with 0', async () => {
    const folder = tempFolder()
    const [url, record] = [`sqlite:${join(folder, 'jobs.db')}`, join(folder, 'record')]
    const worker = await aWorkerProcess({ url, record, start: { signals: true } })
    const { runner } = aRunner({ work: { hold: () => {} } }, { database: url })
    const { id } = await runner.enqueue('work.hold', [])
    await eventually(async () => (await runner.job(id))?.startedAt)
    worker.signal('SIGTERM')
    await eventually(async () => (await worker.ask<{ state: string }>('inspect')).state === 'stopping')
    const before = performance.now()
    worker.signal('SIGTERM')
    await eventually(async () => (await worker.ask<{ state: string }>('inspect')).state === 'idle')
    expect(performance.now() - before).toBeLessThan(2_000)
    expect(await runner.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
    worker.child.disconnect()
    expect(await worker.exited).toEqual({ code: 0, signal: null })
  })
})

describe('inspect', () => {
  it('shows the tree and the stages of each queue as plain data', async () => {
    const { runner } = aRunner({ work }, { queues: { mail: { concurrency: 2 } } })
    await runner.start()
    const inspection = runner.inspect()
    expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection)
    const { worker } = inspection
    expect(worker?.stages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['mail/producer', 'mail/consumer-1', 'mail/consumer-2', 'mail/acker']),
    )
    expect(worker?.supervision.map(({ name }) => name)).toEqual(expect.arrayContaining(['queue/mail', 'queue/default']))
    await eventually(() => runner.inspect().worker?.demand['mail'] === 2)
  })
})

describe('a database in memory', () => {
  it('runs jobs like any other', async () => {
    const runner = createRunner({ database: 'sqlite::memory:', jobs: { work } })
    await runner.start()
    expect(await (await runner.enqueue(work.run, [[1, 2]])).result()).toEqual([1, 2])
    await runner.close()
  })
})
