/**
 * A stage that makes one stream of several. Each source has its own demand, so a slow one never holds up the others; events of
 * one source keep their order, and those of different sources are mixed as they come.
 */

import type { AccepterOptions, EmitterOptions } from '../callbacks.ts'
import { producerConsumer, type ProducerConsumerDefinition } from '../definition.ts'
import { endWithSources } from './end-with-sources.ts'

/** Options of {@link fanIn}. */
export interface FanInOptions<In> extends AccepterOptions<In>, EmitterOptions<In> {}

/** Emits what its sources emit. Ends with the last of them; an abnormal end of any ends it, too. */
export function fanIn<In>(options: FanInOptions<In>): ProducerConsumerDefinition<In, In> {
  return producerConsumer<In, In>((self) => ({
    ...options,
    ...endWithSources(self, { subscribeTo: options.subscribeTo }),
    handleEvents: (events) => events,
  }))
}
