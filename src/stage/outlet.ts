/**
 * The emitting half of a stage: dispatcher, buffer and demand mode. The stage is its only caller, and calls no two functions at once.
 *
 *     ask ──▶ dispatcher ──▶ buffered events as far as the capacity goes ──▶ the rest is demand, for the stage to pass on
 *     emit ─▶ dispatcher ──▶ deliveries are sent
 *                      └───▶ leftovers are buffered
 *
 * Between two calls, in `forward` mode: capacity > 0 only if the buffer is empty, so nothing overtakes a buffered event; and
 * `requested` + buffered >= capacity, so no demand is passed on twice. What a consumer that left had asked for stays in
 * `requested`, and is thereby credited to the next one. If the stage dies, all of this is lost.
 */

import { assert } from '../host/errors.ts'
import { isPromise } from '../process/and-then.ts'
import type { ExitReason } from '../process/exit-reason.ts'
import { Mailbox } from '../process/mailbox.ts'
import type { Process } from '../process/process.ts'
import { badReturn } from './bad-return.ts'
import { EventBuffer } from './buffer.ts'
import type { AnyCallbacks } from './callbacks.ts'
import { demandDispatcher } from './dispatchers/demand.ts'
import type { Delivery, DemandStep, Dispatcher, DispatcherLog } from './dispatchers/dispatcher.ts'
import type { DemandMode } from './stage-ref.ts'
import type { SubscriptionLink } from './subscription-link.ts'

/** What is held back in `accumulate` mode, in order of arrival. */
export type Held =
  | { readonly type: 'demand'; readonly demand: number }
  | { readonly type: 'events'; readonly events: readonly unknown[] }

/** How events leave a stage. */
export class Outlet {
  readonly #process: Process
  readonly #callbacks: AnyCallbacks
  readonly #dispatcher: Dispatcher<unknown>
  readonly #buffer: EventBuffer<unknown>
  #dispatcherState: unknown
  #mode: DemandMode
  readonly #held: Mailbox<Held> = new Mailbox()
  /** Demand passed on, and not yet answered by events. */
  #requested = 0
  #eventsOut = 0
  #discarded = 0

  constructor(process: Process, callbacks: AnyCallbacks, defaultBufferSize: number) {
    this.#process = process
    this.#callbacks = callbacks
    this.#dispatcher = callbacks.dispatcher ?? demandDispatcher()
    this.#dispatcherState = this.#dispatcher.init()
    this.#buffer = new EventBuffer(callbacks.bufferSize ?? defaultBufferSize, callbacks.bufferKeep ?? 'last')
    this.#mode = callbacks.demand ?? 'forward'
  }

  get mode(): DemandMode {
    return this.#mode
  }

  /** How many events wait in the buffer. */
  get buffered(): number {
    return this.#buffer.length
  }

  /** How many events are held back by the mode. */
  get heldEvents(): number {
    let events = 0
    for (const held of this.#held) if (held.type === 'events') events += held.events.length
    return events
  }

  /** How many events were sent to consumers. */
  get eventsOut(): number {
    return this.#eventsOut
  }

  /** How many events did not fit the buffer. */
  get discarded(): number {
    return this.#discarded
  }

  /** How many events would go out at once. */
  get capacity(): number {
    return this.#dispatcher.capacity(this.#dispatcherState)
  }

  /** A new consumer; answers why the dispatcher refuses it. */
  add(subscription: SubscriptionLink): ExitReason | undefined {
    const step = this.#dispatcher.subscribe(this.#dispatcherState, subscription)
    if ('refused' in step) {
      this.#log(step.log)
      return step.refused
    }
    this.#dispatcherState = step.state
    return undefined
  }

  /** A consumer is gone. */
  remove(subscription: SubscriptionLink): void {
    this.#apply(this.#dispatcher.cancel(this.#dispatcherState, subscription))
  }

  /** A consumer asks; answers the demand to pass on. */
  ask(subscription: SubscriptionLink, count: number): number {
    this.#apply(this.#dispatcher.ask(this.#dispatcherState, subscription, count))
    return this.settle()
  }

  /** Hands out buffered events as far as they are wanted; answers the demand to pass on. */
  settle(): number {
    let capacity = this.capacity
    // Counted by events, not by what the dispatcher made of them: one that it discarded has answered demand all the same.
    let unanswered = capacity
    if (this.#mode === 'forward') {
      while (capacity > 0 && this.#buffer.length > 0) {
        const { events, released } = this.#buffer.take(capacity)
        const leftovers = this.#dispatch(events)
        assert(leftovers.length === 0, 'a dispatcher takes as many events as its capacity says')
        this.#release(released)
        unanswered -= events.length
        capacity = Math.min(unanswered, this.capacity)
      }
    }
    const demand = Math.max(0, capacity - this.#buffer.length - this.#requested)
    this.#requested += demand
    return demand
  }

  /** Sends events to whoever wants them and buffers the others. */
  emit(events: readonly unknown[]): void {
    if (this.#mode === 'accumulate') {
      this.#held.push({ type: 'events', events })
      return
    }
    this.#requested = Math.max(0, this.#requested - events.length)
    const leftovers = this.#dispatch(events)
    if (leftovers.length === 0) return
    const { discarded, released } = this.#buffer.store(leftovers)
    this.#discarded += discarded
    if (discarded > 0 && this.#isToldOf(discarded)) this.#process.log('warn', 'events_discarded', [discarded])
    this.#release(released)
  }

  /** Tells the program of lost events; answers whether the log is told, too. */
  #isToldOf(discarded: number): boolean {
    const answer: unknown = this.#callbacks.handleDiscarded?.(discarded)
    if (!isPromise(answer)) return answer !== false
    answer.catch(() => {}) // it is told below already that nobody waits for this promise
    throw badReturn('handleDiscarded', this.#process.title, answer, 'false, or anything else at once')
  }

  /** Puts an info behind the buffered events. */
  info(message: unknown): void {
    if (!this.#buffer.holdInfo(message)) this.#process.send({ type: 'info', message })
  }

  /** Keeps demand back until the mode is `forward`. */
  hold(demand: number): void {
    this.#held.push({ type: 'demand', demand })
  }

  /** Sets the mode. After a change to `forward` the stage has to replay what was held. */
  setMode(mode: DemandMode): void {
    this.#mode = mode
  }

  /** The next thing that was held. */
  nextHeld(): Held | undefined {
    return this.#held.shift()
  }

  #dispatch(events: readonly unknown[]): readonly unknown[] {
    const { state, deliveries, leftovers } = this.#dispatcher.dispatch(this.#dispatcherState, events)
    this.#dispatcherState = state
    this.#send(deliveries)
    return leftovers
  }

  #apply(step: DemandStep<unknown, unknown>): void {
    this.#dispatcherState = step.state
    if (step.deliveries !== undefined) this.#send(step.deliveries)
    if (step.log !== undefined) this.#log(step.log)
  }

  #log(line: DispatcherLog | undefined): void {
    if (line !== undefined) this.#process.log(line.level, line.code, line.args, line.message)
  }

  #send(deliveries: readonly Delivery<unknown>[]): void {
    for (const { subscription, events, withheld, refused } of deliveries) {
      // A dispatcher knows only subscriptions it was given by `add`, and those are links.
      const link = subscription as SubscriptionLink
      if (refused !== undefined) {
        this.#process.log('error', 'subscription_refused', [refused])
        this.#process.send({ type: 'cancel', subscription: link, reason: refused })
        continue
      }
      if (withheld !== undefined && withheld > 0) {
        this.#process.send({ type: 'ask', subscription: link, count: withheld })
        if (events.length === 0) continue
      }
      this.#eventsOut += events.length
      link.sent += events.length
      link.consumerProcess.send({ type: 'events', subscription: link, events })
    }
  }

  /** Infos go through the mailbox: a stage handles one thing at a time. */
  #release(messages: readonly unknown[]): void {
    for (const message of messages) this.#process.send({ type: 'info', message })
  }
}
