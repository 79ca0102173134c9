import { join } from 'node:path'

import { currentJob, job } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { tempFolder } from '../../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../../support/worker-process.ts'

const UNKNOWN = '3f2504e0-4f89-11d3-9a0c-0305e82c3301'
const work = {
  run: (value: unknown) => value,
  fail: job({ maxAttempts: 1 }, (message: string) => {
    throw new Error(message)
  }),
}

describe('job', () => {
  it('shows everything that is known, with dates', async () => {
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.run, [{ a: 1 }], { tags: ['t'], key: 'k', priority: 3, maxAttempts: 5 })
    await handle.result()
    const date = expect.any(Date)
    expect(await runner.job(handle.id)).toEqual({
      id: handle.id,
      name: 'work.run',
      queue: 'default',
      state: 'completed',
      args: [{ a: 1 }],
      key: 'k',
      tags: ['t'],
      priority: 3,
      attempt: 1,
      maxAttempts: 5,
      attempts: [{ attempt: 1, node: expect.any(String), startedAt: date, endedAt: date, logs: [] }],
      result: { a: 1 },
      error: null,
      progress: null,
      createdAt: date,
      dueAt: date,
      startedAt: date,
      endedAt: date,
    })
  })

  it('answers null for an id that nobody knows', async () => {
    const { runner } = aRunner({ work })
    expect(await runner.job(UNKNOWN)).toBeNull()
    expect(await runner.job('not even a UUID')).toBeNull()
  })
})

describe('list', () => {
  it('filters by state, queue, name, key and tag, all of them together', async () => {
    const { runner } = aRunner({ work })
    await runner.enqueue(work.run, [1], { queue: 'mail', key: 'acme', tags: ['x'] })
    await runner.enqueue(work.run, [2], { queue: 'mail', delay: '1h' })
    await runner.enqueue(work.fail, ['3'], { key: 'acme' })
    const names = async (filter: Parameters<typeof runner.list>[0]) =>
      (await runner.list(filter)).jobs.map(({ args }) => (Array.isArray(args) ? (args as unknown[])[0] : args))
    expect(await names({ queue: 'mail' })).toEqual([2, 1])
    expect(await names({ key: 'acme' })).toEqual(['3', 1])
    expect(await names({ tag: 'x' })).toEqual([1])
    expect(await names({ name: 'work.fail' })).toEqual(['3'])
    expect(await names({ state: 'scheduled' })).toEqual([2])
    expect(await names({ state: ['scheduled', 'queued'], queue: 'mail', name: 'work.run' })).toEqual([2, 1])
    expect(await names({ queue: 'nobody' })).toEqual([])
  })

  it('pages through everything once, newest first', async () => {
    const { runner } = aRunner({ work })
    await runner.enqueueAll(Array.from({ length: 25 }, (_, index) => [work.run, [index]] as const))
    const seen: string[] = []
    let after: string | undefined
    let pages = 0
    do {
      const page = await runner.list({ limit: 10, after })
      seen.push(...page.jobs.map(({ id }) => id))
      after = page.next
      pages += 1
    } while (after !== undefined)
    expect([seen.length, new Set(seen).size, pages]).toEqual([25, 25, 3])
    expect(seen).toEqual(seen.toSorted().reverse())
  })

  it('searches the args, whatever the case, and says how far it looked', async () => {
    const { runner } = aRunner({ work })
    const { id } = await runner.enqueue(work.run, [{ to: 'Anna@Example.org' }])
    await runner.enqueue(work.run, [{ to: 'someone else' }])
    const found = await runner.list({ search: 'anna@example' })
    expect(found.jobs.map((one) => one.id)).toEqual([id])
    expect(found.searched).toEqual({ jobs: 2, complete: true })
    expect((await runner.list({ search: '%' })).jobs).toEqual([])
    expect(await runner.list()).not.toHaveProperty('searched')
  })
})

describe('retry, cancel and delete', () => {
  it('say what they left alone, and why', async () => {
    const { runner } = aRunner({ work })
    const { id } = await runner.enqueue(work.run, [1])
    expect(await runner.retry(id)).toEqual({ retried: 0, skipped: [{ id, reason: 'queued' }] })
    expect(await runner.cancel(UNKNOWN)).toEqual({ cancelled: 0, skipped: [{ id: UNKNOWN, reason: 'unknown' }] })
    expect(await runner.cancel(id)).toEqual({ cancelled: 1, skipped: [] })
    expect(await runner.cancel(id)).toEqual({ cancelled: 0, skipped: [{ id, reason: 'cancelled' }] })
    expect(await runner.delete(id.toUpperCase())).toEqual({ deleted: 1, skipped: [] })
    expect(await runner.delete(id)).toEqual({ deleted: 0, skipped: [{ id, reason: 'unknown' }] })
    expect(await runner.job(id)).toBeNull()
  })

  it('retry begins a new life: same id, attempt 0, earlier errors kept', async () => {
    let isMended = false
    const own = {
      flaky: job({ maxAttempts: 1 }, () => {
        if (!isMended) throw new Error('broken')
        return currentJob().attempt
      }),
    }
    const { runner } = await aWorker({ own })
    const handle = await runner.enqueue(own.flaky, [])
    await expect(handle.result()).rejects.toThrow('broken')
    isMended = true
    expect(await runner.retry(handle.id)).toEqual({ retried: 1, skipped: [] })
    expect(await handle.result()).toBe(1)
    expect((await runner.job(handle.id))?.attempts).toMatchObject([
      { attempt: 1, error: { message: 'broken' } },
      { attempt: 1 },
    ])
  })

  it('take a filter, and change all that match, however many', async () => {
    const { runner } = aRunner({ work })
    await runner.enqueueAll(
      Array.from({ length: 1_200 }, (_, index) => [work.run, [index], { queue: 'many' }] as const),
    )
    await runner.enqueue(work.run, ['other'])
    expect(await runner.cancel({ queue: 'many' })).toEqual({ cancelled: 1_200, skipped: [] })
    expect(await runner.retry({ queue: 'many', state: 'cancelled' })).toMatchObject({ retried: 1_200 })
    expect(await runner.delete({ queue: 'many' })).toMatchObject({ deleted: 1_200 })
    expect((await runner.list()).jobs.length).toBe(1)
  })

  it('cancel of a running job from another process fires its signal within two seconds', async () => {
    const folder = tempFolder()
    const [url, record] = [`sqlite:${join(folder, 'jobs.db')}`, join(folder, 'record')]
    const worker = await aWorkerProcess({ url, record, start: {} })
    const { runner } = aRunner({ work: { hold: () => {} } }, { database: url })
    const handle = await runner.enqueue('work.hold', [])
    await eventually(() => readRecord(record).some(({ kind }) => kind === 'start'))
    const before = Date.now()
    expect(await runner.cancel(handle.id)).toMatchObject({ cancelled: 1 })
    await expect(handle.result({ timeout: '5s' })).rejects.toMatchObject({ code: 'ERR_JOB_CANCELLED' })
    const aborted = readRecord(record).find(({ kind }) => kind === 'aborted')
    expect((aborted?.at ?? Infinity) - before).toBeLessThan(2_000)
    expect(aborted?.reason).toContain('cancelled')
    await worker.ask('stop')
  })

  it('cancel of a running job from this process fires its signal at once', async () => {
    const started = gate()
    const own = {
      hold: async () => {
        const { signal } = currentJob()
        started.open()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        signal.throwIfAborted()
      },
    }
    const { runner } = await aWorker({ own })
    const events = eventsOf(runner, 'job:stop')
    const handle = await runner.enqueue(own.hold, [])
    await started.passed
    await runner.cancel(handle.id)
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_JOB_CANCELLED' })
    await eventually(() => events.length === 1)
    expect(events[0]?.payload.outcome).toBe('cancelled')
  })

  it('cancel of a job that was claimed but waits in a buffer ends it before it runs', async () => {
    const release = gate()
    const ran: string[] = []
    const own = {
      wait: async (name: string) => {
        ran.push(name)
        await release.passed
      },
    }
    const { runner } = await aWorker({ own }, { queues: { default: { concurrency: 1, prefetch: 2 } } })
    await runner.enqueue(own.wait, ['first'])
    await eventually(() => ran.length === 1)
    const buffered = await runner.enqueue(own.wait, ['buffered'])
    const other = await runner.enqueue(own.wait, ['other'])
    await eventually(async () => (await runner.job(other.id))?.state === 'running')
    await runner.cancel(buffered.id)
    await expect(buffered.result()).rejects.toMatchObject({ code: 'ERR_JOB_CANCELLED' })
    release.open()
    await other.result()
    expect(ran).toEqual(['first', 'other'])
    expect(await (await runner.enqueue(own.wait, ['later'])).result()).toBeUndefined()
  })
})

describe('queues', () => {
  it('are paused and resumed for all processes, across restarts', async () => {
    const { runner, url } = await aWorker({ work })
    await runner.pause('default')
    const handle = await runner.enqueue(work.run, ['x'])
    await runner.close()
    const { runner: second } = await aWorker({ work }, { database: url })
    expect(await second.queues()).toMatchObject([{ name: 'default', paused: true, depth: 1, running: 0 }])
    expect((await second.job(handle.id))?.state).toBe('queued')
    await second.resume('default')
    expect(await second.result(handle.id, { timeout: '5s' })).toBe('x')
  })

  it('show what waits, what runs, and how fast they go', async () => {
    const release = gate()
    const own = { wait: () => release.passed }
    const { runner } = await aWorker({ own }, { queues: { default: { concurrency: 2 } } })
    await runner.enqueue(own.wait, [], { delay: '1h' })
    const handles = await Promise.all([1, 2, 3].map(() => runner.enqueue(own.wait, [])))
    const shown = await eventually(async () => {
      const [queue] = await runner.queues()
      return queue?.running === 2 ? queue : null
    })
    expect(shown).toEqual({
      name: 'default',
      depth: 1,
      scheduled: 1,
      running: 2,
      oldestAgeMs: expect.any(Number),
      rate: 0,
      paused: false,
      concurrency: 2,
      scaled: null,
      wantedReplicas: 2,
      wantedReason:
        '1 job waits, 2 run, and none ended in the last minute: 3 at the same time would do, and a process runs 2',
    })
    release.open()
    await Promise.all(handles.map((handle) => handle.result()))
    const [after] = await runner.queues()
    expect(after).toMatchObject({ depth: 0, running: 0, oldestAgeMs: null, rate: 3 / 60 })
  })

  it('are resumed at once in this process: nothing waits for a poll', async () => {
    const { runner } = await aWorker({ work })
    await runner.pause('default')
    const handle = await runner.enqueue(work.run, ['x'])
    await runner.resume('default')
    expect(await handle.result({ timeout: 900 })).toBe('x')
  })

  it('cost no storm of claims while they are paused with due jobs', async () => {
    const { runner, trace } = await aWorker({ work })
    await runner.pause('default')
    await Promise.all([1, 2, 3].map((value) => runner.enqueue(work.run, [value], { delay: 10 })))
    const before = trace.of('claimer.claim').length
    const since = performance.now()
    await eventually(() => performance.now() - since > 1_200)
    expect(trace.of('claimer.claim').length - before).toBeLessThan(12)
  })
})

describe('dead letters', () => {
  it('list what failed, with all attempts', async () => {
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.fail, ['sad'], { key: 'acme' })
    await (await runner.enqueue(work.run, [1])).result()
    await expect(handle.result()).rejects.toThrow('sad')
    expect(await runner.dead.list()).toMatchObject({
      jobs: [{ id: handle.id, state: 'failed', attempts: [{ attempt: 1, error: { message: 'sad' } }] }],
    })
    expect((await runner.dead.list({ key: 'other' })).jobs).toEqual([])
  })
})
