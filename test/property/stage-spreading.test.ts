/** Events that are spread over consumers of any pace: each is where it belongs, once, and in order. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  consumer,
  fanOut,
  partitionByKey,
  producer,
  System,
  type ProducerDefinition,
  type Source,
} from '../../src/stage/index.ts'
import { testHost } from '../support/test-host.ts'

const paces = fc.array(
  fc.record({
    maxDemand: fc.integer({ min: 1, max: 12 }),
    turns: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 4 },
)

/** Emits 0 … events - 1, when its demand is set to `forward`. */
function held(events: number): ProducerDefinition<number> {
  return producer<number>(() => {
    let next = 0
    return {
      demand: 'accumulate',
      handleDemand: (demand) => Array.from({ length: Math.min(demand, events - next) }, () => next++),
    }
  })
}

interface Pace {
  readonly maxDemand: number
  readonly turns: readonly boolean[]
}

/** Starts a consumer for each pace, opens the tap, and answers what each got. */
async function received(
  source: ProducerDefinition<number>,
  to: Source<number> & Parameters<System['start']>[0],
  all: readonly Pace[],
): Promise<readonly (readonly number[])[]> {
  const system = new System({ host: testHost() })
  const opened = await system.start(source)
  await system.start(to)
  const lists: number[][] = []
  for (const [partition, { maxDemand, turns }] of all.entries()) {
    const list: number[] = []
    lists.push(list)
    let calls = 0
    const definition = consumer<number>(() => ({
      subscribeTo: [{ to, maxDemand, partition }],
      handleEvents: async (events) => {
        if (turns[calls++ % turns.length] === true) await new Promise((resolve) => setImmediate(resolve))
        list.push(...events)
      },
    }))
    await system.start(definition)
  }
  opened.demand('forward')
  await system.idle()
  await system.stop()
  return lists
}

describe('fanOut', () => {
  it('gives everybody everything, in order', async () => {
    await fc.assert(
      fc.asyncProperty(paces, fc.integer({ min: 0, max: 150 }), async (all, events) => {
        const source = held(events)
        const lists = await received(source, fanOut({ subscribeTo: [{ to: source, maxDemand: 7 }] }), all)
        for (const list of lists) expect(list).toEqual([...Array(events).keys()])
      }),
      { numRuns: 100 },
    )
  })
})

describe('partitionByKey', () => {
  it('gives each event to the one consumer of its key, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        paces,
        fc.integer({ min: 0, max: 150 }),
        fc.integer({ min: 1, max: 9 }),
        async (all, events, keys) => {
          const source = held(events)
          const to = partitionByKey({
            partitions: all.length,
            keyOf: (event: number) => event % keys,
            subscribeTo: [{ to: source, maxDemand: 7 }],
          })
          const lists = await received(source, to, all)
          expect(lists.flat().toSorted((one, other) => one - other)).toEqual([...Array(events).keys()])
          for (const list of lists) expect(list).toEqual(list.toSorted((one, other) => one - other))
          for (let key = 0; key < Math.min(keys, events); key++) {
            expect(lists.filter((list) => list.some((event) => event % keys === key))).toHaveLength(1)
          }
        },
      ),
      { numRuns: 100 },
    )
  })
})
