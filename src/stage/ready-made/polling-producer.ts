/**
 * A producer that asks a source whether there is anything.
 *
 *     idle ── demand ──▶ polling ── fewer events than wanted ──▶ waiting ── timer or info ──▶ polling
 *       ▲                   └────── all that was wanted ──────▶ idle
 *
 * What is wanted is remembered, so there is one timer however many consumers ask, and never more events than demand. If the
 * stage dies, what it remembered dies with it: its consumers ask anew when they subscribe to its successor.
 */

import type { Timer } from '../../host/host.ts'
import { notAFunction, notAnInteger, refuse } from '../../process/mistakes.ts'
import { processOf } from '../../process/ref.ts'
import { badReturn } from '../bad-return.ts'
import type { EmitterOptions } from '../callbacks.ts'
import { producer, type ProducerDefinition } from '../definition.ts'

/** Options of a {@link pollingProducer}. */
export interface PollingProducerOptions<Out> extends EmitterOptions<Out> {
  /** How long to wait after a poll that found fewer events than were wanted, in milliseconds; an integer >= 1. */
  readonly intervalMs: number
  /**
   * Looks for events: at most `demand` of them are wanted. It is never called twice at a time. One that throws ends the stage.
   *
   * @param signal Aborted when the stage is gone.
   */
  poll(demand: number, signal: AbortSignal): readonly Out[] | Promise<readonly Out[]>
}

/**
 * A producer that polls a source: at once when events are wanted, and every `intervalMs` while the source has fewer. Sends it
 * any info (`ref.info('look')`) to make it look without waiting for the timer, such as when a database notifies.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function pollingProducer<Out>(options: PollingProducerOptions<Out>): ProducerDefinition<Out> {
  const { intervalMs, poll, ...emitter } = options
  refuse('pollingProducer', [...notAnInteger('intervalMs', intervalMs, 1), ...notAFunction('poll', poll)])
  return producer<Out>((self) => {
    let wanted = 0
    let timer: Timer | undefined
    const look = async (): Promise<readonly Out[]> => {
      timer?.cancel()
      timer = undefined
      const events = await poll(wanted, self.signal)
      if (!Array.isArray(events)) throw badReturn('poll', processOf(self.ref).title, events, 'an array of events')
      wanted = Math.max(0, wanted - events.length)
      if (wanted > 0) timer = self.infoAfter(intervalMs, 'look')
      return events
    }
    return {
      ...emitter,
      handleDemand: (demand) => {
        wanted += demand
        return timer === undefined ? look() : []
      },
      handleInfo: () => (wanted > 0 ? look() : []),
    }
  })
}
