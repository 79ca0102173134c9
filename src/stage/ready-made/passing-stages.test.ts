/** The stages that hand events on: filter, enricher, fan-in. */

import { describe, expect, it } from 'vitest'

import { Asker, castSource, collector, counter, stillSystem } from '../../../test/support/stages.ts'
import { enricher, fanIn, filter } from '../index.ts'

describe('filter', () => {
  it('lets through what it should, and takes as many events as that needs', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const definition = filter({ keep: (event) => event % 10 === 0, subscribeTo: [{ to: numbers, maxDemand: 4 }] })
    const asker = new Asker(definition)
    await system.start(numbers)
    await system.start(definition)
    await system.start(asker.definition)
    asker.ask(3)
    await system.idle()
    expect(asker.received).toEqual([0, 10, 20])
  })
})

describe('enricher', () => {
  it('asks once for a batch, each key once, and merges in order', async () => {
    const { system } = stillSystem()
    const questions: (readonly number[])[] = []
    const batches: (readonly string[])[] = []
    const numbers = counter(6)
    const definition = enricher({
      subscribeTo: [{ to: numbers, maxDemand: 4, minDemand: 0 }],
      keyOf: (event: number) => event % 3,
      lookUp: async (keys) => {
        questions.push(keys)
        return new Map(keys.filter((key) => key !== 2).map((key) => [key, `k${key}`]))
      },
      merge: (event, found) => `${event}:${found ?? 'unknown'}`,
    })
    await system.start(numbers)
    await system.start(definition)
    await system.start(collector(definition, batches))
    await system.idle()
    expect(questions).toEqual([
      [0, 1, 2],
      [1, 2],
    ])
    expect(batches.flat()).toEqual(['0:k0', '1:k1', '2:unknown', '3:k0', '4:k1', '5:unknown'])
  })
})

describe('fanIn', () => {
  it('mixes its sources, keeps the order of each, and ends with the last of them', async () => {
    const { system } = stillSystem()
    const [few, many] = [counter(3), counter(50)]
    const batches: (readonly number[])[] = []
    const definition = fanIn({ subscribeTo: [{ to: few }, { to: many, maxDemand: 10 }] })
    await system.start(few)
    await system.start(many)
    const ref = await system.start(definition)
    await system.start(collector(definition, batches))
    await system.idle()
    const all = batches.flat()
    expect(all.toSorted((one, other) => one - other)).toEqual(
      [...Array(3).keys(), ...Array(50).keys()].toSorted((one, other) => one - other),
    )
    expect(all.filter((event) => event >= 3)).toEqual(Array.from({ length: 47 }, (_, index) => index + 3))
    expect(ref.isAlive).toBe(false)
  })

  it('is not held up by a source that has nothing', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const definition = fanIn({ subscribeTo: [{ to: castSource }, { to: numbers }] })
    const asker = new Asker(definition)
    await system.start(castSource)
    await system.start(numbers)
    await system.start(definition)
    await system.start(asker.definition)
    asker.ask(5)
    await system.idle()
    expect(asker.received.slice(0, 5)).toEqual([0, 1, 2, 3, 4])
  })

  it('ends with a source that fails, after the events it has taken', async () => {
    const { system } = stillSystem()
    const numbers = counter(3)
    const definition = fanIn({ subscribeTo: [{ to: numbers }, { to: castSource }] })
    const asker = new Asker(definition)
    await system.start(numbers)
    const source = await system.start(castSource)
    const ref = await system.start(definition)
    await system.start(asker.definition)
    await source.stop('broken')
    await system.idle()
    expect(ref.isAlive).toBe(true)
    const ended = new Promise((resolve) => ref.monitor(resolve))
    asker.ask(5)
    expect(await ended).toBe('broken')
    expect(asker.received).toEqual([0, 1, 2])
  })
})
