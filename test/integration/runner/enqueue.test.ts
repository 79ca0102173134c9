import { existsSync } from 'node:fs'

import { currentJob, job, JobCancelledError, JobFailedError, JobNotFoundError, ResultTimeoutError } from 'millrace'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aRunner, aWorker } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

async function resize(path: string, width: number): Promise<string> {
  return `${path}@${width}`
}

const images = { resize }

describe('enqueue', () => {
  it('runs a function by reference and answers what it returned', async () => {
    const { runner } = await aWorker({ images })
    const handle = await runner.enqueue(images.resize, ['photo.jpg', 300])
    expect(handle).toMatchObject({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), status: 'created' })
    expect(await handle.result()).toBe('photo.jpg@300')
    expect(await runner.result(handle.id)).toBe('photo.jpg@300')
    expect(await runner.result(handle.id.toUpperCase())).toBe('photo.jpg@300')
  })

  it('runs a function by its name', async () => {
    const { runner } = await aWorker({ images })
    const handle = await runner.enqueue('images.resize', ['photo.jpg', 300])
    expect(await handle.result()).toBe('photo.jpg@300')
  })

  it('stores all jobs of enqueueAll, answering in their order', async () => {
    const { runner } = await aWorker({ images })
    const [first, second] = await runner.enqueueAll([
      [images.resize, ['a', 1]],
      ['images.resize', ['b', 2], { priority: 5 }],
    ])
    expect([await first.result(), await second.result()]).toEqual(['a@1', 'b@2'])
    expect(await runner.enqueueAll([])).toEqual([])
  })

  it('stores none of enqueueAll when one of them is wrong', async () => {
    const { runner } = aRunner({ images })
    const wrong = runner.enqueueAll([
      [images.resize, ['a', 1]],
      [images.resize, ['b', 2], { priority: 500 }],
    ])
    await expect(wrong).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })
    expect((await runner.list()).jobs).toEqual([])
  })

  it('answers a duplicate for an id that is in use, also when that job has ended', async () => {
    const { runner } = await aWorker({ images })
    const id = '3f2504e0-4f89-11d3-9a0c-0305e82c3301'
    const first = await runner.enqueue(images.resize, ['a', 1], { id: id.toUpperCase() })
    expect([first.id, first.status]).toEqual([id, 'created'])
    await first.result()
    const again = await runner.enqueue(images.resize, ['b', 2], { id })
    expect([again.id, again.status]).toEqual([id, 'duplicate'])
    expect(await again.result()).toBe('a@1')
    expect((await runner.list()).jobs.length).toBe(1)
  })

  it('waits for `delay` and `at`, and runs a time in the past at once', async () => {
    const started: number[] = []
    const work = { now: () => void started.push(Date.now()) }
    const { runner } = await aWorker({ work })
    const before = Date.now()
    const delayed = await runner.enqueue(work.now, [], { delay: 120 })
    const dated = await runner.enqueue(work.now, [], { at: new Date(before + 200) })
    expect((await runner.job(delayed.id))?.state).toBe('scheduled')
    const past = await runner.enqueue(work.now, [], { at: '2001-01-01T00:00:00Z' })
    await past.result()
    await Promise.all([delayed.result(), dated.result()])
    expect((started[1] ?? 0) - before).toBeGreaterThanOrEqual(119)
    expect((started[2] ?? 0) - before).toBeGreaterThanOrEqual(199)
    expect((started[2] ?? 0) - before).toBeLessThan(1_500)
  })

  it('runs a lower priority number first, and equals in the order of their enqueue', async () => {
    const order: string[] = []
    const work = { note: (name: string) => void order.push(name) }
    const { runner } = aRunner({ work }, { queues: { default: { concurrency: 1 } } })
    await runner.enqueueAll([
      [work.note, ['late'], { priority: 10 }],
      [work.note, ['first normal']],
      [work.note, ['second normal']],
      [work.note, ['urgent'], { priority: -10 }],
    ])
    await runner.start()
    await eventually(() => order.length === 4)
    expect(order).toEqual(['urgent', 'first normal', 'second normal', 'late'])
  })

  it('finds jobs by their tags', async () => {
    const { runner } = aRunner({ images })
    const { id } = await runner.enqueue(images.resize, ['a', 1], { tags: ['nightly', 'big', 'big'] })
    await runner.enqueue(images.resize, ['a', 1], { tags: ['nightly'] })
    expect((await runner.list({ tag: 'big' })).jobs).toMatchObject([{ id, tags: ['nightly', 'big'] }])
  })

  it('takes the key as text, by a path into the args, or from a function', async () => {
    const work = {
      byPath: job({ key: 'args[0].tenant' }, (order: { tenant: string }) => order.tenant),
      byFunction: job(
        { key: (first: string, second: string) => `${first}/${second}` },
        (a: string, b: string) => a + b,
      ),
    }
    const { runner } = aRunner({ work, images })
    const keys = await Promise.all([
      runner.enqueue(images.resize, ['a', 1], { key: 'literal' }),
      runner.enqueue(work.byPath, [{ tenant: 'acme' }]),
      runner.enqueue(work.byFunction, ['a', 'b']),
      runner.enqueue(work.byFunction, ['a', 'b'], { key: 'mine' }),
    ])
    const stored = await Promise.all(keys.map(async ({ id }) => (await runner.job(id))?.key))
    expect(stored).toEqual(['literal', 'acme', 'a/b', 'mine'])
    expect((await runner.list({ key: 'acme' })).jobs.length).toBe(1)
  })

  it('runs what was stored under an old name of a job', async () => {
    const before = { mailer: { send: (to: string) => `old ${to}` } }
    const { runner: old, url } = aRunner(before)
    const { id } = await old.enqueue('mailer.send', ['a@b.c'])
    const after = { mailer: { deliver: job({ aliases: ['mailer.send'] }, (to: string) => `new ${to}`) } }
    const { runner } = await aWorker(after, { database: url })
    expect(await runner.result(id)).toBe('new a@b.c')
  })

  it('runs each of two queues by its own settings', async () => {
    const release = gate()
    const work = {
      slow: job({ queue: 'slow' }, () => release.passed),
      quick: () => 'quick',
    }
    const { runner } = await aWorker({ work }, { queues: { slow: { concurrency: 1 } } })
    const slow = await Promise.all([runner.enqueue(work.slow, []), runner.enqueue(work.slow, [])])
    expect(await (await runner.enqueue(work.quick, [])).result()).toBe('quick')
    await eventually(async () => (await runner.queues()).find(({ name }) => name === 'slow')?.running === 1)
    release.open()
    await Promise.all(slow.map((handle) => handle.result()))
  })

  it('serves a queue that appears later', async () => {
    const { runner } = await aWorker({ images })
    const handles = await Promise.all(
      Array.from({ length: 20 }, (_, index) => runner.enqueue(images.resize, ['a', index], { queue: 'brand-new' })),
    )
    expect(await Promise.all(handles.map((handle) => handle.result()))).toHaveLength(20)
  })
})

describe('values', () => {
  it('reach the function, and come back from it, as they were', async () => {
    const seen: unknown[] = []
    const work = {
      echo: (value: unknown) => {
        seen.push(value)
        return value
      },
    }
    const { runner } = await aWorker({ work })
    const cycle: { self?: unknown } = {}
    cycle.self = cycle
    const values = [
      new Date(0),
      new Map([[1, new Set(['a'])]]),
      123_456_789_012_345_678_901n,
      new Uint8Array([1, 2, 255]),
      undefined,
      Number.NaN,
      'a\0b\ud800c',
      { a: undefined, b: [-0] },
    ]
    for (const value of values) {
      expect(await (await runner.enqueue(work.echo, [value])).result()).toEqual(value)
    }
    expect(seen).toEqual(values)
    const back = (await (await runner.enqueue(work.echo, [cycle])).result()) as { self: unknown }
    expect(back.self).toBe(back)
  })

  it('store the input of a schema, and parse it once, in the worker', async () => {
    let parses = 0
    const user = z.object({ born: z.string() }).transform(({ born }) => {
      parses += 1
      return { year: new Date(born).getUTCFullYear() }
    })
    const seen: unknown[] = []
    const work = {
      greet: job({ input: [user, z.number().default(7)] }, (person: { year: number }, times: number) => {
        seen.push([person, times])
        return person.year
      }),
    }
    const { runner } = aRunner({ work })
    const handle = await runner.enqueue(work.greet, [{ born: '1990-05-05' }])
    expect((await runner.job(handle.id))?.args).toEqual([{ born: '1990-05-05' }])
    parses = 0
    await runner.start()
    expect(await handle.result()).toBe(1990)
    expect([parses, seen]).toEqual([1, [[{ year: 1990 }, 7]]])
  })
})

describe('result', () => {
  it('rejects with the error of a job that failed', async () => {
    const work = {
      fail: job({ maxAttempts: 1 }, () => {
        throw new TypeError('boom', { cause: new Error('root') })
      }),
    }
    const { runner } = await aWorker({ work })
    const error: unknown = await (await runner.enqueue(work.fail, [])).result().catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(JobFailedError)
    expect(error).toMatchObject({
      code: 'ERR_JOB_FAILED',
      message: 'boom',
      cause: { name: 'TypeError', message: 'boom', cause: { message: 'root' } },
    })
  })

  it('rejects when the job is cancelled', async () => {
    const { runner } = aRunner({ images })
    const handle = await runner.enqueue(images.resize, ['a', 1], { delay: '1h' })
    const result = handle.result()
    await Promise.all([expect(result).rejects.toBeInstanceOf(JobCancelledError), runner.cancel(handle.id)])
  })

  it('rejects when the time is up; the job goes on', async () => {
    const { runner } = aRunner({ images })
    const handle = await runner.enqueue(images.resize, ['a', 1])
    const error: unknown = await handle.result({ timeout: 50 }).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ResultTimeoutError)
    expect((await runner.job(handle.id))?.state).toBe('queued')
    await runner.start()
    expect(await handle.result()).toBe('a@1')
  })

  it('rejects for an id that nobody knows', async () => {
    const { runner } = aRunner({ images })
    const unknown = runner.result('3f2504e0-4f89-11d3-9a0c-0305e82c3301')
    await expect(unknown).rejects.toBeInstanceOf(JobNotFoundError)
    await expect(runner.result('no uuid')).rejects.toBeInstanceOf(JobNotFoundError)
  })

  it('rejects when the result could not be kept; the job has completed', async () => {
    const work = { handler: () => () => 1 }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue('work.handler', [])
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_RESULT_NOT_KEPT' })
    expect(await runner.job(handle.id)).toMatchObject({ state: 'completed', error: { code: 'ERR_VALUE_UNSUPPORTED' } })
  })

  it('answers undefined for a function that returns nothing', async () => {
    const work = { nothing: () => {} }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.nothing, [])
    expect(await handle.result()).toBeUndefined()
    expect((await runner.job(handle.id))?.result).toBeUndefined()
  })

  it('answers a waiter in another runner on the same file', async () => {
    const { runner, url } = await aWorker({ images })
    const { runner: other } = aRunner({ images }, { database: url })
    const handle = await other.enqueue(images.resize, ['a', 1])
    expect(await handle.result({ timeout: '5s' })).toBe('a@1')
    const mine = await runner.enqueue(images.resize, ['b', 2])
    expect(await other.result(mine.id, { timeout: '5s' })).toBe('b@2')
  })

  it('answers many waiters at once', async () => {
    const { runner } = await aWorker({ images })
    const handles = await Promise.all(
      Array.from({ length: 500 }, (_, index) => runner.enqueue(images.resize, ['a', index])),
    )
    const results = await Promise.all(handles.map((handle) => handle.result()))
    expect(results).toEqual(Array.from({ length: 500 }, (_, index) => `a@${index}`))
  })
})

describe('keep', () => {
  it('drops completed and cancelled jobs with "0s", and keeps failed ones', async () => {
    const work = {
      good: () => 1,
      bad: job({ maxAttempts: 1 }, () => {
        throw new Error('bad')
      }),
    }
    const { runner } = await aWorker({ work }, { queues: { default: { keep: '0s' } } })
    const good = await runner.enqueue(work.good, [])
    expect(await good.result()).toBe(1)
    const bad = await runner.enqueue(work.bad, [])
    await expect(bad.result()).rejects.toThrow('bad')
    await eventually(async () => (await runner.job(good.id)) === null)
    expect((await runner.job(bad.id))?.state).toBe('failed')
  })
})

describe('a runner that was only made', () => {
  it('has touched nothing', async () => {
    const { path, url } = tempDatabase()
    const { runner } = aRunner({ images }, { database: url })
    runner.inspect()
    expect(existsSync(path)).toBe(false)
    await runner.enqueue(images.resize, ['a', 1])
    expect(existsSync(path)).toBe(true)
  })
})

describe('a job that starts jobs', () => {
  it('does so through currentJob().enqueue', async () => {
    const work = {
      parent: async (): Promise<string> => {
        const child = await currentJob().enqueue(images.resize, ['child', 1])
        return child.result()
      },
    }
    const { runner } = await aWorker({ work, images })
    expect(await (await runner.enqueue(work.parent, [])).result()).toBe('child@1')
  })
})
