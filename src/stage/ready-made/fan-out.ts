/**
 * A stage that gives each event to all of its consumers. They go at the pace of the slowest: what a consumer has not asked for
 * holds the others back, and the source too.
 */

import type { AccepterOptions, EmitterOptions } from '../callbacks.ts'
import { producerConsumer, type ProducerConsumerDefinition } from '../definition.ts'
import { broadcastDispatcher } from '../dispatchers/broadcast.ts'
import { endWithSources } from './end-with-sources.ts'

/** Options of {@link fanOut}. */
export interface FanOutOptions<In>
  extends AccepterOptions<In>, Pick<EmitterOptions<In>, 'bufferSize' | 'bufferKeep' | 'handleDiscarded'> {}

/**
 * Emits each event of its sources to every consumer, or to those whose subscription option `selector` is true for it. A consumer
 * subscribes once. Ends with its last source.
 */
export function fanOut<In>(options: FanOutOptions<In>): ProducerConsumerDefinition<In, In> {
  return producerConsumer<In, In>((self) => ({
    ...options,
    dispatcher: broadcastDispatcher<In>(),
    ...endWithSources(self, { subscribeTo: options.subscribeTo }),
    handleEvents: (events) => events,
  }))
}
