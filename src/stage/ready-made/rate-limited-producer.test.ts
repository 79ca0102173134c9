import { describe, expect, it } from 'vitest'

import { Asker, stillSystem } from '../../../test/support/stages.ts'
import { rateLimitedProducer } from '../index.ts'

describe('rateLimitedProducer', () => {
  it('makes no more than the limit in an interval, and all that was asked in the end', async () => {
    const { system, host } = stillSystem()
    let next = 0
    const definition = rateLimitedProducer({
      limit: 3,
      intervalMs: 1000,
      produce: (demand) => Array.from({ length: demand }, () => next++),
    })
    const asker = new Asker(definition)
    await system.start(definition)
    await system.start(asker.definition)
    asker.ask(2)
    asker.ask(6)
    await system.idle()
    expect(asker.received).toHaveLength(3)
    await host.clock.advance(999)
    expect(asker.received).toHaveLength(3)
    await host.clock.advance(1)
    expect(asker.received).toHaveLength(6)
    await host.clock.advance(1000)
    expect(asker.received).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('does not save allowance up, and has no timer while nobody asks', async () => {
    const { system, host } = stillSystem()
    const definition = rateLimitedProducer({ limit: 2, intervalMs: 1000, produce: (demand) => Array(demand).fill('x') })
    const asker = new Asker<string>(definition)
    await system.start(definition)
    await system.start(asker.definition)
    await host.clock.advance(10_000)
    expect(host.clock.timers).toBe(0)
    asker.ask(5)
    await system.idle()
    expect(asker.received).toHaveLength(2)
    await host.clock.advance(2000)
    expect(asker.received).toHaveLength(5)
    await host.clock.advance(1000)
    expect(host.clock.timers).toBe(0)
  })

  it('asks for what came short again in the next interval', async () => {
    const { system, host } = stillSystem()
    const asked: number[] = []
    const stock = [1]
    const definition = rateLimitedProducer({
      limit: 10,
      intervalMs: 100,
      produce: (demand) => {
        asked.push(demand)
        return stock.splice(0, demand)
      },
    })
    const asker = new Asker(definition)
    await system.start(definition)
    await system.start(asker.definition)
    asker.ask(3)
    asker.ask(1)
    await system.idle()
    stock.push(2, 3, 4, 5)
    expect(asked).toEqual([3])
    await host.clock.advance(100)
    expect(asked).toEqual([3, 3])
    expect(asker.received).toEqual([1, 2, 3, 4])
  })

  it('names every number that is out of bounds', () => {
    expect(() => rateLimitedProducer({ limit: 1.5, intervalMs: -1, produce: () => [] })).toThrow(
      'limit must be an integer >= 1, not 1.5; intervalMs must be an integer >= 1, not -1',
    )
  })
})
