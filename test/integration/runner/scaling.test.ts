/** How many jobs of a queue run at the same time: as configured, as an operator wants, and as the load asks for. */

import { currentJob } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { WORKER_PLACES } from '../../support/worker-places.ts'

/** Jobs that run until they are released, and how many run. */
function held() {
  const releases = new Map<string, () => void>()
  let most = 0
  return {
    work: {
      hold: () =>
        new Promise<void>((resolve) => {
          const { id, signal } = currentJob()
          releases.set(id, resolve)
          signal.addEventListener('abort', () => resolve())
          most = Math.max(most, releases.size)
        }),
    },
    running: () => releases.size,
    most: () => most,
    release(count = Infinity) {
      for (const [id, resolve] of [...releases].slice(0, count)) {
        releases.delete(id)
        resolve()
      }
    },
  }
}

const many = (count: number) => Array.from({ length: count }, () => ['work.hold', []] as const)

describe.each(WORKER_PLACES)('scale on %s', (_, aPlace) => {
  it('changes how many run on every node, at once here and in seconds elsewhere, and survives restarts', async () => {
    const { url } = await aPlace()
    const [own, others] = [held(), held()]
    const options = { database: url, queues: { default: { concurrency: 1, prefetch: 0 } } }
    const { runner } = await aWorker({ work: own.work }, options)
    const { runner: other } = await aWorker({ work: others.work }, options)
    await runner.enqueueAll(many(20))
    await eventually(() => own.running() === 1 && others.running() === 1)
    await runner.scale('default', 4)
    await eventually(() => own.running() === 4 && others.running() === 4)
    expect((await runner.queues())[0]).toMatchObject({ concurrency: 4, scaled: 4 })
    await Promise.all([runner, other].map((one) => one.stop({ timeout: 0 })))
    const again = held()
    const { runner: third } = aRunner({ work: again.work }, options)
    await third.start()
    await eventually(() => again.running() === 4)
    expect(third.inspect().worker?.scaling['default']).toMatchObject({ min: 4, max: 4, target: 4, consumers: 4 })
    await third.scale('default', null)
    await eventually(() => third.inspect().worker?.scaling['default']?.target === 1)
    expect((await third.queues())[0]).toMatchObject({ concurrency: 1, scaled: null })
    again.release()
    await third.stop({ timeout: 0 })
  }, 30_000)

  it('takes only idle consumers: what runs goes on to its end, once', async () => {
    const { url } = await aPlace()
    const own = held()
    const { runner } = await aWorker({ work: own.work }, { database: url, queues: { default: { concurrency: 5 } } })
    const events = eventsOf(runner, 'job:stop', 'job:exception', 'job:stale')
    const handles = await runner.enqueueAll(many(12))
    await eventually(() => own.running() === 5)
    await runner.scale('default', 2)
    await eventually(() => runner.inspect().worker?.scaling['default']?.target === 2)
    expect(own.running()).toBe(5)
    own.release(3)
    // Whoever ends its job first leaves, and takes no other before.
    await eventually(() => runner.inspect().worker?.scaling['default']?.consumers === 2)
    expect(own.running()).toBe(2)
    await eventually(async () => {
      own.release()
      const ended = await Promise.all(handles.map(({ id }) => runner.job(id)))
      return ended.every((job) => job?.state === 'completed')
    })
    expect(events.map(({ name }) => name)).toEqual(Array(12).fill('job:stop'))
    for (const { id } of handles) expect((await runner.job(id))?.attempts).toHaveLength(1)
  }, 30_000)
})

describe('scale', () => {
  it('refuses what is no number of consumers', async () => {
    const { runner } = aRunner({ work: held().work })
    for (const range of [0, 1.5, -1, 20_000, '5', undefined, {}, { min: 2 }, { min: 3, max: 2 }, []]) {
      await expect(runner.scale('default', range as number), JSON.stringify(range)).rejects.toMatchObject({
        code: 'ERR_BAD_OPTIONS',
      })
    }
    await expect(runner.scale('no name', 1)).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })
  })

  it('goes up and down again and again without a job lost or run twice', async () => {
    let ran = 0
    const work = { tick: () => new Promise<number>((resolve) => setImmediate(() => resolve(++ran))) }
    const { runner } = await aWorker({ work }, { queues: { default: { concurrency: 2, maxDemand: 3 } } })
    const handles = await runner.enqueueAll(Array.from({ length: 3_000 }, () => ['work.tick', []] as const))
    const ended = Promise.all(handles.map((handle) => handle.result()))
    for (const count of [9, 1, 20, 2, 7, 1]) {
      await runner.scale('default', count)
      await eventually(() => runner.inspect().worker?.scaling['default']?.consumers === count)
    }
    await ended
    expect(ran).toBe(3_000)
    // All demand is that of the one consumer that is left: nothing is asked for on behalf of those that are gone.
    await eventually(() => runner.inspect().worker?.demand['default'] === 3)
    await runner.scale('default', 6)
    await eventually(() => runner.inspect().worker?.demand['default'] === 18)
  }, 30_000)

  it('is told with its reason where it is done', async () => {
    const { runner } = await aWorker({ work: held().work }, { queues: { default: { concurrency: 1 } } })
    await runner.scale('default', 3)
    const scaling = () => runner.inspect().worker?.scaling['default']
    await eventually(() => scaling()?.consumers === 3)
    expect(scaling()).toMatchObject({ target: 3, decisions: [{ from: 1, to: 3, reason: 'bounds' }] })
  })
})

describe.each(WORKER_PLACES)('a range on %s', (_, aPlace) => {
  it('grows while jobs wait, never above its bounds, and tells why', async () => {
    const { url } = await aPlace()
    const own = held()
    const queues = { default: { concurrency: { min: 1, max: 4 }, prefetch: 0 } }
    const { runner } = await aWorker({ work: own.work }, { database: url, queues })
    const events = eventsOf(runner, 'queue:scale')
    await runner.enqueueAll(many(30))
    await eventually(() => own.running() === 4, { withinMs: 20_000 })
    await eventually(() => events.some(({ payload }) => payload.reason === 'at-max'), { withinMs: 20_000 })
    expect(own.most()).toBe(4)
    const changes = events.filter(({ payload: { from, to } }) => from !== to)
    expect(changes.map(({ payload: { from, to, reason } }) => [from, to, reason])).toEqual([
      [1, 2, 'waiting'],
      [2, 4, 'waiting'],
    ])
    expect(changes[0]?.payload.detail).toMatch(/^\d+ jobs wait, up to \d+ ms, while the only consumer is busy$/)
    const scaling = runner.inspect().worker?.scaling['default']
    expect(scaling).toMatchObject({ min: 1, max: 4, target: 4, consumers: 4 })
    expect(scaling?.decisions.map(({ to }) => to)).toEqual(events.map(({ payload }) => payload.to))
    expect((await runner.queues())[0]).toMatchObject({ concurrency: { min: 1, max: 4 }, wantedReplicas: 8 })
    expect(await runner.wantedReplicas()).toEqual({ default: 8 })
    // New bounds hold at once, also for what is above them now: it ends with its jobs.
    await runner.scale('default', { min: 1, max: 2 })
    await eventually(() => runner.inspect().worker?.scaling['default']?.target === 2)
    own.release()
    await eventually(() => own.running() === 2 && runner.inspect().worker?.scaling['default']?.consumers === 2)
    const [node] = await eventually(async () => {
      const nodes = await runner.nodes()
      return nodes[0]?.queues[0]?.max === 2 ? nodes : null
    })
    expect(node?.queues).toMatchObject([{ queue: 'default', concurrency: 2, min: 1, max: 2 }])
    await runner.cancel({ state: 'queued' })
    own.release()
  }, 60_000)
})
