/**
 * Random pipelines of which stages crash, are killed, and are stopped in the middle: nothing is delivered twice or out of order,
 * no more is lost than was in flight, and nothing is left behind.
 */

import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import {
  consumer,
  enricher,
  fanIn,
  pollingProducer,
  producer,
  producerConsumer,
  rateLimitedProducer,
  supervisor,
  System,
  toReadable,
  type Self,
} from '../../src/stage/index.ts'
import { settled, testHost } from '../support/test-host.ts'

let rejections: unknown[] = []
const note = (reason: unknown): void => void rejections.push(reason)
beforeEach(() => {
  rejections = []
  process.on('unhandledRejection', note)
})
afterEach(() => void process.off('unhandledRejection', note))

describe('pipelines that crash', () => {
  const consumers = fc.array(
    fc.record({
      maxDemand: fc.integer({ min: 1, max: 10 }),
      isAsync: fc.boolean(),
      /** The batches, counted over all lives, in which it fails. */
      failsIn: fc.uniqueArray(fc.nat(30), { maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 3 },
  )

  it('deliver nothing twice, keep the order of each life, and lose no more than was in flight', async () => {
    await fc.assert(
      fc.asyncProperty(consumers, fc.integer({ min: 0, max: 200 }), async (descriptions, events) => {
        const system = new System({ host: testHost() })
        const lives: number[][] = []
        let mayBeLost = 0
        let next = 0
        const source = producer<number>(() => ({
          handleDemand: (demand) => Array.from({ length: Math.min(demand, events - next) }, () => next++),
        }))
        const children = descriptions.map(({ maxDemand, isAsync, failsIn }, index) => {
          let batches = 0
          const fail = (): void => {
            mayBeLost += maxDemand
            throw new Error('a batch that fails')
          }
          const definition = consumer<number>(() => {
            const life: number[] = []
            lives.push(life)
            return {
              subscribeTo: [{ to: source, maxDemand, cancel: 'temporary' }],
              handleEvents: (batch) => {
                const isBad = failsIn.includes(batches++)
                if (!isAsync) {
                  if (isBad) fail()
                  life.push(...batch)
                  return undefined
                }
                return Promise.resolve().then(() => {
                  if (isBad) fail()
                  life.push(...batch)
                })
              },
            }
          })
          return { id: `consumer-${index}`, start: definition }
        })
        await system.start(source)
        await system.start(supervisor({ strategy: 'oneForOne', maxRestarts: 100, children }))
        await system.idle()
        const all = lives.flat()
        expect(new Set(all).size).toBe(all.length)
        for (const life of lives) expect(life).toEqual(life.toSorted((one, other) => one - other))
        expect(all.length).toBeGreaterThanOrEqual(events - mayBeLost)
        expect(next).toBe(events)
        await system.stop()
      }),
      { numRuns: 200 },
    )
    expect(rejections).toEqual([])
  })
})

describe('pipelines with stages in between that crash', () => {
  const link = fc.record({
    maxDemand: fc.integer({ min: 1, max: 10 }),
    isAsync: fc.boolean(),
    /** The batches, counted over all lives, in which it fails. */
    failsIn: fc.uniqueArray(fc.nat(20), { maxLength: 3 }),
    isKilled: fc.boolean(),
  })

  it('restart in order, deliver nothing twice, and lose no more than was on its way behind the crash', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(link, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 150 }),
        async (links, events) => {
          const system = new System({ host: testHost() })
          const lives: number[][] = []
          let mayBeLost = 0
          let next = 0
          const source = producer<number>(() => ({
            // As with every pipeline: a stage that ends before the next one is started fails the start of all.
            demand: 'accumulate',
            handleDemand: (demand) => Array.from({ length: Math.min(demand, events - next) }, () => next++),
          }))
          const opened = await system.start(source, { name: 'stage 0' })
          const children = links.map(({ maxDemand, isAsync, failsIn, isKilled }, index) => {
            let batches = 0
            const isLast = index === links.length - 1
            const isBad = (): boolean => {
              if (!failsIn.includes(batches++)) return false
              // What was sent to it and to the stages behind it, and what waited in their buffers.
              for (const behind of links.slice(index)) mayBeLost += 2 * behind.maxDemand
              return true
            }
            const handle = (self: Self<number>, life: number[], batch: readonly number[]): readonly number[] => {
              if (isBad()) {
                if (isKilled) self.ref.kill()
                throw new Error('a batch that fails')
              }
              if (isLast) life.push(...batch)
              return isLast ? [] : batch
            }
            const options = { subscribeTo: [{ to: `stage ${index}`, maxDemand }] }
            const start = isLast
              ? consumer<number>((self) => {
                  const life: number[] = []
                  lives.push(life)
                  return {
                    ...options,
                    handleEvents: (batch) =>
                      isAsync
                        ? Promise.resolve().then(() => void handle(self, life, batch))
                        : void handle(self, life, batch),
                  }
                })
              : producerConsumer<number, number>((self) => ({
                  ...options,
                  handleEvents: (batch) =>
                    isAsync ? Promise.resolve().then(() => handle(self, [], batch)) : handle(self, [], batch),
                }))
            return { id: `stage ${index + 1}`, name: `stage ${index + 1}`, start }
          })
          await system.start(supervisor({ strategy: 'restForOne', maxRestarts: 100, children }))
          opened.demand('forward')
          await system.idle()
          const all = lives.flat()
          expect(new Set(all).size).toBe(all.length)
          expect(all).toEqual(all.toSorted((one, other) => one - other))
          expect(all.length).toBeGreaterThanOrEqual(events - mayBeLost)
          expect(next).toBe(events)
          expect(system.inspect().stages).toHaveLength(links.length + 1)
          await system.stop()
        },
      ),
      { numRuns: 200 },
    )
    expect(rejections).toEqual([])
  })
})

describe('systems that are disposed of in the middle', () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 300 }) }),
    fc.record({
      type: fc.constantFrom('killSource' as const, 'failLookUp' as const, 'read' as const),
      ms: fc.constant(0),
    }),
  )

  it('leave no timer, no stage and no unhandled rejection behind', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const host = testHost()
        let isFailing = false
        {
          const system = new System({ host })
          let next = 0
          const limited = rateLimitedProducer<number>({
            limit: 5,
            intervalMs: 100,
            produce: (demand) => Array.from({ length: demand }, () => next++),
          })
          const polled = pollingProducer<number>({
            intervalMs: 70,
            poll: async (demand) => Array.from({ length: Math.min(2, demand) }, () => next++),
          })
          const both = fanIn<number>({ subscribeTo: [{ to: 'limited' }, { to: 'polled' }] })
          const looked = enricher<number, number, number, number>({
            subscribeTo: [{ to: 'both', maxDemand: 8 }],
            keyOf: (event) => event % 3,
            lookUp: async (keys) => {
              if (isFailing) throw new Error('the look-up fails')
              return new Map(keys.map((key) => [key, key]))
            },
            merge: (event) => event,
          })
          const sink = consumer<number>(() => ({ subscribeTo: [{ to: 'looked' }], handleEvents: async () => {} }))
          await system.start(
            supervisor({
              strategy: 'restForOne',
              maxRestarts: 3,
              children: [
                { id: 'limited', start: limited, name: 'limited' },
                { id: 'polled', start: polled, name: 'polled' },
                { id: 'both', start: both, name: 'both' },
                { id: 'looked', start: looked, name: 'looked' },
                { id: 'sink', start: sink },
              ],
            }),
          )
          for (const { type, ms } of steps) {
            if (type === 'wait') await host.clock.advance(ms)
            if (type === 'killSource') system.whereis('polled')?.kill()
            if (type === 'failLookUp') isFailing = !isFailing
            if (type === 'read')
              toReadable(system, { to: 'looked', maxDemand: 3 })
                .on('error', () => {})
                .resume()
            if (type !== 'wait') await settled()
          }
          await system[Symbol.asyncDispose]()
          expect(system.inspect()).toEqual({ supervision: [], stages: [] })
        }
        await settled()
        expect(host.clock.timers).toBe(0)
      }),
      { numRuns: 100 },
    )
    expect(rejections).toEqual([])
  })
})
