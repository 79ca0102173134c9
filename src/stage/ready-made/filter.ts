/** A stage that lets some events through. Only what it emits counts against demand, so it takes as many as it needs. */

import { notAFunction, refuse } from '../../process/mistakes.ts'
import type { AccepterOptions, EmitterOptions } from '../callbacks.ts'
import { producerConsumer, type ProducerConsumerDefinition } from '../definition.ts'
import { endWithSources } from './end-with-sources.ts'

/** Options of a {@link filter}. */
export interface FilterOptions<In> extends AccepterOptions<In>, EmitterOptions<In> {
  /** Whether an event goes on. */
  keep(event: In): boolean
}

/**
 * Lets through the events that `keep` says yes to, in their order. Ends with its last source.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function filter<In>(options: FilterOptions<In>): ProducerConsumerDefinition<In, In> {
  const { keep, ...stage } = options
  refuse('filter', notAFunction('keep', keep))
  return producerConsumer<In, In>((self) => ({
    ...stage,
    ...endWithSources(self, { subscribeTo: stage.subscribeTo }),
    handleEvents: (events) => events.filter((event) => keep(event)),
  }))
}
