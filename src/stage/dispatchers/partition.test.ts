import { describe, expect, it } from 'vitest'

import type { Subscription } from '../subscription-link.ts'
import { partitionDispatcher, type PartitionDispatcherOptions, type PartitionState } from './partition.ts'

/** A dispatcher looks at a subscription's options only. */
const subscription = (partition: unknown): Subscription => ({ options: { partition } }) as unknown as Subscription
const [even, odd] = [subscription(0), subscription(1)]

const make = (
  options: Partial<PartitionDispatcherOptions<number>> = {},
): ReturnType<typeof partitionDispatcher<number>> =>
  partitionDispatcher<number>({ partitions: 2, hash: (event) => event % 2, ...options })
const dispatcher = make()

function subscribed(...consumers: readonly Subscription[]): PartitionState<number> {
  return consumers.reduce((state, consumer) => {
    const step = dispatcher.subscribe(state, consumer)
    if ('refused' in step) throw new Error('refused')
    return step.state
  }, dispatcher.init())
}

describe('partitionDispatcher', () => {
  it('keeps the queue of a partition for the next consumer', () => {
    const asked = dispatcher.ask(subscribed(even, odd), odd, 4).state
    const { state } = dispatcher.dispatch(asked, [1, 2, 3, 4])
    const free = dispatcher.cancel(state, even).state
    const next = subscription(0)
    const taken = dispatcher.subscribe(free, next)
    if ('refused' in taken) throw new Error('the partition is free')
    expect(dispatcher.ask(taken.state, next, 5).deliveries).toEqual([{ subscription: next, events: [2, 4] }])
  })

  it('drops the queue and asks again when told to', () => {
    const dropping = make({ onCancel: 'drop' })
    const { state } = dropping.dispatch(dropping.ask(subscribed(even, odd), odd, 4).state, [1, 2, 3, 4])
    expect(dropping.capacity(dropping.cancel(state, even).state)).toBe(2)
  })

  it('copies nothing of what waits for a slow partition', () => {
    const asked = dispatcher.ask(subscribed(even, odd), odd, 1_000).state
    let state = dispatcher.dispatch(asked, [2, 4, 6]).state
    for (const event of [8, 10, 12]) {
      const before = state.partitions.get(0)?.queue
      ;({ state } = dispatcher.dispatch(state, [event]))
      const after = state.partitions.get(0)?.queue
      expect(before).toBeDefined()
      expect(after?.back?.next).toBe(before?.back)
    }
    const one = dispatcher.ask(state, even, 1)
    const two = dispatcher.ask(one.state, even, 1)
    expect(two.state.partitions.get(0)?.queue.front).toBe(one.state.partitions.get(0)?.queue.front)
    expect([one, two].map(({ deliveries }) => deliveries?.[0]?.events)).toEqual([[2], [4]])
    expect(dispatcher.ask(two.state, even, 9).deliveries).toEqual([{ subscription: even, events: [6, 8, 10, 12] }])
  })

  it('refuses an unknown and a taken partition', () => {
    const state = subscribed(even)
    expect(dispatcher.subscribe(state, subscription(7))).toMatchObject({ refused: 'bad_partition' })
    expect(dispatcher.subscribe(state, subscription(0))).toMatchObject({ refused: 'partition_taken' })
  })

  it('does not let the debt of a consumer that left swallow the last ask', () => {
    const left = dispatcher.cancel(dispatcher.ask(subscribed(even, odd), even, 4).state, even).state
    const { state } = dispatcher.dispatch(left, [2, 4, 6, 8])
    expect(dispatcher.capacity(dispatcher.ask(state, odd, 3).state)).toBe(3)
  })

  it('names what a hash answered that is no partition', () => {
    const wrong = make({ hash: () => 9 })
    const { state } = wrong.ask(subscribed(even), even, 1)
    expect(() => wrong.dispatch(state, [1])).toThrow('answered 9; it must answer one of 0, 1, or null')
  })

  it('names bad options', () => {
    expect(() => make({ partitions: 0 })).toThrow('partitions must be an integer >= 1')
  })
})
