import { cancel, currentJob, discard, job, retry, snooze } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aWorker, eventsOf } from '../../support/runner.ts'

describe('outcomes', () => {
  it('snooze: runs again later, and costs no attempt', async () => {
    let runs = 0
    const work = { once: job({ maxAttempts: 1 }, () => (++runs < 4 ? snooze(20) : currentJob().attempt)) }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.once, [])
    expect(await handle.result()).toBe(1)
    expect(runs).toBe(4)
    expect(await runner.job(handle.id)).toMatchObject({ state: 'completed', attempt: 1 })
  })

  it('cancel: ends as cancelled, with the reason', async () => {
    const work = { stop: () => cancel('withdrawn') }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.stop, [])
    await expect(handle.result()).rejects.toMatchObject({ code: 'ERR_JOB_CANCELLED', reason: 'withdrawn' })
    expect(await runner.job(handle.id)).toMatchObject({ state: 'cancelled', attempt: 1 })
  })

  it('discard: goes to the dead letters, whatever attempts are left', async () => {
    const work = { drop: job({ maxAttempts: 9 }, () => discard('gone')) }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.drop, [])
    await expect(handle.result()).rejects.toThrow('gone')
    expect((await runner.dead.list()).jobs).toMatchObject([{ id: handle.id, state: 'failed', attempt: 1 }])
  })

  it('retry: counts as an attempt, after the given delay', async () => {
    const attempts: number[] = []
    const work = {
      again: job({ maxAttempts: 3 }, () => {
        attempts.push(currentJob().attempt)
        return retry('not yet', { delay: 10 })
      }),
    }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.again, [])
    await expect(handle.result()).rejects.toThrow('not yet')
    expect(attempts).toEqual([1, 2, 3])
    expect((await runner.job(handle.id))?.attempts).toMatchObject([1, 2, 3].map((attempt) => ({ attempt })))
  })
})

describe('attempts', () => {
  it('are as many as maxAttempts says: of the call, else of the job, else 3', async () => {
    const counts = new Map<string, number>()
    const count = (): never => {
      const { id } = currentJob()
      counts.set(id, (counts.get(id) ?? 0) + 1)
      throw new Error('no')
    }
    const backoff = { base: 1, factor: 1, max: 1 }
    const work = { plain: () => count(), own: job({ maxAttempts: 2, backoff }, () => count()) }
    const { runner } = await aWorker({ work })
    const handles = [
      await runner.enqueue(work.plain, [], { backoff }),
      await runner.enqueue(work.own, []),
      await runner.enqueue(work.own, [], { maxAttempts: 4 }),
    ]
    for (const handle of handles) await expect(handle.result()).rejects.toThrow('no')
    expect(handles.map(({ id }) => counts.get(id))).toEqual([3, 2, 4])
  })

  it('wait by a backoff range, and show the error meanwhile', async () => {
    const work = {
      fail: job({ backoff: { base: '1h' } }, () => {
        throw new Error('first')
      }),
    }
    const { runner } = await aWorker({ work })
    const { id } = await runner.enqueue(work.fail, [])
    const waiting = await eventually(async () => {
      const found = await runner.job(id)
      return found?.state === 'scheduled' && found.attempt === 1 ? found : null
    })
    const waitMs = waiting.dueAt.getTime() - Date.now()
    expect(waitMs).toBeGreaterThan(25 * 60_000)
    expect(waitMs).toBeLessThan(61 * 60_000)
    expect(waiting).toMatchObject({
      error: { message: 'first' },
      attempts: [{ attempt: 1, error: { message: 'first' } }],
    })
  })

  it('wait by a backoff function of the attempt', async () => {
    const asked: number[] = []
    const times: number[] = []
    const work = {
      fail: job(
        {
          backoff: (attempt) => {
            asked.push(attempt)
            return attempt * 60
          },
        },
        () => {
          times.push(performance.now())
          throw new Error('no')
        },
      ),
    }
    const { runner } = await aWorker({ work })
    await expect((await runner.enqueue(work.fail, [])).result()).rejects.toThrow('no')
    expect(asked).toEqual([1, 2])
    const [first = 0, second = 0, third = 0] = times
    expect(second - first).toBeGreaterThanOrEqual(58)
    expect(third - second).toBeGreaterThanOrEqual(118)
  })
})

describe('timeout', () => {
  it('fires the signal; a handler that heeds it fails its attempt as timed out', async () => {
    const work = {
      heed: job({ timeout: 80, maxAttempts: 1 }, async () => {
        const { signal } = currentJob()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        signal.throwIfAborted()
      }),
    }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.heed, [])
    await expect(handle.result()).rejects.toMatchObject({ jobError: { code: 'ERR_JOB_TIMEOUT' } })
    expect((await runner.job(handle.id))?.error?.message).toContain('80 ms')
  })

  it('frees the slot of a handler that ignores its signal, and refuses its late result', async () => {
    const release = gate()
    let isFirst = true
    const work = {
      ignore: job({ timeout: 50, maxAttempts: 2, backoff: { base: 0 } }, async () => {
        if (!isFirst) return 'second'
        isFirst = false
        await release.passed
        return 'late'
      }),
    }
    const { runner } = await aWorker({ work }, { queues: { default: { concurrency: 1 } } })
    const handle = await runner.enqueue(work.ignore, [])
    expect(await handle.result()).toBe('second')
    release.open()
    const next = await runner.enqueue(work.ignore, [])
    expect(await next.result()).toBe('second')
    expect(await runner.job(handle.id)).toMatchObject({
      result: 'second',
      attempt: 2,
      attempts: [
        { attempt: 1, error: { message: expect.stringContaining('did not heed its signal') } },
        { attempt: 2 },
      ],
    })
  }, 15_000)

  it('is that of the call, else of the job, else of the queue', async () => {
    const work = {
      slow: async () => {
        const { signal } = currentJob()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        signal.throwIfAborted()
      },
    }
    const { runner } = await aWorker({ work }, { queues: { default: { timeout: 60 } } })
    const byQueue = await runner.enqueue(work.slow, [], { maxAttempts: 1 })
    await expect(byQueue.result()).rejects.toThrow('60 ms')
    const byCall = await runner.enqueue(work.slow, [], { maxAttempts: 1, timeout: 30 })
    await expect(byCall.result()).rejects.toThrow('30 ms')
  })
})

describe('events', () => {
  it('tell each attempt, in order, with exactly what is documented', async () => {
    let isFirst = true
    const work = {
      flaky: job({ backoff: { base: 1, factor: 1, max: 1 } }, () => {
        if (!isFirst) return 'ok'
        isFirst = false
        throw new Error('first')
      }),
    }
    const { runner } = await aWorker({ work })
    const events = eventsOf(runner, 'job:enqueue', 'job:start', 'job:exception', 'job:stop')
    const handle = await runner.enqueue(work.flaky, [])
    await handle.result()
    await eventually(() => events.length === 5)
    const job1 = { id: handle.id, name: 'work.flaky', queue: 'default', attempt: 1, waitMs: expect.any(Number) }
    const runMs = expect.any(Number)
    const error = { name: 'Error', message: 'first', stack: expect.any(String) }
    expect(events).toEqual([
      { name: 'job:enqueue', payload: { id: handle.id, name: 'work.flaky', queue: 'default', status: 'created' } },
      { name: 'job:start', payload: job1 },
      { name: 'job:exception', payload: { ...job1, runMs, outcome: 'retry', error } },
      { name: 'job:start', payload: { ...job1, attempt: 2 } },
      { name: 'job:stop', payload: { ...job1, attempt: 2, runMs, outcome: 'completed' } },
    ])
  })

  it('give the outcome of every kind of end', async () => {
    let snoozes = 0
    const work = {
      done: () => 1,
      snoozed: () => (snoozes++ === 0 ? snooze(0) : 1),
      cancelled: () => cancel('c'),
      discarded: () => discard('d'),
      failed: job({ maxAttempts: 1 }, () => {
        throw new Error('f')
      }),
      unkept: () => Symbol('x'),
    }
    const { runner } = await aWorker({ work })
    const events = eventsOf(runner, 'job:exception', 'job:stop')
    for (const name of ['done', 'snoozed', 'cancelled', 'discarded', 'failed', 'unkept'] as const) {
      await runner.enqueue(`work.${name}`, [])
    }
    await eventually(() => events.length === 7)
    const outcomes = events.map(
      ({ name, payload }) => `${payload.name} ${name} ${payload.outcome} ${payload.error?.message ?? '-'}`,
    )
    expect(outcomes.toSorted()).toEqual([
      'work.cancelled job:stop cancelled c',
      'work.discarded job:stop discarded d',
      'work.done job:stop completed -',
      'work.failed job:exception failed f',
      'work.snoozed job:stop completed -',
      'work.snoozed job:stop snoozed -',
      expect.stringContaining('work.unkept job:stop completed result'),
    ])
  })

  it('are heard by the others when one listener throws, which is detached; jobs go on', async () => {
    const work = { run: () => 1 }
    const { runner, logged } = await aWorker({ work })
    for (const name of ['job:enqueue', 'job:start', 'job:stop'] as const) {
      runner.on(name, () => {
        throw new Error('listener')
      })
      runner.on(name, (): unknown => Promise.reject(new Error('later')))
    }
    const events = eventsOf(runner, 'job:stop')
    expect(await (await runner.enqueue(work.run, [])).result()).toBe(1)
    await eventually(() => events.length === 1)
    await eventually(() => logged.filter(({ code }) => code === 'listener_detached').length === 6)
  })
})
