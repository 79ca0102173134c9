import { describe, expect, it } from 'vitest'

import { eventually } from '../../test/support/eventually.ts'
import { counter, stillSystem } from '../../test/support/stages.ts'
import { aStage, aSubscription, aSystem } from '../../test/support/stage-snapshots.ts'
import type { TestHost } from '../../test/support/test-host.ts'
import {
  bottleneck,
  broadcastDispatcher,
  bufferingProducer,
  consumer,
  consumerSupervisor,
  formatFlow,
  fromIterable,
  pollingProducer,
  producer,
  producerConsumer,
  System,
  type StageSnapshot,
  type SystemSnapshot,
} from './index.ts'

/** The last line, which says what holds the pipeline up. */
function sentenceOf(snapshot: SystemSnapshot): string {
  return formatFlow(snapshot).split('\n').at(-1) ?? ''
}

describe('bottleneck, of a picture', () => {
  const source = (overrides: Partial<StageSnapshot> = {}): StageSnapshot =>
    aStage(1, { name: 'source', kind: 'producer', state: 'waitingForDemand', ...overrides })
  const sink = (overrides: Partial<StageSnapshot> = {}): StageSnapshot =>
    aStage(3, { name: 'sink', subscriptions: [aSubscription({ id: 1 }, { id: 3 }, { unmet: 4 })], ...overrides })

  it('names the busiest stage, with what waits before it', () => {
    const enrich = aStage(2, {
      name: 'enrich',
      kind: 'producerConsumer',
      busyShare: 0.98,
      subscriptions: [aSubscription({ id: 1 }, { id: 2 }, { waiting: 812 })],
    })
    const store = aStage(3, { name: 'store', busyShare: 0.85, subscriptions: [aSubscription({ id: 2 }, { id: 3 })] })
    expect(bottleneck(aSystem(source(), enrich, store))).toEqual({
      stage: { id: 2, name: 'enrich' },
      reason:
        '`enrich` is the bottleneck: it is busy 98 % of the time, its producer has 0 demand left and 812 events wait before it.',
    })
  })

  it('counts what is buffered before a stage as waiting, and names who is as busy beside it', () => {
    const worker = (id: number): StageSnapshot =>
      aStage(id, {
        child: `worker-${id}`,
        busyShare: 1 - id / 100,
        subscriptions: [aSubscription({ id: 1 }, { id }, { unmet: 0, waiting: 1 })],
      })
    const snapshot = aSystem(source({ buffered: 30 }), worker(2), worker(3), worker(4), worker(5), worker(6))
    expect(bottleneck(snapshot)).toEqual({
      stage: { id: 2, child: 'worker-2' },
      reason:
        '`worker-2` is the bottleneck: it is busy 98 % of the time, so are `worker-3`, `worker-4`, `worker-5` and 1 more beside it, its producer has 0 demand left and 31 events wait before it.',
    })
  })

  it('names a producer that works on demand all the time', () => {
    const snapshot = aSystem(source({ busyShare: 0.97, demand: 4, state: 'working' }), sink())
    expect(bottleneck(snapshot)?.reason).toBe(
      '`source` is the bottleneck: it is busy 97 % of the time and its consumers wait for 4 events.',
    )
  })

  it('names the stage that uses the thread most when the thread is what is short', () => {
    const snapshot = aSystem(source({ busyShare: 0.3 }), sink({ busyShare: 0.61, awaitingShare: 0.01 }))
    expect(bottleneck(snapshot)?.reason).toBe(
      '`sink` is the bottleneck: its callbacks use the thread 60 % of the time and those of the whole pipeline 90 %.',
    )
    // The same shares, spent in waiting, hold nobody up.
    expect(bottleneck(aSystem(source({ busyShare: 0.3 }), sink({ busyShare: 0.61, awaitingShare: 0.6 })))).toBeNull()
  })

  it('names the worst of several pipelines', () => {
    const other = aStage(8, { name: 'other', busyShare: 0.99, subscriptions: [aSubscription({ id: 7 }, { id: 8 })] })
    const snapshot = aSystem(source(), sink({ busyShare: 0.9 }), aStage(7, { kind: 'producer' }), other)
    expect(bottleneck(snapshot)?.stage).toEqual({ id: 8, name: 'other' })
  })

  it('has nothing to say of no stages, nor of a consumer without a producer', () => {
    expect(bottleneck(aSystem())).toBeNull()
    expect(sentenceOf(aSystem())).toBe('No stage runs.')
    expect(sentenceOf(aSystem(aStage(1), aStage(2, { name: 'b' })))).toBe('No bottleneck: `b` is subscribed to nobody.')
  })

  it('says how busy the busiest is when a pipeline keeps pace', () => {
    expect(sentenceOf(aSystem(source({ busyShare: 0.2 }), sink({ busyShare: 0.4, awaitingShare: 0.4 })))).toBe(
      'No bottleneck: no stage is busy more than 40 % of the time.',
    )
  })
})

/** Something that takes time on the clock of the test. */
function takes(host: TestHost, ms: number): Promise<void> {
  return new Promise((resolve) => {
    host.clock.after(ms, resolve)
  })
}

async function startAll(
  system: System,
  stages: Readonly<Record<string, Parameters<System['start']>[0]>>,
): Promise<void> {
  for (const [name, stage] of Object.entries(stages)) await system.start(stage, { name })
}

describe('bottleneck, of a running pipeline', () => {
  it('is the stage in between that takes longest', async () => {
    const { system, host } = stillSystem()
    const enrich = producerConsumer<number, number>(() => ({
      subscribeTo: [{ to: 'counter', maxDemand: 20, minDemand: 10 }],
      handleEvents: async (events) => {
        await takes(host, 10 * events.length)
        return events
      },
    }))
    const store = consumer<number>(() => ({
      subscribeTo: [{ to: 'enrich', maxDemand: 20, minDemand: 10 }],
      handleEvents: (events) => takes(host, 2 * events.length),
    }))
    await startAll(system, { counter: counter(), enrich, store })
    await host.clock.advance(8050)
    const snapshot = system.inspect()
    expect(snapshot.stages).toMatchObject([
      { name: 'counter', state: 'waitingForDemand', eventsOutPerSecond: expect.closeTo(100, -1) },
      { name: 'enrich', state: 'working', busyShare: 1, awaitingShare: 1 },
      { name: 'store', state: 'waitingForEvents', busyShare: expect.closeTo(0.2, 1) },
    ])
    expect(sentenceOf(snapshot)).toBe(
      '`enrich` is the bottleneck: it is busy 100 % of the time, its producer has 0 demand left, 10 events wait before it and its consumers wait for 20 events.',
    )
  })

  it('is the slow consumer, with its like beside it', async () => {
    const { system, host } = stillSystem()
    const worker = consumer<number>(() => ({
      subscribeTo: [{ to: 'counter', maxDemand: 1 }],
      handleEvents: () => takes(host, 10),
    }))
    await startAll(system, { counter: counter(), one: worker, two: worker })
    await host.clock.advance(6000)
    expect(sentenceOf(system.inspect())).toBe(
      '`one` is the bottleneck: it is busy 100 % of the time, so is `two` beside it and its producer has 0 demand left.',
    )
  })

  it('is the producer that takes long over each demand', async () => {
    const { system, host } = stillSystem()
    const query = producer<number>(() => ({
      handleDemand: async (demand) => {
        await takes(host, 100)
        return Array.from({ length: demand }, () => 1)
      },
    }))
    const sink = consumer<number>(() => ({ subscribeTo: [{ to: 'query', maxDemand: 4 }], handleEvents: () => {} }))
    await startAll(system, { query, sink })
    await host.clock.advance(6050)
    expect(sentenceOf(system.inspect())).toBe(
      '`query` is the bottleneck: it is busy 100 % of the time and its consumers wait for 4 events.',
    )
  })

  it('is nobody while the source has nothing to give', async () => {
    const { system, host } = stillSystem()
    const tickets = pollingProducer<number>({ intervalMs: 1000, poll: () => [1] })
    const sink = consumer<number>(() => ({ subscribeTo: [{ to: 'tickets' }], handleEvents: () => {} }))
    await startAll(system, { tickets, sink })
    await host.clock.advance(5500)
    const snapshot = system.inspect()
    expect(bottleneck(snapshot)).toBeNull()
    expect(sentenceOf(snapshot)).toBe(
      'No bottleneck: all consumers wait for events; the source `tickets` is the slowest.',
    )
    expect(snapshot.stages).toMatchObject([{ state: 'waitingForEvents' }, { state: 'waitingForEvents' }])
  })

  it('is nobody while nothing is pushed into any of two sources', async () => {
    const { system } = stillSystem()
    const sink = consumer<number>(() => ({
      subscribeTo: [{ to: 'left' }, { to: 'right' }],
      handleEvents: () => {},
    }))
    await startAll(system, { left: bufferingProducer<number>(), right: bufferingProducer<number>(), sink })
    await system.idle()
    expect(sentenceOf(system.inspect())).toBe(
      'No bottleneck: all consumers wait for events; the sources `left` and `right` are the slowest.',
    )
  })

  it('is the producer that accumulates demand', async () => {
    const { system } = stillSystem()
    const held = fromIterable([1, 2, 3], { demand: 'accumulate' })
    const sink = consumer<number>(() => ({ subscribeTo: [{ to: 'held', maxDemand: 7 }], handleEvents: () => {} }))
    await startAll(system, { held, sink })
    await system.idle()
    expect(bottleneck(system.inspect())?.reason).toBe(
      '`held` is the bottleneck: it holds a demand of 7 until its demand mode is `forward`.',
    )
  })

  it('is the consumer that does not ask, also where it holds others up', async () => {
    const { system } = stillSystem()
    const source = fromIterable(
      Array.from({ length: 50 }, (_, index) => index),
      {
        dispatcher: broadcastDispatcher<number>(),
      },
    )
    const manual = consumer<number>(() => ({
      subscribeTo: [{ to: 'source' }],
      handleSubscribe: () => 'manual',
      handleEvents: () => {},
    }))
    const sink = consumer<number>(() => ({ subscribeTo: [{ to: 'source' }], handleEvents: () => {} }))
    await startAll(system, { source, manual, sink })
    await system.idle()
    const snapshot = system.inspect()
    expect(snapshot.stages).toMatchObject([
      { state: 'waitingForDemand' },
      { state: 'notAsking' },
      { state: 'waitingForEvents' },
    ])
    expect(bottleneck(snapshot)?.reason).toBe(
      '`manual` is the bottleneck: it has handled all it was sent and asks for no more.',
    )
  })

  it('is the consumer supervisor whose children all run', async () => {
    const { system } = stillSystem()
    const child = consumer<number>(() => ({ handleEvents: () => {} }))
    const pool = consumerSupervisor<number>(() => ({
      subscribeTo: [{ to: 'source', maxDemand: 3, minDemand: 0 }],
      startChild: () => child,
    }))
    await startAll(system, { source: counter(), pool })
    await system.idle()
    const snapshot = system.inspect()
    expect(snapshot.stages.find(({ name }) => name === 'pool')).toMatchObject({ state: 'notAsking', children: 3 })
    expect(bottleneck(snapshot)?.reason).toBe(
      '`pool` is the bottleneck: 3 of its children run, and it asks for no more before they end.',
    )
  })

  it('is the stage that nobody is subscribed to any more', async () => {
    const { system } = stillSystem()
    const double = producerConsumer<number, number>(() => ({
      subscribeTo: [{ to: 'counter', maxDemand: 8 }],
      handleEvents: (events) => events.map((event) => event * 2),
    }))
    await startAll(system, { counter: counter(), double })
    const left = await system.start(
      consumer<number>(() => ({
        subscribeTo: [{ to: 'double', maxDemand: 4, cancel: 'temporary' }],
        handleEvents: (_, from) => from.cancel('enough'),
      })),
    )
    await system.idle()
    await left.stop()
    await system.idle()
    const snapshot = system.inspect()
    expect(snapshot.stages.find(({ name }) => name === 'double')).toMatchObject({
      state: 'waitingForDemand',
      consumers: 0,
    })
    expect(bottleneck(snapshot)?.reason).toBe(
      '`double` is the bottleneck: nobody is subscribed to it and 8 events wait before it.',
    )
  })

  it('is nobody while nobody is subscribed', async () => {
    const { system } = stillSystem()
    await system.start(counter(), { name: 'counter' })
    expect(sentenceOf(system.inspect())).toBe('No bottleneck: nobody is subscribed to `counter`.')
  })

  it('is the stage that uses the thread most, by the clock of the machine', async () => {
    const system = new System()
    const tookMs = { parse: 0, store: 0 }
    const spin = (stage: 'parse' | 'store', ms: number): void => {
      const startMs = performance.now()
      while (performance.now() - startMs < ms);
      tookMs[stage] += performance.now() - startMs
    }
    const parse = producerConsumer<number, number>(() => ({
      subscribeTo: [{ to: 'counter', maxDemand: 10 }],
      handleEvents: (events) => {
        spin('parse', 0.5)
        return events
      },
    }))
    const store = consumer<number>(() => ({
      subscribeTo: [{ to: 'parse', maxDemand: 10 }],
      handleEvents: () => spin('store', 0.1),
    }))
    await startAll(system, { counter: counter(), parse, store })
    let snapshot = system.inspect()
    // On a busy machine another stage may use it more for a moment.
    await eventually(() => {
      snapshot = system.inspect()
      return tookMs.parse > 500 && bottleneck(snapshot)?.stage.name === 'parse'
    })
    await system.stop()
    for (const name of ['parse', 'store'] as const) {
      const { busyShare, windowMs } = snapshot.stages.find((stage) => stage.name === name) ?? aStage(0)
      expect(busyShare * windowMs).toBeGreaterThan(tookMs[name] * 0.8)
      expect(busyShare * windowMs).toBeLessThan(tookMs[name] * 1.2 + 50)
    }
  })
})
