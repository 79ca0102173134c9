/** Demand is conserved: what living consumers asked for is passed on once, is never forgotten, and is met as soon as it can be. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { consumer, producer, System, type ConsumerRef, type Subscription } from '../../src/stage/index.ts'
import { testHost } from '../support/test-host.ts'

const SINKS = 3

const command = fc.oneof(
  fc.record({ type: fc.constant('ask' as const), who: fc.nat(SINKS - 1), count: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ type: fc.constant('emit' as const), who: fc.constant(0), count: fc.integer({ min: 1, max: 30 }) }),
  fc.record({
    type: fc.constantFrom('cancel' as const, 'kill' as const),
    who: fc.nat(SINKS - 1),
    count: fc.constant(0),
  }),
)

/** A consumer that asks when told, and what is known of it. */
interface Sink {
  ref: ConsumerRef<number>
  subscription: Subscription | undefined
  demand: number
  received: number
}

describe('demand', () => {
  it('is met from the buffer first, then by what is emitted, and dies with its consumer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 60 }), async (commands) => {
        const system = new System({ host: testHost() })
        let passedOn = 0
        let asked = 0
        let emitted = 0
        /** Demand passed on and not yet answered by an emission. */
        let requested = 0
        const source = producer<number>(() => ({
          handleDemand: (demand) => {
            passedOn += demand
            requested += demand
          },
          handleCast: (count) => Array.from({ length: count as number }, () => emitted++),
        }))
        const sourceRef = await system.start(source)
        const sinks: Sink[] = []
        const join = async (index: number): Promise<void> => {
          const sink: Partial<Sink> & { demand: number; received: number } = { demand: 0, received: 0 }
          const definition = consumer<number>(() => ({
            subscribeTo: [{ to: source, cancel: 'temporary' }],
            handleSubscribe: (_role, _options, subscription) => {
              sink.subscription = subscription
              return 'manual'
            },
            handleEvents: (events) => {
              sink.received += events.length
              sink.demand -= events.length
            },
          }))
          sink.ref = await system.start(definition)
          // `ref` was set just now; the rest from the beginning.
          sinks[index] = sink as Sink
        }
        for (let index = 0; index < SINKS; index++) await join(index)

        let delivered = 0
        for (const { type, who, count } of commands) {
          const sink = sinks[who] as Sink
          if (type === 'ask') {
            asked += count
            sink.demand += count
            sink.subscription?.ask(count)
          } else if (type === 'emit') {
            requested = Math.max(0, requested - count)
            sourceRef.cast(count)
          } else {
            if (type === 'kill') sink.ref.kill()
            else sink.subscription?.cancel('enough')
            await system.idle()
            delivered += sink.received
            if (type === 'cancel') await sink.ref.stop()
            await join(who)
          }
          await system.idle()
          const demand = sinks.reduce((sum, each) => sum + each.demand, 0)
          const received = delivered + sinks.reduce((sum, each) => sum + each.received, 0)
          const buffered = await sourceRef.estimateBufferedCount()
          expect(sinks.every((each) => each.demand >= 0)).toBe(true)
          expect(received + buffered).toBe(emitted)
          expect(Math.min(demand, buffered)).toBe(0)
          expect(requested).toBeGreaterThanOrEqual(demand)
          expect(passedOn).toBeLessThanOrEqual(asked)
        }
        await system.stop()
      }),
      { numRuns: 200 },
    )
  })
})
