import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { aWorker, eventsOf } from '../support/runner.ts'

const JOBS = 100

/** Two queues: the stages of `a` will crash, `b` must not notice. */
async function twoQueues() {
  const runs = new Map<string, number>()
  const work = {
    run: async (name: string) => {
      runs.set(name, (runs.get(name) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, 5))
      return name
    },
    tick: () => {},
  }
  const queues = { a: { concurrency: 5, prefetch: 5 }, b: { concurrency: 1 } }
  const { runner, trace, logged } = await aWorker({ work }, { queues })
  const ticks: number[] = []
  const ends = new Map<string, number>()
  runner.on('job:stop', ({ id, queue }) => {
    if (queue === 'b') ticks.push(performance.now())
    else ends.set(id, (ends.get(id) ?? 0) + 1)
  })
  const clock = { isOn: true }
  const ticking = (async () => {
    while (clock.isOn) await (await runner.enqueue(work.tick, [], { queue: 'b' })).result()
  })()
  const enqueue = () =>
    runner.enqueueAll(Array.from({ length: JOBS }, (_, index) => [work.run, [`job ${index}`], { queue: 'a' }] as const))
  const finish = async (): Promise<number> => {
    clock.isOn = false
    await ticking
    return Math.max(...ticks.slice(1).map((at, index) => at - (ticks[index] ?? 0)))
  }
  return { runner, trace, logged, runs, ends, enqueue, finish }
}

describe('a throw inside a stage', () => {
  it.each(['job-producer.demand', 'job-producer.jobs', 'job-consumer.jobs', 'job-acker.finished'])(
    'at %s restarts its own branch; every job ends once, and the other queue goes on without a gap',
    async (point) => {
      const { runner, trace, logged, runs, ends, enqueue, finish } = await twoQueues()
      const nodeOf = () => runner.inspect().worker?.node
      const before = nodeOf()
      let passesLeft = 20
      let crashes = 0
      trace.at(point, (queue) => {
        if (queue !== 'a' || --passesLeft !== 0) return
        crashes += 1
        throw new Error(`planted at ${point}`)
      })
      const handles = await enqueue()
      const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
      expect(results).toEqual(Array.from({ length: JOBS }, (_, index) => `job ${index}`))
      await eventually(() => ends.size === JOBS)
      const longestGapMs = await finish()
      expect(crashes).toBe(1)
      expect(new Set(ends.values())).toEqual(new Set([1]))
      expect(logged.filter(({ code }) => code === 'crashed').length).toBe(1)
      // Only what the dead stages held ran a second time.
      expect([...runs.values()].reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(JOBS + 20)
      expect(longestGapMs).toBeLessThan(1_000)
      expect(nodeOf()).toBe(before)
      await eventually(() => runner.inspect().worker?.held === 0)
      expect((await runner.list({ state: 'completed', queue: 'a', limit: 1_000 })).jobs.length).toBe(JOBS)
    },
    30_000,
  )

  it.each(['job-producer.jobs', 'job-consumer.jobs', 'job-acker.finished'])(
    'again and again at %s ends the branch, which comes back by itself',
    async (point) => {
      const { runner, trace, ends, enqueue, finish } = await twoQueues()
      const crashes = eventsOf(runner, 'queue:crash')
      await runner.scale('a', 7)
      let isBroken = true
      trace.at(point, (queue) => {
        if (queue === 'a' && isBroken) throw new Error(`planted at ${point}`)
      })
      const handles = await enqueue()
      await eventually(() => crashes.length >= 2, { withinMs: 15_000 })
      isBroken = false
      await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
      await eventually(() => ends.size === JOBS)
      expect(new Set(ends.values())).toEqual(new Set([1]))
      expect(crashes[0]?.payload).toMatchObject({ queue: 'a', againInMs: expect.any(Number) })
      // As many consumers as an operator wants, not as are configured.
      await eventually(() => runner.inspect().worker?.scaling['a']?.consumers === 7)
      expect(await finish()).toBeLessThan(1_500)
      const jobs = (await runner.list({ queue: 'a', limit: 1_000 })).jobs
      expect(jobs.every(({ state, attempt }) => state === 'completed' && attempt === 1)).toBe(true)
    },
    40_000,
  )

  it('at the claim or at the flush of ends is repeated, and costs no job anything', async () => {
    const { runner, trace, ends, enqueue, finish } = await twoQueues()
    const errors = eventsOf(runner, 'store:error')
    const passes = { 'claimer.claim': 0, 'ack-writer.flush': 0 }
    for (const point of ['claimer.claim', 'ack-writer.flush'] as const) {
      trace.at(point, () => {
        passes[point] += 1
        if (passes[point] % 7 === 0) throw new Error(`planted at ${point}`)
      })
    }
    const handles = await enqueue()
    await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))
    await eventually(() => ends.size === JOBS)
    expect(errors.length).toBeGreaterThan(1)
    expect(new Set(ends.values())).toEqual(new Set([1]))
    await finish()
  }, 30_000)
})
