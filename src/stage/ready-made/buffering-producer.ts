/**
 * A producer of what the program pushes: a queue with room for so many events, between code that has events when it has them and
 * consumers that take them when they can.
 *
 *     push ──▶ [ room for `capacity` events ] ──▶ consumers, as far as they asked
 *
 * A push is answered when the last of its events has found room, so whoever awaits its pushes is held back by the consumers. If
 * the stage dies, what is in the queue is lost and open pushes reject.
 */

import type { Caller } from '../../process/call.ts'
import { notAnInteger, refuse, shown, unknownOptions } from '../../process/mistakes.ts'
import { Mailbox } from '../../process/mailbox.ts'
import type { EmitterOptions } from '../callbacks.ts'
import { producer, type ProducerDefinition } from '../definition.ts'
import { add, emptyQueue, take as takeEvents } from '../event-queue.ts'
import type { ProducerRef } from '../stage-ref.ts'

/** Options of a {@link bufferingProducer}. */
export interface BufferingProducerOptions<Out> extends Pick<EmitterOptions<Out>, 'dispatcher'> {
  /** How many events find room; an integer >= 0. With 0 a push waits until its events are taken. Default: 1000. */
  readonly capacity?: number | undefined
}

/** Options of {@link push}. */
export interface PushOptions {
  /** Ends the waiting; the events stay in the queue. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A producer of the events that {@link push} gives it, in that order. {@link finish} ends it once all are taken.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function bufferingProducer<Out>(options: BufferingProducerOptions<Out> = {}): ProducerDefinition<Out> {
  const { capacity = 1000, dispatcher } = options
  refuse('bufferingProducer', [
    ...unknownOptions('a bufferingProducer', options, ['capacity', 'dispatcher']),
    ...notAnInteger('capacity', capacity, 0),
  ])
  return producer<Out>((self) => {
    let queue = emptyQueue<Out>()
    let wanted = 0
    let taken = 0
    let pushed = 0
    let isClosing = false
    /** Who waits, each until no more than `capacity` events up to its last one are left; oldest first. */
    const waiting = new Mailbox<{ readonly from: Caller; readonly last: number }>()
    const take = (): readonly Out[] => {
      const next = takeEvents(queue, wanted)
      const { events } = next
      queue = next.queue
      wanted -= events.length
      taken += events.length
      while (waiting.first !== undefined && waiting.first.last <= taken + capacity) {
        waiting.shift()?.from.reply(undefined)
      }
      // Behind all that is buffered: a consumer may have left after it asked.
      if (isClosing && queue.length === 0) self.ref.asyncInfo('finish')
      return events
    }
    return {
      dispatcher,
      handleDemand: (demand) => {
        wanted += demand
        return take()
      },
      handleCall: (message, from) => {
        // Only `push` calls a buffering producer, and it passes the producer's own type of events.
        const events = message as readonly Out[]
        // A copy: the caller may fill the same array again as soon as its events have found room.
        queue = add(queue, [...events])
        pushed += events.length
        waiting.push({ from, last: pushed })
        return { events: take() }
      },
      handleCast: () => {
        isClosing = true
        return take()
      },
      handleInfo: () => self.stop(),
    }
  })
}

/**
 * Gives events to a running {@link bufferingProducer}; resolves when all of them have found room.
 *
 * @throws ExitError, as a rejection, when the producer is gone; the reason of an aborted signal; `ERR_BAD_OPTIONS` when
 *   `events` is no array.
 */
export async function push<Out>(
  to: ProducerRef<Out>,
  events: readonly NoInfer<Out>[],
  options: PushOptions = {},
): Promise<void> {
  refuse('push', Array.isArray(events) ? [] : [`events must be an array, not ${shown(events)}`])
  await to.call(events, { timeoutMs: Number.POSITIVE_INFINITY, signal: options.signal })
}

/** Ends a running {@link bufferingProducer} with `normal` when all that was pushed is taken; resolves when it is gone. */
export function finish<Out>(producerRef: ProducerRef<Out>): Promise<void> {
  return new Promise((resolve) => {
    producerRef.monitor(() => resolve())
    producerRef.cast('finish')
  })
}
