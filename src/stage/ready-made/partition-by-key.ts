/**
 * A stage that spreads events over consumers so that all events of one key go to one consumer, in their order. Keys that fall on
 * a slow consumer gather in its queue, while the others go on.
 */

import { fnv1a } from '../../host/fnv1a.ts'
import { notAFunction, notAnInteger, refuse } from '../../process/mistakes.ts'
import type { AccepterOptions, EmitterOptions } from '../callbacks.ts'
import { producerConsumer, type ProducerConsumerDefinition } from '../definition.ts'
import { partitionDispatcher } from '../dispatchers/partition.ts'
import { endWithSources } from './end-with-sources.ts'

/** Options of {@link partitionByKey}. */
export interface PartitionByKeyOptions<In>
  extends AccepterOptions<In>, Pick<EmitterOptions<In>, 'bufferSize' | 'bufferKeep' | 'handleDiscarded'> {
  /** How many consumers share the events; an integer >= 1. Each subscribes with a `partition` of its own, from 0. */
  readonly partitions: number
  /** Events of one key are handled in order. */
  keyOf(event: In): string | number
}

/**
 * Emits each event to the consumer of its key's partition. When a consumer is restarted, its partition's events wait for it. Ends
 * with its last source.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function partitionByKey<In>(options: PartitionByKeyOptions<In>): ProducerConsumerDefinition<In, In> {
  const { partitions, keyOf, ...stage } = options
  refuse('partitionByKey', [...notAnInteger('partitions', partitions, 1), ...notAFunction('keyOf', keyOf)])
  return producerConsumer<In, In>((self) => ({
    ...stage,
    dispatcher: partitionDispatcher<In>({ partitions, hash: (event) => fnv1a(String(keyOf(event))) % partitions }),
    ...endWithSources(self, { subscribeTo: stage.subscribeTo }),
    handleEvents: (events) => events,
  }))
}
