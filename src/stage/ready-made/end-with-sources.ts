/**
 * How the ready-made stages end: with the last of their sources, when all they hold is taken.
 *
 *     last source ended cleanly ──▶ flush ──▶ an info behind all that is buffered ──▶ the info arrives: stop with `normal`
 */

import { isClean } from '../../process/exit-reason.ts'
import type { Emission, Self, StageCallbacks } from '../callbacks.ts'
import type { SubscribeRequest } from '../definition.ts'

/** What such a stage does besides ending. */
export interface SourcesOptions<In, Out> {
  readonly subscribeTo: readonly SubscribeRequest<In>[] | undefined
  /** Makes the last events. Default: none. */
  flush?(): Emission<Out>
  /** Infos that are not about the end. Default: they are dropped. */
  handleInfo?(message: unknown): Emission<Out>
}

type Ending<In, Out> = Required<Pick<StageCallbacks<Out>, 'handleSubscribe' | 'handleCancel' | 'handleInfo'>> & {
  readonly subscribeTo: readonly SubscribeRequest<In>[]
}

const END = Symbol('end')

/**
 * Callbacks for a stage that lives as long as its sources: it ends with `normal` when the last one ended cleanly and all events
 * are taken. Subscriptions are `transient` unless they say otherwise: an abnormal end of a source ends the stage, and a clean
 * one leaves the other sources alone. As everywhere, the end of a source is heard of after the events that came before it. While the last subscription to end was `temporary`, the stage lives on.
 */
export function endWithSources<In, Out>(self: Self<Out>, options: SourcesOptions<In, Out>): Ending<In, Out> {
  let sources = 0
  return {
    subscribeTo: (options.subscribeTo ?? []).map((request) => ({ cancel: 'transient', ...request })),
    handleSubscribe: (role) => {
      if (role === 'producer') sources++
      return 'automatic'
    },
    handleCancel: ({ reason }, subscription) => {
      if (subscription.consumer !== self.ref) return undefined
      sources--
      if (sources > 0 || subscription.options.cancel === 'temporary' || !isClean(reason)) return undefined
      self.ref.asyncInfo(END)
      return options.flush?.()
    },
    handleInfo: (message) => {
      if (message !== END) return options.handleInfo?.(message)
      self.stop()
      return undefined
    },
  }
}
