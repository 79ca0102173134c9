/**
 * The contract of a dispatcher: who gets which event. A dispatcher is a set of pure functions from state to state. It sends
 * nothing and calls nobody; the stage sends the deliveries it answers, in their order. So a dispatcher can be tested with plain
 * values, and one can be wrapped to see, or change, which event goes where.
 *
 * The stage never hands events to `dispatch` past its buffer, never calls for a subscription that it did not announce or that
 * it cancelled, and treats an exception as a crash of the stage.
 */

import type { LogLevel } from '../../host/host.ts'
import type { ExitReason } from '../../process/exit-reason.ts'
import type { Subscription } from '../subscription-link.ts'

/** Events for one consumer, sent as one message. */
export interface Delivery<Event> {
  readonly subscription: Subscription
  /** Never changed by anybody; may be the very array the stage emitted. */
  readonly events: readonly Event[]
  /**
   * How many events of this consumer's share the dispatcher kept from it. The stage asks the dispatcher for as many again on the
   * consumer's behalf, as a message to itself. With no events left, nothing is sent. Default: 0.
   */
  readonly withheld?: number
  /** Why the stage is to cancel this consumer's subscription; with it, nothing is sent. Default: it goes on. */
  readonly refused?: ExitReason
}

/** What a change of demand leads to. */
export interface DemandStep<Event, State> {
  readonly state: State
  /** Events that the dispatcher had kept back itself. */
  readonly deliveries?: readonly Delivery<Event>[]
  /** Something the operator should know. */
  readonly log?: DispatcherLog
}

/** A line for the stage's log. */
export interface DispatcherLog {
  readonly level: LogLevel
  readonly code: string
  readonly args: readonly unknown[]
  /** The same in a sentence, where code and arguments are not enough. */
  readonly message?: string
}

/** What became of emitted events. */
export interface DispatchStep<Event, State> {
  readonly state: State
  readonly deliveries: readonly Delivery<Event>[]
  /** The events that nobody takes now, in order: the end of what was emitted. They go to the stage's buffer. */
  readonly leftovers: readonly Event[]
}

/** The answer to a new subscription: the state that knows it, or why it is cancelled at once, with a line for the log. */
export type SubscribeStep<State> =
  | { readonly state: State }
  | { readonly refused: ExitReason; readonly log?: DispatcherLog }

/**
 * Decides who gets which event.
 *
 * The stage works with {@link Dispatcher.capacity} alone: after every ask it hands out buffered events as far as the capacity
 * goes, and passes on as demand what then remains of it beyond what it passed on before and has not seen emitted. Demand of a
 * consumer that left is thereby credited to the next one.
 */
// Functions in method notation: a stage holds dispatchers of any state, and hands each one back only the state it made.
export interface Dispatcher<Event, State = unknown> {
  /** The state without subscriptions. Called once for each start of a stage. */
  init(): State
  /** A consumer subscribed. It has not asked yet. */
  subscribe(state: State, subscription: Subscription): SubscribeStep<State>
  /** A subscription ended; what it had asked for is void. */
  cancel(state: State, subscription: Subscription): DemandStep<Event, State>
  /** A consumer asked for `count` (1 or more) further events. */
  ask(state: State, subscription: Subscription, count: number): DemandStep<Event, State>
  /** Hands out events, one or more. It must take at least as many as its capacity. */
  dispatch(state: State, events: readonly Event[]): DispatchStep<Event, State>
  /** How many events `dispatch` would take now without leaving any over. */
  capacity(state: State): number
}
