/** The stages that spread events over consumers: fan-out and partitions by key. */

import { describe, expect, it } from 'vitest'

import { Asker, castSource, collector, counter, stillSystem } from '../../../test/support/stages.ts'
import { fanOut, partitionByKey } from '../index.ts'

describe('fanOut', () => {
  it('gives every event to all consumers, at the pace of the slowest', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const definition = fanOut({ subscribeTo: [{ to: numbers, maxDemand: 4 }] })
    const [slow, fast] = [new Asker(definition), new Asker(definition)]
    await system.start(numbers)
    await system.start(definition)
    for (const asker of [slow, fast]) await system.start(asker.definition)
    fast.ask(100)
    await system.idle()
    expect(fast.received).toEqual([])
    slow.ask(3)
    await system.idle()
    expect(slow.received).toEqual([0, 1, 2])
    expect(fast.received).toEqual([0, 1, 2])
  })

  it('gives a consumer what its selector wants', async () => {
    const { system } = stillSystem()
    const all: (readonly number[])[] = []
    const tens: (readonly number[])[] = []
    const definition = fanOut({ subscribeTo: [{ to: castSource }] })
    const isTen = (event: number): boolean => event % 10 === 0
    const source = await system.start(castSource)
    await system.start(definition)
    await system.start(collector(definition, all))
    await system.start(collector(definition, tens, { selector: isTen }))
    source.cast([...Array(20).keys()])
    await system.idle()
    expect(all.flat()).toHaveLength(20)
    expect(tens.flat()).toEqual([0, 10])
  })
})

describe('partitionByKey', () => {
  it('keeps the events of a key with one consumer, in order', async () => {
    const { system } = stillSystem()
    const numbers = counter(300)
    const definition = partitionByKey({
      partitions: 3,
      keyOf: (event: number) => event % 7,
      subscribeTo: [{ to: numbers, maxDemand: 20 }],
    })
    const received: (readonly number[])[][] = [[], [], []]
    await system.start(numbers)
    await system.start(definition)
    for (const [partition, batches] of received.entries()) {
      await system.start(collector(definition, batches, { partition, maxDemand: 5 }))
    }
    await system.idle()
    const lists = received.map((batches) => batches.flat())
    expect(lists.flat().toSorted((one, other) => one - other)).toEqual([...Array(300).keys()])
    for (let key = 0; key < 7; key++) {
      expect(lists.filter((list) => list.some((event) => event % 7 === key))).toHaveLength(1)
    }
    for (const list of lists) expect(list).toEqual(list.toSorted((one, other) => one - other))
  })
})
