/** Random pipelines with random delays: every event arrives exactly once, in order, and never more are in flight than allowed. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { nodeHost } from '../../src/host/host.ts'
import {
  consumer,
  demandDispatcher,
  producer,
  producerConsumer,
  System,
  type ConsumerDefinition,
  type DemandState,
  type Dispatcher,
  type ProducerConsumerDefinition,
  type ProducerDefinition,
  type Subscription,
} from '../../src/stage/index.ts'

/** How a callback answers: at once, after some microtasks, or in a later turn of the event loop. */
type Delay = 'none' | 'microtask' | 'turn'

interface Link {
  readonly maxDemand: number
  readonly minDemand: number
  readonly delays: readonly Delay[]
}

interface Sink extends Link {
  /** Cancels after so many events; never if undefined. */
  readonly leavesAfter: number | undefined
}

interface Pipeline {
  readonly events: number
  /** Events emitted beyond each demand. */
  readonly surplus: number
  readonly producerDelays: readonly Delay[]
  readonly middles: readonly Link[]
  readonly sinks: readonly Sink[]
}

const delays = fc.array(fc.constantFrom<Delay>('none', 'none', 'microtask', 'turn'), { minLength: 1, maxLength: 5 })
const link = fc
  .record({ maxDemand: fc.integer({ min: 1, max: 20 }), minShare: fc.nat(99), delays })
  .map(({ maxDemand, minShare, delays: own }) => ({
    maxDemand,
    minDemand: Math.floor((maxDemand * minShare) / 100),
    delays: own,
  }))
const sink = fc
  .tuple(link, fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }))
  .map(([own, leavesAfter]) => ({ ...own, leavesAfter }))
const pipeline: fc.Arbitrary<Pipeline> = fc
  .record({
    events: fc.integer({ min: 0, max: 300 }),
    surplus: fc.nat(7),
    producerDelays: delays,
    middles: fc.array(link, { maxLength: 3 }),
    leaving: fc.array(sink, { maxLength: 3 }),
    staying: link,
  })
  .map(({ leaving, staying, ...rest }) => ({ ...rest, sinks: [...leaving, { ...staying, leavesAfter: undefined }] }))

describe('pipelines', () => {
  it('deliver every event exactly once, in order per subscription, within maxDemand', async () => {
    await fc.assert(
      fc.asyncProperty(pipeline, async (description) => {
        const run = new Run(description)
        await run.toTheEnd()
        const all = run.received.flat().toSorted((one, other) => one - other)
        expect(all).toEqual(Array.from({ length: description.events }, (_, index) => index))
        for (const events of run.received) expect(events).toEqual(events.toSorted((one, other) => one - other))
        expect(run.tooManyInFlight).toEqual([])
      }),
      { numRuns: 300 },
    )
  })
})

class Run {
  readonly received: number[][] = []
  readonly tooManyInFlight: string[] = []
  readonly #description: Pipeline
  readonly #inFlight = new Map<Subscription, number>()

  constructor(description: Pipeline) {
    this.#description = description
  }

  async toTheEnd(): Promise<void> {
    const system = new System({ host: nodeHost({ logger: { log: () => {} } }) })
    const source = this.#producer()
    await system.start(source)
    let last: ProducerDefinition<number> | ProducerConsumerDefinition<number, number> = source
    for (const middle of this.#description.middles) {
      const next = this.#middle(last, middle)
      await system.start(next)
      last = next
    }
    for (const description of this.#description.sinks) await system.start(this.#sink(last, description))
    await system.idle()
    await system.stop()
  }

  #producer(): ProducerDefinition<number> {
    const { events, surplus, producerDelays } = this.#description
    return producer<number>(() => {
      let next = 0
      const delay = delaying(producerDelays)
      return {
        dispatcher: this.#watched(),
        handleDemand: (demand) => {
          const count = Math.min(demand + surplus, events - next)
          const batch = Array.from({ length: count }, () => next++)
          return delay(batch)
        },
      }
    })
  }

  #middle(
    to: ProducerDefinition<number> | ProducerConsumerDefinition<number, number>,
    own: Link,
  ): ProducerConsumerDefinition<number, number> {
    const delay = delaying(own.delays)
    return producerConsumer<number, number>(() => ({
      subscribeTo: [{ to, maxDemand: own.maxDemand, minDemand: own.minDemand }],
      dispatcher: this.#watched(),
      handleEvents: (events, from) => {
        this.#landed(from, events.length)
        return delay(events)
      },
    }))
  }

  #sink(
    to: ProducerDefinition<number> | ProducerConsumerDefinition<number, number>,
    own: Sink,
  ): ConsumerDefinition<number> {
    const delay = delaying(own.delays)
    const received: number[] = []
    this.received.push(received)
    return consumer<number>(() => ({
      subscribeTo: [{ to, maxDemand: own.maxDemand, minDemand: own.minDemand, cancel: 'temporary' }],
      handleEvents: (events, from) => {
        this.#landed(from, events.length)
        received.push(...events)
        if (own.leavesAfter !== undefined && received.length >= own.leavesAfter) from.cancel('enough')
        return delay(undefined)
      },
    }))
  }

  /** The usual dispatcher, with an eye on how many events each subscription has been sent and not handled. */
  #watched(): Dispatcher<number, DemandState> {
    const inner = demandDispatcher<number>()
    return {
      ...inner,
      dispatch: (state, events) => {
        const step = inner.dispatch(state, events)
        for (const { subscription, events: given } of step.deliveries) {
          const inFlight = (this.#inFlight.get(subscription) ?? 0) + given.length
          this.#inFlight.set(subscription, inFlight)
          const { maxDemand } = subscription.options
          if (inFlight > maxDemand) this.tooManyInFlight.push(`${inFlight} > ${maxDemand}`)
        }
        return step
      },
    }
  }

  #landed(subscription: Subscription, count: number): void {
    this.#inFlight.set(subscription, (this.#inFlight.get(subscription) ?? 0) - count)
  }
}

function delaying(pattern: readonly Delay[]): <Value>(value: Value) => Value | Promise<Value> {
  let calls = 0
  return (value) => {
    const delay = pattern[calls++ % pattern.length]
    if (delay === 'microtask') return Promise.resolve().then(() => value)
    if (delay === 'turn') return new Promise((resolve) => setImmediate(() => resolve(value)))
    return value
  }
}
