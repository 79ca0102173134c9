/**
 * A stage that gathers events into batches by key.
 *
 *     no batch ── first event of a key ──▶ open, its timer runs ── full, or time is up, or the sources ended ──▶ emitted
 *
 * While nobody downstream wants a batch no event is taken from upstream, so what is held is bounded: less than `size` events for
 * each key that came within `withinMs`, and the batches that one message of events completed. If the stage dies, what it holds is
 * lost.
 */

import type { Timer } from '../../host/host.ts'
import { notAFunction, notAnInteger, refuse } from '../../process/mistakes.ts'
import type { AccepterOptions, EmitterOptions } from '../callbacks.ts'
import { producerConsumer, type ProducerConsumerDefinition } from '../definition.ts'
import { endWithSources } from './end-with-sources.ts'

/** Why a batch was emitted: it was full, its time was up, or the last source ended. */
export type BatchTrigger = 'size' | 'time' | 'end'

/** Events of one key, in the order they came. */
export interface EventBatch<In, Key = undefined> {
  readonly key: Key
  /** One event or more. */
  readonly events: readonly In[]
  readonly trigger: BatchTrigger
}

/** Options of a {@link batcher}. */
export interface BatcherOptions<In, Key> extends AccepterOptions<In>, EmitterOptions<EventBatch<In, Key>> {
  /** The most events of a batch; an integer >= 1. */
  readonly size: number
  /** How long the first event of a batch waits for others, in milliseconds; an integer >= 1. */
  readonly withinMs: number
  /** Events of different keys are never in one batch. Keys are told apart as those of a `Map`. Default: all are of one key. */
  keyOf?(event: In): Key
}

/**
 * Gathers events into batches of at most `size`, each at most `withinMs` old. When its last source ends cleanly, it emits what it
 * holds and ends.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function batcher<In, Key = undefined>(
  options: BatcherOptions<In, Key>,
): ProducerConsumerDefinition<In, EventBatch<In, Key>> {
  const { size, withinMs, keyOf, ...stage } = options
  refuse('batcher', [
    ...notAnInteger('size', size, 1),
    ...notAnInteger('withinMs', withinMs, 1),
    ...(keyOf === undefined ? [] : notAFunction('keyOf', keyOf)),
  ])
  // Without `keyOf` the type parameter is `undefined`.
  const keyed = keyOf ?? ((): Key => undefined as Key)
  return producerConsumer<In, EventBatch<In, Key>>((self) => {
    const open = new Map<Key, OpenBatch<In, Key>>()
    const close = (batch: OpenBatch<In, Key>, trigger: BatchTrigger): EventBatch<In, Key> => {
      batch.timer.cancel()
      open.delete(batch.key)
      return { key: batch.key, events: batch.events, trigger }
    }
    const opened = (key: Key): OpenBatch<In, Key> => {
      const batch: OpenBatch<In, Key> = { key, events: [], timer: self.infoAfter(withinMs, () => batch) }
      open.set(key, batch)
      return batch
    }
    return {
      ...stage,
      ...endWithSources(self, {
        subscribeTo: stage.subscribeTo,
        flush: () => [...open.values()].map((batch) => close(batch, 'end')),
        handleInfo: (message) => {
          // The timers' messages answer the batch they are about; one that was full meanwhile is not open any more.
          const batch = typeof message === 'function' ? (message() as OpenBatch<In, Key>) : undefined
          return batch !== undefined && open.get(batch.key) === batch ? [close(batch, 'time')] : []
        },
      }),
      handleEvents: (events) => {
        const full: EventBatch<In, Key>[] = []
        for (const event of events) {
          const key = keyed(event)
          const batch = open.get(key) ?? opened(key)
          batch.events.push(event)
          if (batch.events.length >= size) full.push(close(batch, 'size'))
        }
        return full
      },
    }
  })
}

interface OpenBatch<In, Key> {
  readonly key: Key
  readonly events: In[]
  readonly timer: Timer
}
