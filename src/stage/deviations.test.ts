/** Where we do otherwise than GenStage: each test shows what GenStage would get wrong there. */

import { describe, expect, it } from 'vitest'

import { Asker, castSource, counter, stillSystem } from '../../test/support/stages.ts'
import {
  broadcastDispatcher,
  consumer,
  partitionDispatcher,
  producer,
  producerConsumer,
  type EmitterOptions,
  type ProducerDefinition,
  type ProducerRef,
  type System,
} from './index.ts'

/** Emits what it is cast, and writes down the infos that reach it. */
function caster(options: EmitterOptions<number> = {}, infos: unknown[] = []): ProducerDefinition<number> {
  return producer<number>(() => ({
    ...options,
    handleDemand: () => {},
    // The tests cast arrays of numbers.
    handleCast: (message) => message as readonly number[],
    handleInfo: (message) => void infos.push(message),
  }))
}

async function cast(system: System, source: ProducerRef<number>, events: readonly number[]): Promise<void> {
  source.cast(events)
  await system.idle()
}

async function ask(system: System, asker: Asker<number>, count: number): Promise<void> {
  asker.ask(count)
  await system.idle()
}

describe('the demand of a consumer that died', () => {
  it('holds back no buffered event, and lets no newer one overtake it', async () => {
    const { system } = stillSystem()
    const source = await system.start(castSource)
    const [first, second] = [new Asker(castSource), new Asker(castSource)]
    const dying = await system.start(first.definition)
    await ask(system, first, 10)
    dying.kill()
    await system.start(second.definition)
    await cast(system, source, [1, 2, 3])
    await ask(system, second, 2)
    // GenStage: nothing yet, the ask pays for what the dead one had asked.
    expect(second.received).toEqual([1, 2])
    await ask(system, second, 2)
    await cast(system, source, [4, 5])
    // GenStage: 4 overtakes 3.
    expect(second.received).toEqual([1, 2, 3, 4])
  })

  it('does not make a producer-consumer work for nobody, or change the order of its buffer', async () => {
    const { system } = stillSystem()
    const source = await system.start(castSource)
    const handled: number[] = []
    const middle = producerConsumer<number, number>(() => ({
      subscribeTo: [{ to: castSource, maxDemand: 4 }],
      handleEvents: (events) => {
        handled.push(...events)
        return events
      },
    }))
    const middleRef = await system.start(middle)
    const [first, second] = [new Asker(middle), new Asker(middle)]
    const dying = await system.start(first.definition)
    await ask(system, first, 100)
    dying.kill()
    await cast(system, source, [1, 2, 3, 4])
    // GenStage: it handles all of them, and asks for more, into a buffer without bounds.
    expect([handled, await middleRef.estimateBufferedCount()]).toEqual([[], 0])
    await system.start(second.definition)
    for (const count of [1, 1, 2]) await ask(system, second, count)
    expect(second.received).toEqual([1, 2, 3, 4])
  })
})

describe('partitions', () => {
  it('keep what waits for a consumer that left, for the next one', async () => {
    const { system } = stillSystem()
    const definition = caster({
      dispatcher: partitionDispatcher({ partitions: 2, hash: (event: number) => event % 2 }),
    })
    const source = await system.start(definition)
    const asker = (partition: number): Asker<number> => new Asker(definition, { partition })
    const [even, odd, next] = [asker(0), asker(1), asker(1)]
    await system.start(even.definition)
    const leaving = await system.start(odd.definition)
    await ask(system, even, 4)
    await cast(system, source, [0, 1, 2, 3])
    leaving.kill()
    await system.start(next.definition)
    await ask(system, next, 4)
    // GenStage: 1 and 3 are dropped.
    expect([even.received, next.received]).toEqual([
      [0, 2],
      [1, 3],
    ])
  })

  it('that were used up exactly hold no info back', async () => {
    const { system } = stillSystem()
    const infos: unknown[] = []
    const definition = caster({ dispatcher: partitionDispatcher({ partitions: 1 }) }, infos)
    const source = await system.start(definition)
    const asker = new Asker(definition, { partition: 0 })
    await system.start(asker.definition)
    await ask(system, asker, 2)
    await cast(system, source, [1, 2])
    source.asyncInfo('hello')
    await system.idle()
    // GenStage: the info waits in the empty queue until the partition asks again.
    expect([asker.received, infos]).toEqual([[1, 2], ['hello']])
  })
})

describe('a bad subscription', () => {
  it.each([
    [
      'a partition that there is not',
      partitionDispatcher<number>({ partitions: 1 }),
      { partition: 0 },
      { partition: 7 },
    ],
    ['a taken partition', partitionDispatcher<number>({ partitions: 1 }), { partition: 0 }, { partition: 0 }],
    ['no partition', partitionDispatcher<number>({ partitions: 1 }), { partition: 0 }, {}],
    ['a selector that is no function', broadcastDispatcher<number>(), {}, { selector: 5 }],
    [
      'a selector that throws',
      broadcastDispatcher<number>(),
      {},
      {
        selector: () => {
          throw new Error('no')
        },
      },
    ],
  ])('for %s ends alone: the producer and its other consumers go on', async (_, dispatcher, good, bad) => {
    const { system } = stillSystem()
    let next = 0
    const source = producer<number>(() => ({
      dispatcher,
      demand: 'accumulate',
      handleDemand: (demand) => (next < 8 ? Array.from({ length: demand }, () => next++) : []),
    }))
    const sourceRef = await system.start(source)
    const received: number[] = []
    const sink = (options: object) =>
      consumer<number>(() => ({
        subscribeTo: [{ ...options, to: source, maxDemand: 4 }],
        handleEvents: (events) => void received.push(...events),
      }))
    const [goodRef, badRef] = [await system.start(sink(good)), await system.start(sink(bad))]
    sourceRef.demand('forward')
    await system.idle()
    expect([sourceRef.isAlive, goodRef.isAlive, badRef.isAlive]).toEqual([true, true, false])
    expect(received).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('to a broadcast that the stage has already leaves the first as it was, however often it comes', async () => {
    const { system } = stillSystem()
    const source = await system.start(caster({ dispatcher: broadcastDispatcher<number>() }))
    const received: number[] = []
    const ref = await system.start(
      consumer<number>(() => ({
        handleSubscribe: () => 'manual',
        handleEvents: (events) => void received.push(...events),
      })),
    )
    const first = await system.subscribe(ref, { to: source })
    const refused = [await system.subscribe(ref, { to: source }), await system.subscribe(ref, { to: source })]
    await system.idle()
    // GenStage: refusing the second forgets the first, so that the third is taken.
    expect([first, ...refused].map(({ isActive }) => isActive)).toEqual([true, false, false])
    first.ask(2)
    await cast(system, source, [1, 2])
    expect([received, ref.isAlive]).toEqual([[1, 2], true])
  })
})

describe('a selector', () => {
  it('that leaves nothing of a message leaves no message', async () => {
    const { system } = stillSystem()
    const definition = caster({ dispatcher: broadcastDispatcher<number>() })
    const source = await system.start(definition)
    const asker = new Asker(definition, { selector: (event: number) => event > 2 })
    await system.start(asker.definition)
    await ask(system, asker, 4)
    await cast(system, source, [1, 2])
    await cast(system, source, [3])
    // GenStage: [] and [3].
    expect(asker.messages).toEqual([[3]])
  })
})

describe('an info', () => {
  it.each([10, Number.POSITIVE_INFINITY])(
    'waits behind the last event of a buffer of %d, and costs nothing',
    async (bufferSize) => {
      const { system } = stillSystem()
      const infos: unknown[] = []
      const definition = caster({ bufferSize }, infos)
      const source = await system.start(definition)
      const asker = new Asker(definition)
      await system.start(asker.definition)
      await cast(system, source, [1, 2])
      await source.syncInfo('after two')
      // GenStage: an unbounded buffer counts the info, too, and lets it go with a third unit of demand.
      expect(await source.estimateBufferedCount()).toBe(2)
      await ask(system, asker, 1)
      expect(infos).toEqual([])
      await ask(system, asker, 1)
      expect([asker.received, infos]).toEqual([[1, 2], ['after two']])
    },
  )
})

describe('a producer-consumer', () => {
  it('answers what its demand mode is', async () => {
    const { system } = stillSystem()
    const ref = await system.start(producerConsumer<number, number>(() => ({ handleEvents: (events) => events })))
    // GenStage: the question crashes it.
    expect(await ref.demand()).toBe('forward')
    expect(ref.isAlive).toBe(true)
  })
})

describe('a buffer of size 0', () => {
  it('keeps nothing, and tells how much was lost', async () => {
    const { system } = stillSystem()
    const lost: number[] = []
    const definition = caster({ bufferSize: 0, handleDiscarded: (count) => void lost.push(count) })
    // GenStage: the start crashes.
    const source = await system.start(definition)
    const asker = new Asker(definition)
    await system.start(asker.definition)
    await ask(system, asker, 2)
    await cast(system, source, [1, 2, 3])
    await cast(system, source, [4])
    await ask(system, asker, 2)
    expect([asker.received, lost]).toEqual([
      [1, 2],
      [1, 1],
    ])
  })
})

describe('events that a producer returns from handleCancel', () => {
  it('go to those that are left, never to the one that has left', async () => {
    const { system } = stillSystem()
    const source = producer<number>(() => ({ handleDemand: () => {}, handleCancel: () => [7, 8] }))
    await system.start(source)
    const late: number[] = []
    const leaving = await system.start(
      consumer<number>(() => ({ handleEvents: (events) => void late.push(...events) })),
    )
    const subscription = await system.subscribe(leaving, { to: source, maxDemand: 100, cancel: 'temporary' })
    const staying = new Asker(source)
    await system.start(staying.definition)
    await ask(system, staying, 5)
    subscription.cancel('enough')
    await system.idle()
    // GenStage: the one that left asked for most, so both go to it, and are lost.
    expect([late, staying.received]).toEqual([[], [7, 8]])
  })
})

describe('the order of events from a buffer', () => {
  it('is that of their making, whoever comes and goes', async () => {
    const { system } = stillSystem()
    const numbers = counter(30)
    await system.start(numbers)
    const received: number[] = []
    for (let round = 0; round < 10; round++) {
      const asker = new Asker(numbers)
      const ref = await system.start(asker.definition)
      await ask(system, asker, round)
      received.push(...asker.received)
      asker.ask(3)
      ref.kill()
      await system.idle()
    }
    expect(received).toEqual(received.toSorted((one, other) => one - other))
  })
})
