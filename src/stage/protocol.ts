/**
 * Every message between stages, and what each side owes the other.
 *
 *     consumer                                   producer
 *        │ ── subscribe ─────────────────────────▶ │   once, before anything else about this subscription
 *        │ ── ask(count) ────────────────────────▶ │   any number of times
 *        │ ◀───────────────────────── events(list) │   as far as asked; more only if the dispatcher says so
 *        │ ── cancel(reason) ────────────────────▶ │
 *        │ ◀───────────────────── cancelled(reason)│   the last word: nothing follows for this subscription
 *
 * Either side watches the other while the subscription lasts; a death notice (`producerDown`, `consumerDown`) stands for the
 * last word. Messages between two stages arrive in the order they were sent; there is no order between different senders.
 * A subscription's handle is its address: who has it can speak about it, and nobody can guess it.
 */

import type { PendingCall } from '../process/call.ts'
import type { ExitReason } from '../process/exit-reason.ts'
import type { ProcessMessage } from '../process/process.ts'
import type { DemandMode } from './stage-ref.ts'
import type { SubscriptionLink } from './subscription-link.ts'

/** One subscription that takes the place of another. */
export interface Replacement {
  readonly subscription: SubscriptionLink
  readonly reason: ExitReason
}

/** What a producer gets from its consumers. */
export type ToProducer =
  /**
   * The consumer MUST watch the producer before it sends this. The producer MUST watch the consumer, MUST first end `replaces`
   * completely, and MAY refuse by `cancelled`.
   */
  | { readonly type: 'subscribe'; readonly subscription: SubscriptionLink; readonly replaces: Replacement | undefined }
  /** The producer MUST count it, and MUST answer `cancelled` (`unknown_subscription`) when it does not know the subscription. */
  | { readonly type: 'ask'; readonly subscription: SubscriptionLink; readonly count: number }
  /** The producer MUST answer `cancelled` with the same reason; MUST ignore it for a subscription it does not know. */
  | { readonly type: 'cancel'; readonly subscription: SubscriptionLink; readonly reason: ExitReason }
  /** The consumer is gone. The producer MUST void its demand and MUST NOT send to it. */
  | { readonly type: 'consumerDown'; readonly subscription: SubscriptionLink; readonly reason: ExitReason }

/** What a consumer gets from its producers. */
export type ToConsumer =
  /**
   * The consumer MUST accept it until the last word on the subscription, even after it cancelled; afterwards it MUST drop the
   * events and answer `cancel` (`unknown_subscription`). It MUST NOT change the list.
   */
  | { readonly type: 'events'; readonly subscription: SubscriptionLink; readonly events: readonly unknown[] }
  /** The producer's last word: an answer to `cancel`, a refusal, or its own wish. The consumer MUST forget the subscription. */
  | { readonly type: 'cancelled'; readonly subscription: SubscriptionLink; readonly reason: ExitReason }
  /** The producer is gone; the same as `cancelled`. */
  | { readonly type: 'producerDown'; readonly subscription: SubscriptionLink; readonly reason: ExitReason }

/** What a stage gets from the system, its refs and itself. */
export type ToStage =
  /** Subscribe to the subscription's producer; answered when `subscribe` was sent, not when the producer took it. */
  | {
      readonly type: 'subscribeTo'
      readonly subscription: SubscriptionLink
      readonly replaces: Replacement | undefined
      readonly from: PendingCall | undefined
    }
  /** Cancel a subscription; sent behind its `subscribeTo` by somebody who does not want it any more. */
  | { readonly type: 'giveUp'; readonly subscription: SubscriptionLink; readonly reason: ExitReason }
  /** Events emitted outside a callback. */
  | { readonly type: 'emit'; readonly events: readonly unknown[] }
  /** An info that takes its place behind the buffered events; answered as soon as it has it. */
  | { readonly type: 'bufferedInfo'; readonly message: unknown; readonly from: PendingCall | undefined }
  | { readonly type: 'countBuffered'; readonly from: PendingCall }
  | { readonly type: 'getDemand'; readonly from: PendingCall }
  | { readonly type: 'setDemand'; readonly mode: DemandMode }

/** Every message a stage handles. */
export type StageMessage = ToProducer | ToConsumer | ToStage | ProcessMessage
