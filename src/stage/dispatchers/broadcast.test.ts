import { describe, expect, it } from 'vitest'

import type { Subscription } from '../subscription-link.ts'
import { broadcastDispatcher, type BroadcastState } from './broadcast.ts'

/** A dispatcher looks at a subscription's consumer and options only. */
const subscription = (id: number, options: object = {}): Subscription =>
  ({ consumer: { id }, options }) as unknown as Subscription
const [a, b] = [subscription(1), subscription(2)]

const dispatcher = broadcastDispatcher<number>()

function subscribed(state: BroadcastState, consumer: Subscription): BroadcastState {
  const step = dispatcher.subscribe(state, consumer)
  if ('refused' in step) throw new Error('refused')
  return step.state
}

const asked = (state: BroadcastState, consumer: Subscription, count: number): BroadcastState =>
  dispatcher.ask(state, consumer, count).state

describe('broadcastDispatcher', () => {
  it('hands out what the slowest consumer asked for, to all', () => {
    const state = asked(asked(subscribed(subscribed(dispatcher.init(), a), b), a, 3), b, 2)
    const step = dispatcher.dispatch(state, [1, 2, 3])
    expect(step.deliveries.map(({ events }) => events)).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect(step.leftovers).toEqual([3])
  })

  it('releases demand when the slowest consumer leaves', () => {
    const state = asked(subscribed(subscribed(dispatcher.init(), a), b), a, 3)
    expect(dispatcher.capacity(state)).toBe(0)
    expect(dispatcher.capacity(dispatcher.cancel(state, b).state)).toBe(3)
  })

  it('refuses the second and the third subscription of one consumer', () => {
    const state = subscribed(dispatcher.init(), a)
    expect(dispatcher.subscribe(state, subscription(1))).toMatchObject({ refused: 'already_subscribed' })
    expect(dispatcher.subscribe(state, subscription(1))).toMatchObject({ refused: 'already_subscribed' })
  })

  it('refuses a selector that is no function', () => {
    const step = dispatcher.subscribe(dispatcher.init(), subscription(1, { selector: 5 }))
    expect(step).toEqual({
      refused: 'bad_selector',
      log: { level: 'error', code: 'bad_selector', args: [5], message: 'selector must be a function, not 5' },
    })
  })

  it('says how many events a selector left out', () => {
    const even = subscription(1, { selector: (event: number) => event % 2 === 0 })
    const step = dispatcher.dispatch(asked(subscribed(dispatcher.init(), even), even, 3), [1, 2, 3])
    expect(step.deliveries).toEqual([{ subscription: even, events: [2], withheld: 2 }])
  })
})
