/**
 * The accepting half of a stage: its subscriptions, and the batches their events are handled in. The stage is its only caller,
 * and calls nothing while a promise of an earlier call is open. If the stage dies, the events it was handed are lost.
 */

import { andThen, isPromise } from '../process/and-then.ts'
import { isClean, type ExitReason } from '../process/exit-reason.ts'
import type { Process } from '../process/process.ts'
import { badReturn } from './bad-return.ts'
import type { AnyCallbacks, CancelCause, SubscriptionMode } from './callbacks.ts'
import type { Replacement } from './protocol.ts'
import type { ConsumerSide, SubscriptionLink } from './subscription-link.ts'
import { planBatches, type Batch, type CancelMode } from './subscription.ts'

/** How events enter a stage. */
export class Inlet {
  readonly #process: Process
  readonly #callbacks: AnyCallbacks
  readonly #emitted: (callback: string, returned: unknown) => void
  readonly #subscriptions = new Set<SubscriptionLink>()
  #eventsIn = 0

  /** @param emitted Takes what a callback returned. */
  constructor(process: Process, callbacks: AnyCallbacks, emitted: (callback: string, returned: unknown) => void) {
    this.#process = process
    this.#callbacks = callbacks
    this.#emitted = emitted
  }

  get subscriptions(): ReadonlySet<SubscriptionLink> {
    return this.#subscriptions
  }

  /** How many events were handed to `handleEvents`. */
  get eventsIn(): number {
    return this.#eventsIn
  }

  /** Subscribes: watches the producer, tells it, asks the program for the mode, and then, in automatic mode, asks for events. */
  subscribe(subscription: SubscriptionLink, replaces?: Replacement): void | Promise<void> {
    const { producerProcess, options } = subscription
    subscription.unwatchProducer = producerProcess.watch((reason) => {
      this.#process.send({ type: 'producerDown', subscription, reason })
    })
    const isSameProducer = replaces?.subscription.producerProcess === producerProcess
    producerProcess.send({ type: 'subscribe', subscription, replaces: isSameProducer ? replaces : undefined })
    if (replaces !== undefined && !isSameProducer) replaces.subscription.cancel(replaces.reason)
    this.#subscriptions.add(subscription)
    subscription.state = 'active'
    const mode = this.#callbacks.handleSubscribe?.('producer', options, subscription) ?? 'automatic'
    return andThen(this.#process, mode, (answer) => this.#subscribed(subscription, answer ?? 'automatic'))
  }

  #subscribed(subscription: SubscriptionLink, mode: SubscriptionMode): void {
    if (mode !== 'automatic' && mode !== 'manual') {
      throw badReturn('handleSubscribe', this.#process.title, mode, "'automatic', 'manual', or nothing")
    }
    const due = mode === 'automatic' ? subscription.options.maxDemand : 0
    subscription.consumerSide = { mode, due }
    subscription.ask(due)
  }

  /** Handles one message of events: batch by batch, or whole on a manual subscription. */
  handleEvents(subscription: SubscriptionLink, events: readonly unknown[]): void | Promise<void> {
    const side = subscription.consumerSide
    if (side === undefined) return undefined
    // Nobody asks for more on a subscription that was lost while its events waited, so they need no batches to ask after.
    const isWhole = side.mode === 'manual' || subscription.state === 'ended'
    const batches = isWhole
      ? [{ size: events.length, ask: 0, excess: 0 }]
      : this.#plan(subscription, side, events.length)
    return this.#handleBatches(subscription, events, batches)
  }

  #plan(subscription: SubscriptionLink, side: ConsumerSide, count: number): readonly Batch[] {
    const { batches, due } = planBatches(side.due, count, subscription.options)
    side.due = due
    for (const { excess } of batches) {
      if (excess > 0) this.#process.log('error', 'excess_events', [excess])
    }
    return batches
  }

  #handleBatches(
    subscription: SubscriptionLink,
    events: readonly unknown[],
    batches: readonly Batch[],
    first = 0,
    start = 0,
  ): void | Promise<void> {
    let from = start
    for (let index = first; index < batches.length; index++) {
      const batch = batches[index]
      if (batch === undefined || this.#process.isEnding) return undefined
      const isAll = batch.size === events.length
      const handled = this.#handleBatch(subscription, isAll ? events : events.slice(from, from + batch.size), batch)
      from += batch.size
      if (handled === undefined) continue
      return index + 1 === batches.length
        ? handled
        : this.#handleRest(handled, subscription, events, batches, index + 1, from)
    }
    return undefined
  }

  /** On its own, so that what the promise has to remember is made only where batches are left: one is the common case. */
  #handleRest(
    handled: Promise<void>,
    ...rest: [
      subscription: SubscriptionLink,
      events: readonly unknown[],
      batches: readonly Batch[],
      first: number,
      from: number,
    ]
  ): void | Promise<void> {
    return andThen(this.#process, handled, () => this.#handleBatches(...rest))
  }

  #handleBatch(subscription: SubscriptionLink, events: readonly unknown[], batch: Batch): void | Promise<void> {
    this.#eventsIn += batch.size
    subscription.handled += batch.size
    const returned = this.#callHandleEvents(subscription, events)
    if (!isPromise(returned)) return this.#batchHandled(subscription, batch, returned)
    return andThen(this.#process, returned, (value) => this.#batchHandled(subscription, batch, value))
  }

  #callHandleEvents(subscription: SubscriptionLink, events: readonly unknown[]): unknown {
    // A stage that accepts events was checked to have handleEvents.
    return (this.#callbacks.handleEvents as NonNullable<AnyCallbacks['handleEvents']>)(events, subscription)
  }

  /** The ask goes out after its batch and before the next one, so that a slow batch holds its producer back. */
  #batchHandled(subscription: SubscriptionLink, batch: Batch, returned: unknown): void {
    this.#emitted('handleEvents', returned)
    if (batch.ask > 0 && !this.#process.isEnding) subscription.ask(batch.ask)
  }

  /** A subscription is over: forgets it, tells the program, and ends the stage if the cancel mode says so. */
  lost(subscription: SubscriptionLink, cause: CancelCause): void | Promise<void> {
    subscription.consumerSide = undefined
    this.#subscriptions.delete(subscription)
    const returned = this.#callbacks.handleCancel?.(cause, subscription)
    return andThen(this.#process, returned, (value) => {
      this.#emitted('handleCancel', value)
      if (!isFatalLoss(subscription.options.cancel, cause.reason)) return
      this.#process.log('info', 'stopping_on_cancel', [cause.reason])
      this.#process.requestStop(cause.reason)
    })
  }
}

/** Whether losing a subscription of that cancel mode ends its consumer. */
export function isFatalLoss(cancel: CancelMode, reason: ExitReason): boolean {
  // A dispatcher that refuses a second subscription of the same consumer leaves the first one alone.
  if (reason === 'already_subscribed') return false
  return cancel === 'permanent' || (cancel === 'transient' && !isClean(reason))
}
