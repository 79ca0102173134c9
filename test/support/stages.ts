/** Stages that tests of stages need again and again. */

import {
  consumer,
  producer,
  System,
  type ConsumerDefinition,
  type ProducerDefinition,
  type Source,
  type SubscribeRequest,
} from '../../src/stage/index.ts'
import { testHost, type TestHost } from './test-host.ts'

/** A system whose time stands still. */
export function stillSystem(): { readonly system: System; readonly host: TestHost } {
  const host = testHost()
  return { system: new System({ host }), host }
}

/** Emits 0, 1, 2 … as far as asked, and ends with `normal` after `limit` events. */
export function counter(limit: number = Number.POSITIVE_INFINITY): ProducerDefinition<number> {
  return producer<number>((self) => {
    let next = 0
    return {
      handleDemand: (demand) => {
        const events = Array.from({ length: Math.min(demand, limit - next) }, () => next++)
        // Behind the events, should any of them find no taker.
        if (next >= limit) self.ref.asyncInfo('end')
        return events
      },
      handleInfo: () => self.stop(),
    }
  })
}

/** A producer that emits what it is cast, and ends when told so; it never answers demand. */
export const castSource: ProducerDefinition<number> = producer<number>(() => ({
  handleDemand: () => {},
  // Tests cast arrays of numbers to it.
  handleCast: (message) => message as readonly number[],
}))

/** A consumer that keeps every batch it is handed, and lives on when its producer is gone. */
export function collector<In>(
  to: Source<In> | string,
  batches: (readonly In[])[],
  options: Omit<SubscribeRequest<In>, 'to'> = {},
): ConsumerDefinition<In> {
  return consumer<In>(() => ({
    subscribeTo: [{ cancel: 'temporary', ...options, to }],
    handleEvents: (events) => {
      batches.push(events)
    },
  }))
}

/** A consumer that asks only when told: `start` it, then `ask`. */
export class Asker<In> {
  readonly received: In[] = []
  /** The same, message by message. */
  readonly messages: (readonly In[])[] = []
  readonly definition: ConsumerDefinition<In>
  #ask: ((count: number) => void) | undefined

  constructor(to: Source<In> | string, options: Omit<SubscribeRequest<In>, 'to'> = {}) {
    this.definition = consumer<In>(() => ({
      subscribeTo: [{ cancel: 'temporary', ...options, to }],
      handleSubscribe: (_role, _options, subscription) => {
        this.#ask = (count) => subscription.ask(count)
        return 'manual'
      },
      handleEvents: (events) => {
        this.messages.push(events)
        this.received.push(...events)
      },
    }))
  }

  ask(count: number): void {
    this.#ask?.(count)
  }
}
