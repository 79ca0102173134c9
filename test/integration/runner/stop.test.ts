import { currentJob, job } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aRunner, aWorker } from '../../support/runner.ts'

describe('a stop', () => {
  it('hands back at once what waits in buffers, with no attempt charged', async () => {
    const release = gate()
    const ran: string[] = []
    const work = {
      wait: async (name: string) => {
        ran.push(name)
        await release.passed
        return name
      },
    }
    const { runner, url } = await aWorker(
      { work },
      { queues: { default: { concurrency: 1, maxDemand: 3, prefetch: 4 } } },
    )
    const first = await runner.enqueue(work.wait, ['first'])
    await eventually(() => ran.length === 1)
    const buffered = await Promise.all(['b', 'c', 'd', 'e', 'f'].map((name) => runner.enqueue(work.wait, [name])))
    await eventually(() => runner.inspect().worker?.held === 6)
    const stopped = runner.stop()
    const { runner: other } = aRunner({ work }, { database: url })
    await eventually(
      async () => (await other.list({ state: 'queued' })).jobs.filter(({ attempt }) => attempt === 0).length === 5,
      { withinMs: 1_000 },
    )
    release.open()
    await stopped
    expect(await first.result()).toBe('first')
    expect(ran).toEqual(['first'])
    await other.start()
    await Promise.all(buffered.map(({ id }) => other.result(id)))
  })

  it('keeps the results of handlers that end in time, and begins nothing new', async () => {
    const release = gate()
    let begun = 0
    const work = {
      wait: async (value: number) => {
        begun += 1
        await release.passed
        return value
      },
    }
    const { runner } = await aWorker({ work }, { queues: { default: { concurrency: 5 } } })
    const handles = await Promise.all(Array.from({ length: 20 }, (_, index) => runner.enqueue(work.wait, [index])))
    await eventually(() => begun === 5)
    const stopped = runner.stop()
    release.open()
    await stopped
    expect(begun).toBe(5)
    const jobs = await Promise.all(handles.map(({ id }) => runner.job(id)))
    expect(jobs.filter((one) => one?.state === 'completed').map((one) => one?.result)).toHaveLength(5)
    expect(jobs.filter((one) => one?.state === 'queued' && one.attempt === 0)).toHaveLength(15)
  })

  it('gives handlers their signal when the time is up, and hands their jobs back uncharged', async () => {
    const reasons: string[] = []
    const work = {
      heed: async () => {
        const { signal } = currentJob()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        reasons.push(String(signal.reason))
        signal.throwIfAborted()
      },
    }
    const { runner } = await aWorker({ work })
    const { id } = await runner.enqueue(work.heed, [])
    await eventually(() => runner.inspect().worker?.handlers === 1)
    const before = performance.now()
    await runner.stop({ timeout: 200 })
    const tookMs = performance.now() - before
    expect(tookMs).toBeGreaterThanOrEqual(195)
    expect(tookMs).toBeLessThan(2_000)
    expect(reasons).toEqual(['AbortError: the worker stops'])
    expect(await runner.job(id)).toMatchObject({ state: 'queued', attempt: 0, error: null })
  })

  it('ends within its time and three seconds, also with a handler that ignores its signal', async () => {
    const release = gate()
    const work = { ignore: job({ timeout: '1h' }, () => release.passed) }
    const { runner } = await aWorker({ work })
    const { id } = await runner.enqueue(work.ignore, [])
    await eventually(() => runner.inspect().worker?.handlers === 1)
    const before = performance.now()
    await runner.stop({ timeout: 100 })
    expect(performance.now() - before).toBeLessThan(4_000)
    expect(await runner.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
    release.open()
  })

  it('keeps what a handler returned in its last grace', async () => {
    const work = {
      finishUp: async () => {
        const { signal } = currentJob()
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        await new Promise((resolve) => setTimeout(resolve, 100))
        return 'finished in time'
      },
    }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.finishUp, [])
    await eventually(() => runner.inspect().worker?.handlers === 1)
    await runner.stop({ timeout: 0 })
    expect(await handle.result()).toBe('finished in time')
  })

  it('leaves no job behind as running, at any moment of a busy worker', async () => {
    const work = { run: (value: number) => value }
    const { runner } = aRunner({ work }, { queues: { default: { concurrency: 20, prefetch: 20, maxDemand: 4 } } })
    await runner.enqueueAll(Array.from({ length: 3_000 }, (_, index) => [work.run, [index]] as const))
    for (let round = 0; round < 12; round++) {
      await runner.start()
      await new Promise((resolve) => setTimeout(resolve, 7 * round))
      await runner.stop()
      expect((await runner.list({ state: 'running' })).jobs).toEqual([])
    }
    await runner.start()
    await eventually(async () => (await runner.list({ state: ['queued', 'running'], limit: 1 })).jobs.length === 0)
    let after: string | undefined
    let completed = 0
    do {
      const page = await runner.list({ state: 'completed', limit: 1_000, after })
      completed += page.jobs.filter(({ attempt }) => attempt === 1).length
      after = page.next
    } while (after !== undefined)
    expect(completed).toBe(3_000)
  }, 20_000)
})

describe('prefetch', () => {
  it('issues no claim while all consumers are busy and the hand is full', async () => {
    const release = gate()
    const work = { wait: () => release.passed }
    const { runner, trace } = await aWorker({ work }, { queues: { default: { concurrency: 2, prefetch: 3 } } })
    const handles = await Promise.all(Array.from({ length: 20 }, () => runner.enqueue(work.wait, [])))
    await eventually(() => runner.inspect().worker?.held === 5)
    const claims = trace.of('claimer.claim').length
    for (let more = 0; more < 5; more++) handles.push(await runner.enqueue(work.wait, []))
    await runner.cancel(handles.at(-1)?.id ?? '')
    const since = performance.now()
    await eventually(() => performance.now() - since > 1_500)
    expect(trace.of('claimer.claim').length).toBe(claims)
    expect((await runner.list({ state: 'running' })).jobs).toHaveLength(5)
    expect(runner.inspect().worker).toMatchObject({ held: 5, handlers: 2, demand: { default: 0 } })
    release.open()
    await Promise.all(handles.slice(0, -1).map((handle) => handle.result()))
  })

  it.each([
    { concurrency: 1, maxDemand: 1, prefetch: 0 },
    { concurrency: 4, maxDemand: 1, prefetch: 0 },
    { concurrency: 3, maxDemand: 5, prefetch: 0 },
    { concurrency: 2, maxDemand: 2, prefetch: 7 },
  ])('never holds more than was asked for, plus prefetch: %o', async (settings) => {
    const most = settings.concurrency * settings.maxDemand + settings.prefetch
    let held = 0
    let running = 0
    const work = {
      run: async () => {
        running += 1
        held = Math.max(held, runner.inspect().worker?.held ?? 0)
        expect(running).toBeLessThanOrEqual(settings.concurrency)
        await new Promise((resolve) => setImmediate(resolve))
        running -= 1
      },
    }
    const { runner, trace } = aRunner({ work }, { queues: { default: settings } })
    await runner.enqueueAll(Array.from({ length: 200 }, () => [work.run, []] as const))
    await runner.start()
    await eventually(async () => (await runner.queues())[0]?.rate === 200 / 60)
    // What has ended waits in the outbox until the store has taken it; a consumer is free before that.
    expect(held).toBeLessThanOrEqual(most + 200)
    const wanted = trace.of('claimer.claim') as readonly { readonly count: number }[][]
    expect(Math.max(...wanted.map(([want]) => want?.count ?? 0))).toBeLessThanOrEqual(most)
    expect((await runner.list({ state: 'failed' })).jobs).toEqual([])
  })
})
