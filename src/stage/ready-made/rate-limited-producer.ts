/**
 * A producer that makes at most so many events per interval.
 *
 * Each interval begins with the first event made in it and allows `limit` events; when it is over, the allowance is whole again:
 * unused allowance is not saved up. Demand beyond the allowance is remembered. There is one timer, and none while nobody asks.
 */

import { notAFunction, notAnInteger, refuse } from '../../process/mistakes.ts'
import { processOf } from '../../process/ref.ts'
import { badReturn } from '../bad-return.ts'
import type { EmitterOptions } from '../callbacks.ts'
import { producer, type ProducerDefinition } from '../definition.ts'

/** Options of a {@link rateLimitedProducer}. */
export interface RateLimitedProducerOptions<Out> extends EmitterOptions<Out> {
  /** The most events in one interval; an integer >= 1. */
  readonly limit: number
  /** The length of an interval in milliseconds; an integer >= 1. */
  readonly intervalMs: number
  /**
   * Makes `demand` events, which is never more than the interval has left. Fewer means that there are no more for now: the rest
   * is asked for again in the next interval.
   */
  produce(demand: number): readonly Out[] | Promise<readonly Out[]>
}

/**
 * A producer that makes at most `limit` events in each `intervalMs`, however much is asked of it.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function rateLimitedProducer<Out>(options: RateLimitedProducerOptions<Out>): ProducerDefinition<Out> {
  const { limit, intervalMs, produce, ...emitter } = options
  refuse('rateLimitedProducer', [
    ...notAnInteger('limit', limit, 1),
    ...notAnInteger('intervalMs', intervalMs, 1),
    ...notAFunction('produce', produce),
  ])
  return producer<Out>((self) => {
    let wanted = 0
    let allowed = limit
    let isWaiting = false
    const make = async (): Promise<readonly Out[]> => {
      const count = Math.min(wanted, allowed)
      if (count === 0) return []
      if (!isWaiting) self.infoAfter(intervalMs, 'nextInterval')
      isWaiting = true
      const events = await produce(count)
      if (!Array.isArray(events)) throw badReturn('produce', processOf(self.ref).title, events, 'an array of events')
      wanted -= Math.min(count, events.length)
      // What came short is not tried again before the next interval.
      allowed = events.length < count ? 0 : allowed - count
      return events
    }
    return {
      ...emitter,
      handleDemand: (demand) => {
        wanted += demand
        return make()
      },
      handleInfo: () => {
        isWaiting = false
        allowed = limit
        return make()
      },
    }
  })
}
