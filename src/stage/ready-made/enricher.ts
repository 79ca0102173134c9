/**
 * A stage that adds to events what somebody else knows about them, with one question for many events. A batch of events is one
 * question, so `maxDemand - minDemand` of the subscription is the most that is asked at a time. If the question fails the stage
 * ends with that error, and the events of the batch are lost; catch it in `lookUp` to let them go on as they are.
 */

import { notAFunction, refuse } from '../../process/mistakes.ts'
import { processOf } from '../../process/ref.ts'
import { badReturn } from '../bad-return.ts'
import type { AccepterOptions, EmitterOptions } from '../callbacks.ts'
import { producerConsumer, type ProducerConsumerDefinition } from '../definition.ts'
import { endWithSources } from './end-with-sources.ts'

/** Options of an {@link enricher}. */
export interface EnricherOptions<In, Key, Found, Out> extends AccepterOptions<In>, EmitterOptions<Out> {
  /** What is asked about an event. */
  keyOf(event: In): Key
  /**
   * Answers all questions of a batch: each key once, in the order of the events. What is not in the answer was not found.
   *
   * @param signal Aborted when the stage is gone.
   */
  lookUp(keys: readonly Key[], signal: AbortSignal): ReadonlyMap<Key, Found> | Promise<ReadonlyMap<Key, Found>>
  /** Makes one event of an event and what was found about it. */
  merge(event: In, found: Found | undefined): Out
}

/**
 * Enriches events, in their order, with one call of `lookUp` per batch. Ends with its last source.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function enricher<In, Key, Found, Out>(
  options: EnricherOptions<In, Key, Found, Out>,
): ProducerConsumerDefinition<In, Out> {
  const { keyOf, lookUp, merge, ...stage } = options
  refuse('enricher', [
    ...notAFunction('keyOf', keyOf),
    ...notAFunction('lookUp', lookUp),
    ...notAFunction('merge', merge),
  ])
  return producerConsumer<In, Out>((self) => ({
    ...stage,
    ...endWithSources(self, { subscribeTo: stage.subscribeTo }),
    handleEvents: async (events) => {
      const keys = events.map((event) => keyOf(event))
      const found = await lookUp([...new Set(keys)], self.signal)
      if (!(found instanceof Map))
        throw badReturn('lookUp', processOf(self.ref).title, found, 'a Map of what was found')
      // `keys` has one entry for each event.
      return events.map((event, index) => merge(event, found.get(keys[index] as Key)))
    },
  }))
}
