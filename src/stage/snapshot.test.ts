import { describe, expect, it } from 'vitest'

import { castSource, counter, stillSystem } from '../../test/support/stages.ts'
import { settled, type TestHost } from '../../test/support/test-host.ts'
import { consumer, fromAsyncIterable, probe, producer, producerConsumer, supervisor, type System } from './index.ts'

function takes(host: TestHost, ms: number): Promise<void> {
  return new Promise((resolve) => {
    host.clock.after(ms, resolve)
  })
}

function stateOf(system: System, name: string): string | undefined {
  return system.inspect().stages.find((stage) => stage.name === name)?.state
}

describe('inspect', () => {
  it('tells a stage that starts, works and stops', async () => {
    const { system, host } = stillSystem()
    const slow = consumer<number>(async () => {
      await takes(host, 10)
      return {
        handleEvents: () => {},
        handleInfo: () => takes(host, 10),
        terminate: () => takes(host, 10),
      }
    })
    const starting = system.start(slow, { name: 'slow' })
    await settled()
    expect(stateOf(system, 'slow')).toBe('starting')
    await host.clock.advance(10)
    const ref = await starting
    expect(stateOf(system, 'slow')).toBe('waitingForEvents')
    ref.info('work')
    expect(stateOf(system, 'slow')).toBe('ready')
    await settled()
    expect(stateOf(system, 'slow')).toBe('working')
    const stopped = ref.stop()
    await host.clock.advance(10)
    expect(stateOf(system, 'slow')).toBe('stopping')
    await host.clock.advance(10)
    await stopped
    expect(system.inspect().stages).toEqual([])
  })

  it('tells where the events of a subscription are: asked for, sent, handled', async () => {
    const { system, host } = stillSystem()
    const source = await system.start(castSource, { name: 'source' })
    await system.start(
      consumer<number>(() => ({
        subscribeTo: [{ to: 'source', maxDemand: 10, minDemand: 8 }],
        handleEvents: () => takes(host, 10),
      })),
      { name: 'sink' },
    )
    source.cast([1, 2, 3])
    source.cast([4, 5, 6, 7])
    await settled()
    // Two of the first message are being handled, one of it waits for its batch; the second message is in the mailbox.
    expect(system.inspect().stages).toMatchObject([
      { name: 'source', state: 'waitingForEvents', demand: 3, consumers: 1, eventsOut: 7 },
      {
        name: 'sink',
        state: 'working',
        mailbox: 1,
        eventsIn: 2,
        subscriptions: [{ outstanding: 7, unmet: 3, waiting: 5, received: 3 }],
      },
    ])
    await host.clock.advance(100)
    expect(system.inspect().stages).toMatchObject([
      { demand: 10 },
      { state: 'waitingForEvents', eventsIn: 7, subscriptions: [{ unmet: 10, waiting: 0, received: 7 }] },
    ])
  })

  it('tells what waits in a producer-consumer, in a buffer, and what fell out of it', async () => {
    const { system } = stillSystem()
    const source = await system.start(
      producer<number>(() => ({
        bufferSize: 3,
        handleDemand: () => {},
        handleCast: (message) => message as readonly number[],
        handleDiscarded: () => false,
      })),
      { name: 'source' },
    )
    source.cast([1, 2, 3, 4, 5])
    const same = producerConsumer<number, number>(() => ({
      subscribeTo: [{ to: 'source', maxDemand: 2, minDemand: 1 }],
      handleEvents: (events) => events,
    }))
    await system.start(same, { name: 'same' })
    await system.idle()
    expect(system.inspect().stages).toMatchObject([
      { state: 'waitingForDemand', buffered: 1, discarded: 2, demand: 0 },
      { state: 'waitingForDemand', mailbox: 1, subscriptions: [{ unmet: 0, waiting: 2 }] },
    ])
  })

  it('tells rates and how busy a stage is, also in the middle of a callback that takes long', async () => {
    const { system, host } = stillSystem()
    await system.start(counter(), { name: 'counter' })
    await system.start(
      consumer<number>(() => ({
        subscribeTo: [{ to: 'counter', maxDemand: 2, minDemand: 0 }],
        handleEvents: ([first = 0]) => takes(host, first < 20 ? 50 : 60_000),
      })),
      { name: 'sink' },
    )
    await host.clock.advance(475)
    const [source, sink] = system.inspect().stages
    expect(source).toMatchObject({ windowMs: 475, eventsOutPerSecond: expect.closeTo(20_000 / 475) })
    expect(sink).toMatchObject({ busyShare: 1, awaitingShare: 1, eventsInPerSecond: expect.closeTo(20_000 / 475) })
    expect(sink?.subscriptions).toMatchObject([{ eventsPerSecond: expect.closeTo(20_000 / 475) }])
    // One callback for a minute: as busy as before, and no event for so long.
    await host.clock.advance(30_000)
    expect(system.inspect().stages).toMatchObject([
      { busyShare: 0, eventsOutPerSecond: 0, windowMs: 5000 },
      { busyShare: 1, eventsInPerSecond: 0, state: 'working' },
    ])
  })

  it('tells the id and the restarts of a child, those of the group it is restarted with included', async () => {
    const { system } = stillSystem()
    const failing = consumer<number>(() => ({
      subscribeTo: [{ to: 'source', cancel: 'temporary' }],
      handleEvents: () => {
        throw new Error('boom')
      },
    }))
    const idle = consumer<number>(() => ({ handleEvents: () => {} }))
    const children = [
      { id: 'source', name: 'source', start: castSource },
      { id: 'failing', start: failing },
      { id: 'after', start: idle },
    ]
    await system.start(supervisor({ strategy: 'restForOne', children }))
    const source = system.inspect().stages.find(({ name }) => name === 'source')
    expect(source).toMatchObject({ child: 'source', restarts: 0 })
    for (let round = 0; round < 2; round++) {
      // The source is a stage that takes casts.
      const ref = system.whereis('source')
      ref?.cast([1])
      await system.idle()
    }
    expect(system.inspect().stages).toMatchObject([
      { child: 'source', restarts: 0, eventsOut: 2 },
      { child: 'failing', restarts: 2, subscriptions: [{ producer: { name: 'source', child: 'source' } }] },
      { child: 'after', restarts: 2 },
    ])
  })

  it('starts no timer', async () => {
    const { system, host } = stillSystem()
    await using probed = await probe(await system.start(counter()))
    await probed.take(5)
    system.inspect()
    expect(host.clock.timers).toBe(0)
  })
})

describe('idle', () => {
  /** Items that come when the test says so. */
  function gated(): { readonly items: () => AsyncIterable<number>; readonly give: (item: number) => void } {
    let give = (_item: number): void => {}
    async function* items(): AsyncGenerator<number> {
      for (;;) {
        yield await new Promise<number>((resolve) => {
          give = resolve
        })
      }
    }
    return { items, give: (item) => give(item) }
  }

  it('does not count a wait for the iterator of fromAsyncIterable, which is no callback', async () => {
    const { system } = stillSystem()
    const source = gated()
    await using probed = await probe(await system.start(fromAsyncIterable(source.items)))
    probed.ask(2)
    await system.idle()
    expect(system.inspect().stages[0]).toMatchObject({ state: 'waitingForEvents', busyShare: 0, demand: 2 })
    await settled()
    source.give(7)
    expect(await probed.next()).toEqual([7])
  })

  it('counts it where the iterator is awaited by the callback itself', async () => {
    const { system } = stillSystem()
    const source = gated()
    const filling = await system.start(fromAsyncIterable(source.items, { fill: true }))
    const probed = await probe(filling)
    probed.ask(1)
    let isIdle = false
    const idle = system.idle().then(() => {
      isIdle = true
    })
    await settled()
    expect(isIdle).toBe(false)
    expect(system.inspect().stages[0]).toMatchObject({ state: 'working' })
    source.give(7)
    await idle
    expect(probed.events).toEqual([7])
    await probed.cancel()
  })
})
