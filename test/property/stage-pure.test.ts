/** The pure parts of the stage layer against simple models. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { countRestart } from '../../src/process/restart-intensity.ts'
import { EventBuffer } from '../../src/stage/buffer.ts'
import { demandDispatcher } from '../../src/stage/dispatchers/demand.ts'
import { partitionDispatcher, type PartitionState } from '../../src/stage/dispatchers/partition.ts'
import type { Subscription } from '../../src/stage/index.ts'
import { planBatches } from '../../src/stage/subscription.ts'

const subscriptions = Array.from({ length: 4 }, (_, id) => ({ id }) as unknown as Subscription)

describe('demandDispatcher', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('ask' as const), who: fc.nat(3), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ type: fc.constant('emit' as const), who: fc.constant(0), count: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ type: fc.constant('renew' as const), who: fc.nat(3), count: fc.constant(0) }),
  )

  it('gives nobody more than it asked for, keeps the order, and takes exactly its capacity', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const dispatcher = demandDispatcher<number>()
        const demands = new Map(subscriptions.map((subscription) => [subscription, 0]))
        let state = subscriptions.reduce((known, subscription) => {
          const added = dispatcher.subscribe(known, subscription)
          return 'state' in added ? added.state : known
        }, dispatcher.init())
        let next = 0
        for (const { type, who, count } of steps) {
          const subscription = subscriptions[who] as Subscription
          const wanted = [...demands.values()].reduce((sum, demand) => sum + demand, 0)
          expect(dispatcher.capacity(state)).toBe(wanted)
          if (type === 'ask') {
            state = dispatcher.ask(state, subscription, count).state
            demands.set(subscription, (demands.get(subscription) ?? 0) + count)
          } else if (type === 'renew') {
            state = dispatcher.cancel(state, subscription).state
            const added = dispatcher.subscribe(state, subscription)
            if ('state' in added) ({ state } = added)
            demands.set(subscription, 0)
          } else {
            const events = Array.from({ length: count }, () => next++)
            const result = dispatcher.dispatch(state, events)
            state = result.state
            expect([...result.deliveries.flatMap((delivery) => delivery.events), ...result.leftovers]).toEqual(events)
            expect(result.leftovers).toHaveLength(Math.max(0, count - wanted))
            for (const { subscription: given, events: list } of result.deliveries) {
              const demand = demands.get(given) ?? 0
              expect(demand).toBe(Math.max(...demands.values()))
              expect(list.length).toBeLessThanOrEqual(demand)
              demands.set(given, demand - list.length)
            }
          }
        }
      }),
    )
  })
})

describe('partitionDispatcher', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('ask' as const), who: fc.nat(2), count: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ type: fc.constant('emit' as const), who: fc.constant(0), count: fc.integer({ min: 1, max: 20 }) }),
    fc.record({ type: fc.constant('renew' as const), who: fc.nat(2), count: fc.constant(0) }),
  )

  it('hands each event to its partition once and in order, however slowly that one asks, and changes no earlier state', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const dispatcher = partitionDispatcher<number>({ partitions: 3, hash: (event) => event % 3 })
        const consumers = [0, 1, 2].map((partition) => ({ options: { partition } }) as unknown as Subscription)
        const subscribed = (known: PartitionState<number>, consumer: Subscription): PartitionState<number> => {
          const added = dispatcher.subscribe(known, consumer)
          return 'state' in added ? added.state : known
        }
        let state = consumers.reduce(subscribed, dispatcher.init())
        const waiting: number[][] = [[], [], []]
        const demands = [0, 0, 0]
        /** What each partition is owed now, and is not owed any more. */
        const due = (partition: number): number[] => {
          const events = waiting[partition]?.splice(0, demands[partition]) ?? []
          demands[partition] = (demands[partition] ?? 0) - events.length
          return events
        }
        let next = 0
        for (const { type, who, count } of steps) {
          const consumer = consumers[who] as Subscription
          if (type === 'renew') {
            state = subscribed(dispatcher.cancel(state, consumer).state, consumer)
            demands[who] = 0
            continue
          }
          const events = Array.from(
            { length: type === 'emit' ? Math.min(count, dispatcher.capacity(state)) : 0 },
            () => next++,
          )
          for (const event of events) waiting[event % 3]?.push(event)
          if (type === 'ask') demands[who] = (demands[who] ?? 0) + count
          const perform = () =>
            type === 'ask' ? dispatcher.ask(state, consumer, count) : dispatcher.dispatch(state, events)
          const result = perform()
          expect(perform()).toEqual(result)
          const given = new Map(result.deliveries?.map((delivery) => [delivery.subscription, delivery.events]))
          for (const [partition, owner] of consumers.entries()) expect(given.get(owner) ?? []).toEqual(due(partition))
          state = result.state
        }
      }),
    )
  })
})

describe('EventBuffer', () => {
  const operation = fc.oneof(
    fc.record({ type: fc.constant('store' as const), count: fc.nat(12) }),
    fc.record({ type: fc.constant('take' as const), count: fc.integer({ min: 1, max: 12 }) }),
    fc.record({ type: fc.constant('info' as const), count: fc.constant(0) }),
  )

  it('is a queue of events and infos that loses events at the right end and infos never', () => {
    const keep = fc.constantFrom('first' as const, 'last' as const)
    const size = fc.oneof(fc.nat(10), fc.constant(Number.POSITIVE_INFINITY))
    fc.assert(
      fc.property(keep, size, fc.array(operation, { maxLength: 80 }), (kept, limit, operations) => {
        const buffer = new EventBuffer<number>(limit, kept)
        /** Events are numbers, infos are texts. */
        let model: (number | string)[] = []
        let next = 0
        const length = (): number => model.filter((entry) => typeof entry === 'number').length
        const leadingInfos = (): string[] => {
          const end = model.findIndex((entry) => typeof entry === 'number')
          return model.splice(0, end === -1 ? model.length : end) as string[]
        }
        for (const { type, count } of operations) {
          if (type === 'store') {
            const events = Array.from({ length: count }, () => next++)
            const surplus = Math.max(0, length() + count - limit)
            model = [...model, ...(kept === 'first' ? events.slice(0, count - surplus) : events)]
            const released: string[] = []
            for (let dropped = 0; kept === 'last' && dropped < surplus; dropped++) {
              model.shift()
              released.push(...leadingInfos())
            }
            expect(buffer.store(events)).toEqual({ discarded: surplus, released })
          } else if (type === 'take') {
            const taken: number[] = []
            while (taken.length < count && typeof model[0] === 'number') taken.push(model.shift() as number)
            expect(buffer.take(count)).toEqual({ events: taken, released: leadingInfos() })
          } else {
            const info = `info ${next++}`
            if (length() > 0) model.push(info)
            expect(buffer.holdInfo(info)).toBe(length() > 0)
          }
          expect(buffer.length).toBe(length())
        }
      }),
    )
  })
})

describe('planBatches', () => {
  it('covers every event, never waits for more than maxDemand, and never stalls', () => {
    const options = fc
      .integer({ min: 1, max: 50 })
      .chain((maxDemand) => fc.record({ maxDemand: fc.constant(maxDemand), minDemand: fc.nat(maxDemand - 1) }))
    fc.assert(
      fc.property(options, fc.array(fc.integer({ min: 1, max: 80 })), ({ maxDemand, minDemand }, counts) => {
        let due = maxDemand
        for (const count of counts) {
          const plan = planBatches(due, count, { maxDemand, minDemand, cancel: 'permanent' })
          expect(plan.batches.reduce((sum, { size }) => sum + size, 0)).toBe(count)
          expect(plan.batches.every(({ size }) => size > 0 && size <= maxDemand - minDemand)).toBe(true)
          const asked = plan.batches.reduce((sum, { ask }) => sum + ask, 0)
          const excess = plan.batches.reduce((sum, batch) => sum + batch.excess, 0)
          expect(plan.due).toBe(due - (count - excess) + asked)
          expect(plan.due).toBeGreaterThan(minDemand)
          expect(plan.due).toBeLessThanOrEqual(maxDemand)
          ;({ due } = plan)
        }
      }),
    )
  })
})

describe('countRestart', () => {
  it('finds exactly the windows with more than the allowed restarts', () => {
    const gaps = fc.array(fc.integer({ min: 0, max: 4000 }), { maxLength: 30 })
    fc.assert(
      fc.property(gaps, fc.nat(4), (gapsMs, maxRestarts) => {
        const all: number[] = []
        let restartsMs: readonly number[] = []
        let nowMs = 0
        for (const gapMs of gapsMs) {
          nowMs += gapMs
          all.push(nowMs)
          const count = countRestart(restartsMs, nowMs, { maxRestarts, maxSeconds: 5 })
          ;({ restartsMs } = count)
          const inWindow = all.filter((restartMs) => restartMs >= nowMs - 5000).length
          expect(count.isExceeded).toBe(inWindow > maxRestarts)
        }
      }),
    )
  })
})
