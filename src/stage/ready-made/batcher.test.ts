import { describe, expect, it } from 'vitest'

import { Asker, castSource, collector, counter, stillSystem } from '../../../test/support/stages.ts'
import { batcher, type EventBatch } from '../index.ts'

describe('batcher', () => {
  it('emits a batch when it is full or its time is up, whatever comes first', async () => {
    const { system, host } = stillSystem()
    const batches: (readonly EventBatch<number>[])[] = []
    const definition = batcher<number>({ size: 3, withinMs: 100, subscribeTo: [{ to: castSource }] })
    const source = await system.start(castSource)
    await system.start(definition)
    await system.start(collector(definition, batches))
    source.cast([1, 2])
    await host.clock.advance(60)
    source.cast([3, 4])
    await host.clock.advance(99)
    const first = { key: undefined, events: [1, 2, 3], trigger: 'size' }
    expect(batches.flat()).toEqual([first])
    await host.clock.advance(1)
    expect(batches.flat()).toEqual([first, { key: undefined, events: [4], trigger: 'time' }])
    expect(host.clock.timers).toBe(0)
  })

  it('keeps events of different keys apart, each key with a timer of its own', async () => {
    const { system, host } = stillSystem()
    const batches: (readonly EventBatch<number, string>[])[] = []
    const definition = batcher({
      size: 2,
      withinMs: 100,
      keyOf: (event: number) => (event % 2 === 0 ? 'even' : 'odd'),
      subscribeTo: [{ to: castSource }],
    })
    const source = await system.start(castSource)
    await system.start(definition)
    await system.start(collector(definition, batches))
    source.cast([1])
    await host.clock.advance(50)
    source.cast([2, 3, 5])
    await host.clock.advance(100)
    expect(batches.flat()).toEqual([
      { key: 'odd', events: [1, 3], trigger: 'size' },
      { key: 'even', events: [2], trigger: 'time' },
      { key: 'odd', events: [5], trigger: 'time' },
    ])
  })

  it('emits what it holds when its source ends, and ends when all of it is taken', async () => {
    const { system, host } = stillSystem()
    const numbers = counter(5)
    const definition = batcher<number>({ size: 2, withinMs: 100, subscribeTo: [{ to: numbers }] })
    const asker = new Asker(definition)
    await system.start(numbers)
    const ref = await system.start(definition)
    await system.start(asker.definition)
    asker.ask(1)
    await system.idle()
    expect(asker.received.map(({ events }) => events)).toEqual([[0, 1]])
    expect(ref.isAlive).toBe(true)
    asker.ask(10)
    await system.idle()
    expect(asker.received.map(({ events, trigger }) => [events, trigger])).toEqual([
      [[0, 1], 'size'],
      [[2, 3], 'size'],
      [[4], 'end'],
    ])
    expect(ref.isAlive).toBe(false)
    expect(host.clock.timers).toBe(0)
  })

  it('takes nothing from its source while nobody wants a batch', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const definition = batcher<number>({ size: 2, withinMs: 100, subscribeTo: [{ to: numbers, maxDemand: 10 }] })
    const asker = new Asker(definition)
    const source = await system.start(numbers)
    await system.start(definition)
    await system.start(asker.definition)
    await system.idle()
    const sent = (): number | undefined => system.inspect().stages.find(({ id }) => id === source.id)?.eventsOut
    expect(sent()).toBe(10)
    asker.ask(1)
    await system.idle()
    expect(sent()).toBeLessThanOrEqual(20)
  })
})
