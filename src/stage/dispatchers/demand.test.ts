import { describe, expect, it } from 'vitest'

import type { Subscription } from '../subscription-link.ts'
import { demandDispatcher, type DemandState } from './demand.ts'

/** A dispatcher never looks into a subscription, so a name will do. */
const subscription = (name: string): Subscription => ({ name }) as unknown as Subscription
const [a, b, c] = [subscription('a'), subscription('b'), subscription('c')]

const dispatcher = demandDispatcher<number>()

function withDemands(...demands: readonly (readonly [Subscription, number])[]): DemandState {
  const known = demands.reduce((state, [consumer]) => subscribed(state, consumer), dispatcher.init())
  return demands.reduce((state, [consumer, count]) => dispatcher.ask(state, consumer, count).state, known)
}

function subscribed(state: DemandState, consumer: Subscription): DemandState {
  const step = dispatcher.subscribe(state, consumer)
  if ('refused' in step) throw new Error('a demand dispatcher refuses nobody')
  return step.state
}

describe('demandDispatcher', () => {
  it('serves the biggest demand first', () => {
    const step = dispatcher.dispatch(withDemands([a, 2], [b, 3]), [1, 2, 3, 4])
    expect(step.deliveries).toEqual([
      { subscription: b, events: [1, 2, 3] },
      { subscription: a, events: [4] },
    ])
    expect(step.state).toEqual({ entries: [entry(a, 1), entry(b, 0)], total: 1, expected: 2 })
  })

  it('rotates among equal demands when events come singly', () => {
    let state = withDemands([a, 2], [b, 2], [c, 2])
    const served: unknown[] = []
    for (let event = 0; event < 6; event++) {
      const step = dispatcher.dispatch(state, [event])
      served.push(step.deliveries[0]?.subscription)
      state = step.state
    }
    expect(served).toEqual([a, b, c, a, b, c])
  })

  it('answers what nobody asked for as leftovers, in order', () => {
    const step = dispatcher.dispatch(withDemands([a, 1]), [1, 2, 3])
    expect(step.leftovers).toEqual([2, 3])
    expect(dispatcher.capacity(step.state)).toBe(0)
  })

  it('hands on the emitted array when one consumer takes all of it', () => {
    const events = [1, 2]
    expect(dispatcher.dispatch(withDemands([a, 5]), events).deliveries[0]?.events).toBe(events)
  })

  it('voids the demand of a consumer that left', () => {
    const { state } = dispatcher.cancel(withDemands([a, 4], [b, 1]), a)
    expect([dispatcher.capacity(state), state.entries]).toEqual([1, [entry(b, 1)]])
  })

  it('reports an ask for more than the first one, and counts it', () => {
    const step = dispatcher.ask(withDemands([a, 2]), a, 3)
    expect(step.log).toEqual({ level: 'warn', code: 'demand_over_max', args: [2, 3] })
    expect(dispatcher.capacity(step.state)).toBe(5)
  })

  it('changes no state it was given', () => {
    const state = withDemands([a, 2], [b, 1])
    const before = structuredClone(state)
    dispatcher.dispatch(state, [1, 2, 3])
    dispatcher.ask(state, b, 5)
    dispatcher.cancel(state, a)
    expect(state).toEqual(before)
  })

  it('shuffles its consumers once, before the first dispatch, if told to', () => {
    const chances = [0.7, 0.1, 0.4]
    const shuffling = demandDispatcher<number>({ shuffleOnFirstDispatch: () => chances.shift() ?? 0 })
    const names = ['a', 'b', 'c', 'without demand'].map((name) => ({ name }) as unknown as Subscription)
    let state = shuffling.init()
    for (const subscription of names) {
      const step = shuffling.subscribe(state, subscription)
      if ('state' in step) ({ state } = step)
    }
    for (const subscription of names.slice(0, 3)) ({ state } = shuffling.ask(state, subscription, 2))
    const first = shuffling.dispatch(state, [1, 2, 3, 4, 5, 6])
    expect(first.deliveries.map(({ subscription }) => subscription)).toEqual([names[1], names[2], names[0]])
    expect([chances, first.state.chance, first.leftovers]).toEqual([[], undefined, []])
  })

  it('puts who asks after a shuffle before the first that has less, though the others are in no order', () => {
    const chances = [0.3, 0.9, 0.2, 0.1]
    const shuffling = demandDispatcher<number>({ maxDemand: 9, shuffleOnFirstDispatch: () => chances.shift() ?? 0 })
    const d = subscription('d')
    const start = { ...withDemands([a, 9], [d, 5], [b, 3], [c, 1]), chance: shuffling.init().chance }
    const { state } = shuffling.dispatch(start, [1])
    expect(state.entries).toEqual([entry(b, 3), entry(a, 9), entry(d, 5), entry(c, 0)])
    expect(shuffling.ask(state, d, 1).state.entries).toEqual([entry(d, 6), entry(b, 3), entry(a, 9), entry(c, 0)])
  })

  it('refuses a maxDemand that is no integer >= 1', () => {
    expect(() => demandDispatcher({ maxDemand: 0 })).toThrow('maxDemand must be an integer >= 1 or Infinity, not 0')
  })
})

function entry(consumer: Subscription, demand: number): object {
  return { subscription: consumer, demand }
}
