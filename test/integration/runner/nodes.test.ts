/** The registry of nodes, as processes see each other in it; what operators want of a node; and dead ones. */

import { createClient } from 'millrace'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { WORKER_PLACES } from '../../support/worker-places.ts'
import { aWorkerProcess, readRecord } from '../../support/worker-process.ts'

/** The names of the worker process, without their code. */
const work = { run: () => {}, hold: () => {}, fail: () => {} }

function aClient(database: string) {
  const client = createClient({ database })
  onTestFinished(() => client.close())
  return client
}

describe.each(WORKER_PLACES)('nodes on %s', (_, aPlace) => {
  it('show the consumers of another process with what each has done and runs', async () => {
    const place = await aPlace()
    const queues = { default: { concurrency: 2 }, mail: { concurrency: 1 } }
    const worker = await aWorkerProcess({ ...place, queues, start: {} })
    const client = aClient(place.url)
    const before = Date.now()
    await (await client.enqueue('work.run', [0])).result()
    const held = await client.enqueue('work.hold', [])
    const node = await eventually(async () => {
      const [one] = await client.nodes()
      const consumers = one?.consumers ?? []
      const isShown = consumers.some(({ job }) => job === held.id) && consumers.some(({ done }) => done === 1)
      return isShown ? one : null
    })
    expect(node).toMatchObject({
      id: expect.any(String),
      host: expect.any(String),
      pid: worker.child.pid,
      version: expect.any(String),
      state: 'alive',
      order: null,
      rescued: null,
      flow: null,
    })
    expect(node.memoryBytes).toBeGreaterThan(1_000_000)
    expect(node.loopLagMs).toBeGreaterThanOrEqual(0)
    expect(Math.abs(node.beatAt.getTime() - Date.now())).toBeLessThan(10_000)
    expect(node.consumers.map(({ queue }) => queue).sort()).toEqual(['default', 'default', 'mail'])
    const ended = node.consumers.find(({ done }) => done === 1)
    expect(ended?.failed).toBe(0)
    expect(ended?.lastJobAt?.getTime()).toBeGreaterThan(before - 1_000)
    expect(node.consumers.filter(({ job }) => job !== undefined)).toHaveLength(1)

    const [ofMail] = await client.nodes({ queue: 'mail' })
    expect(ofMail?.consumers).toMatchObject([{ queue: 'mail', done: 0 }])
    expect(ofMail?.queues).toMatchObject([{ queue: 'mail', concurrency: 1, min: 1, max: 1, demand: 1, buffered: 0 }])
    expect(await client.nodes({ queue: 'nobody' })).toEqual([])
  }, 30_000)

  it('show their stages while somebody watches, and every second', async () => {
    const place = await aPlace()
    await aWorkerProcess({ ...place, queues: { default: { concurrency: 2 } }, start: {} })
    const client = aClient(place.url)
    const node = await eventually(async () => (await client.nodes({ watch: true })).find(({ flow }) => flow !== null))
    const stages = node.flow?.stages ?? []
    expect(stages.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['default/producer', 'default/consumer-1', 'default/consumer-2', 'default/acker']),
    )
    const consumer = stages.find(({ name }) => name === 'default/consumer-1')
    expect(consumer?.subscriptions).toMatchObject([
      { producer: { name: 'default/producer' }, maxDemand: 1, outstanding: 1 },
    ])
    const beats = new Set<number>()
    const since = Date.now()
    await eventually(async () => {
      for (const { beatAt } of await client.nodes({ watch: true })) beats.add(beatAt.getTime())
      return beats.size >= 4
    })
    // Without a watcher there is one beat in three seconds.
    expect(Date.now() - since).toBeLessThan(8_000)
  }, 30_000)

  it('are told to be quiet: what runs goes on, nothing begins, until they are told to go on', async () => {
    const place = await aPlace()
    const worker = await aWorkerProcess({ ...place, queues: { default: { concurrency: 2 } }, start: {} })
    const client = aClient(place.url)
    const held = await client.enqueue('work.hold', [])
    await eventually(() => readRecord(place.record).length === 1)
    const id = await eventually(async () => (await client.nodes())[0]?.id)
    expect(await client.orderNode(id, 'quiet')).toBe(true)
    const quiet = await eventually(async () => (await client.nodes()).find(({ order }) => order?.isObeyed === true))
    expect(quiet).toMatchObject({ state: 'draining', order: { wanted: 'quiet' } })
    const waiting = await client.enqueue('work.run', [0])
    // Two looks of the store's poll, in which it would have begun.
    await eventually(async () => ((await client.queues())[0]?.oldestAgeMs ?? 0) > 2_500)
    expect((await client.job(waiting.id))?.state).toBe('queued')
    expect((await client.job(held.id))?.state).toBe('running')
    expect(await client.orderNode(id, null)).toBe(true)
    await waiting.result({ timeout: '10s' })
    expect((await client.nodes())[0]).toMatchObject({ id, order: null })
    expect(await client.orderNode('00000000-0000-4000-8000-000000000000', 'quiet')).toBe(false)
    expect(await client.orderNode('nobody', 'stop')).toBe(false)
    await expect(client.orderNode(id, 'sleep' as 'stop')).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })
    await worker.kill()
  }, 30_000)

  it('give back what they have claimed and not begun when they are told to be quiet', async () => {
    const { url } = await aPlace()
    const releases: (() => void)[] = []
    const own = { hold: () => new Promise<void>((resolve) => releases.push(resolve)) }
    const { runner } = await aWorker({ own }, { database: url, queues: { default: { concurrency: 1, prefetch: 2 } } })
    const handles = await runner.enqueueAll([1, 2, 3].map(() => ['own.hold', []] as const))
    const states = async () => (await Promise.all(handles.map(({ id }) => runner.job(id)))).map((job) => job?.state)
    // One runs, and another is in hand; the third too, if it was there when the second was claimed.
    await eventually(() => releases.length === 1 && (runner.inspect().worker?.held ?? 0) > 1)
    const { node: id } = runner.inspect().worker ?? { node: '' }
    await runner.orderNode(id, 'quiet')
    await eventually(async () => (await states()).filter((state) => state === 'queued').length === 2)
    releases[0]?.()
    await eventually(async () => (await runner.nodes())[0]?.consumers[0]?.done === 1)
    expect([releases.length, runner.inspect().worker?.held]).toEqual([1, 0])
    await runner.orderNode(id, null)
    await eventually(async () => {
      for (const release of releases) release()
      return (await states()).every((state) => state === 'completed')
    })
    for (const handle of handles) expect((await runner.job(handle.id))?.attempts).toHaveLength(1)
  }, 30_000)

  it('are told to stop: they drain, which is shown, and are gone', async () => {
    const { url } = await aPlace()
    let release = (): void => {}
    const own = { hold: () => new Promise<void>((resolve) => (release = resolve)) }
    const { runner } = await aWorker({ own }, { database: url })
    const events = eventsOf(runner, 'node:order', 'node:stop')
    const client = aClient(url)
    const held = await client.enqueue('own.hold', [])
    await eventually(async () => (await client.job(held.id))?.state === 'running')
    const { node: id } = runner.inspect().worker ?? { node: '' }
    expect(await client.orderNode(id, 'stop')).toBe(true)
    await eventually(async () => (await client.nodes())[0]?.state === 'draining')
    release()
    await held.result()
    await eventually(async () => (await client.nodes()).length === 0)
    await eventually(() => events.length === 2)
    expect(events).toMatchObject([
      { name: 'node:order', payload: { node: id, wanted: 'stop' } },
      { name: 'node:stop', payload: { node: id } },
    ])
    await eventually(() => runner.inspect().state === 'idle')
  }, 30_000)

  it('are shown dead within ten seconds of their death, and what they held as rescued, by whom and when', async () => {
    const place = await aPlace()
    const worker = await aWorkerProcess({ ...place, start: {} })
    const { runner } = aRunner({ work }, { database: place.url })
    await runner.enqueueAll([1, 2, 3].map(() => ['work.hold', []] as const))
    await eventually(() => readRecord(place.record).length === 3)
    const [before] = await runner.nodes()
    const diedAt = Date.now()
    await worker.kill()
    await eventually(async () => (await runner.nodes()).find(({ id }) => id === before?.id)?.state === 'dead')
    expect(Date.now() - diedAt).toBeLessThan(10_000)
    const dead = (await runner.nodes()).find(({ id }) => id === before?.id)
    expect(dead).toMatchObject({ consumers: [], rescued: null, flow: null })
    // Nobody was there to free them until now.
    await runner.start({ queues: ['other'] })
    const rescued = await eventually(
      async () => (await runner.nodes()).find(({ id, rescued: one }) => id === before?.id && one !== null)?.rescued,
    )
    const by = runner.inspect().worker?.node
    expect(rescued).toMatchObject({ by, requeued: 3, failed: 0, cancelled: 0 })
    expect(rescued.at.getTime()).toBeGreaterThan(diedAt - 1_000)
  }, 30_000)
})
