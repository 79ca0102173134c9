import { describe, expect, it } from 'vitest'

import { Asker, stillSystem } from '../../../test/support/stages.ts'
import { pollingProducer } from '../index.ts'

/** A source that has what a test puts into it. */
function source(): { readonly stock: number[]; readonly polls: number[]; poll(demand: number): readonly number[] } {
  const stock: number[] = []
  const polls: number[] = []
  return {
    stock,
    polls,
    poll: (demand) => {
      polls.push(demand)
      return stock.splice(0, demand)
    },
  }
}

describe('pollingProducer', () => {
  it('polls at once for what is wanted, and not at all while nobody asks', async () => {
    const { system, host } = stillSystem()
    const { stock, polls, poll } = source()
    stock.push(1, 2, 3)
    const definition = pollingProducer({ intervalMs: 100, poll })
    const asker = new Asker(definition)
    await system.start(definition)
    await system.start(asker.definition)
    await host.clock.advance(1000)
    expect(polls).toEqual([])
    asker.ask(2)
    await host.clock.advance(1000)
    expect(polls).toEqual([2])
    expect(asker.received).toEqual([1, 2])
    expect(host.clock.timers).toBe(0)
  })

  it('remembers what was wanted and not found, with one timer for all who asked', async () => {
    const { system, host } = stillSystem()
    const { stock, polls, poll } = source()
    const definition = pollingProducer({ intervalMs: 100, poll })
    const [one, other] = [new Asker(definition), new Asker(definition)]
    await system.start(definition)
    for (const asker of [one, other]) await system.start(asker.definition)
    one.ask(2)
    other.ask(3)
    await system.idle()
    expect(polls).toEqual([2])
    expect(host.clock.timers).toBe(1)
    await host.clock.advance(250)
    expect(polls).toEqual([2, 5, 5])
    expect(host.clock.timers).toBe(1)
    stock.push(1, 2, 3, 4)
    await host.clock.advance(50)
    expect(new Set([...one.received, ...other.received])).toEqual(new Set([1, 2, 3, 4]))
    stock.push(5, 6, 7)
    await host.clock.advance(100)
    expect(polls).toEqual([2, 5, 5, 5, 1])
    expect(stock).toEqual([6, 7])
    expect(host.clock.timers).toBe(0)
  })

  it('looks at once when it is sent an info', async () => {
    const { system, host } = stillSystem()
    const { stock, polls, poll } = source()
    const definition = pollingProducer({ intervalMs: 1000, poll })
    const asker = new Asker(definition)
    const ref = await system.start(definition)
    await system.start(asker.definition)
    asker.ask(1)
    await system.idle()
    stock.push(9)
    ref.info('look')
    await system.idle()
    expect(asker.received).toEqual([9])
    expect(host.clock.timers).toBe(0)
    ref.info('look')
    await system.idle()
    expect(polls).toEqual([1, 1])
  })

  it('never polls twice at a time, and leaves no timer behind', async () => {
    const { system, host } = stillSystem()
    let running = 0
    let most = 0
    const definition = pollingProducer<number>({
      intervalMs: 10,
      poll: async () => {
        most = Math.max(most, ++running)
        await Promise.resolve()
        running--
        return []
      },
    })
    const asker = new Asker(definition)
    const ref = await system.start(definition)
    await system.start(asker.definition)
    asker.ask(1)
    asker.ask(1)
    ref.info('look')
    await host.clock.advance(100)
    expect(most).toBe(1)
    await system.stop()
    expect(host.clock.timers).toBe(0)
  })

  it('refuses an interval that is none', () => {
    expect(() => pollingProducer({ intervalMs: 0, poll: () => [] })).toThrow(
      'bad options of pollingProducer: intervalMs must be an integer >= 1, not 0',
    )
  })
})
