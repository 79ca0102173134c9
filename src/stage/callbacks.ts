/** What a stage is made of: the callbacks its function returns, and the self it is given. */

import type { Timer } from '../host/host.ts'
import type { Caller } from '../process/call.ts'
import type { ExitReason } from '../process/exit-reason.ts'
import type { ProcessRef } from '../process/ref.ts'
import type { BufferKeep } from './buffer.ts'
import type { SubscribeRequest } from './definition.ts'
import type { Dispatcher } from './dispatchers/dispatcher.ts'
import type { CallMessage, CallReply, CastMessage, InfoMessage, MessageTypes } from './messages.ts'
import type { DemandMode, StageRef } from './stage-ref.ts'
import type { Subscription } from './subscription-link.ts'
import type { SubscriptionOptions } from './subscription.ts'

/** A stage's own view of itself. */
export interface Self<Out, Messages extends MessageTypes = MessageTypes> {
  readonly ref: StageRef<Messages>
  /** The name it was started under. */
  readonly name: string | undefined
  /** Whether the stage still runs; a callback that outlived a kill finds `false`. */
  readonly isAlive: boolean
  /** Aborted when the stage is gone: pass it to whatever a callback waits for. */
  readonly signal: AbortSignal
  /**
   * Emits events from outside a callback, such as a socket's listener: posts them to the stage itself, which dispatches them
   * after the mail it has.
   */
  emit(events: readonly Out[]): void
  /**
   * Ends the stage. From within a callback: when that callback is done; the events it returns are still dispatched, the rest of
   * its message is dropped. Otherwise: after the mail it has. Default: `normal`.
   */
  stop(reason?: ExitReason): void
  /**
   * Sends this stage `message`, for `handleInfo`, after at least `ms` milliseconds by the clock of the system. The timer ends
   * with the stage, and keeps the program alive until then.
   */
  infoAfter(ms: number, message: InfoMessage<Messages>): Timer
  /**
   * Ties this stage's life to another process: an abnormal end of one ends the other. A stage started with `trapExits` gets
   * `{ type: 'exit', from, reason }` in `handleInfo` instead.
   */
  link(ref: ProcessRef): void
}

/** What `handleInfo` of a stage with `trapExits` gets when a linked process ends. */
export interface ExitNotice {
  readonly type: 'exit'
  readonly from: ProcessRef
  readonly reason: ExitReason
}

/** Events to emit, now or by a promise. The array belongs to the runtime from then on; it must not be changed. */
export type Emission<Out> = readonly Out[] | void | Promise<readonly Out[] | void>

/**
 * The answer of `handleCall`. `events` are dispatched first, then the caller gets `reply`. Without the key `reply` the caller
 * keeps waiting, for `from.reply(value)`.
 */
export interface CallAnswer<Out, Reply = unknown> {
  readonly reply?: Reply
  readonly events?: readonly Out[] | undefined
}

/** Why a subscription ended: one side cancelled it, or the other side is gone. */
export interface CancelCause {
  readonly type: 'cancel' | 'down'
  readonly reason: ExitReason
}

/** Who asks for the events of a subscription: the library or, by `subscription.ask`, the program. */
export type SubscriptionMode = 'automatic' | 'manual'

/** Callbacks of every stage. One that throws or rejects ends the stage with that error. */
export interface StageCallbacks<Out, Messages extends MessageTypes = MessageTypes> {
  /** Answers `ref.call`. Default: the stage crashes with `ERR_NO_HANDLER`. */
  handleCall?(
    message: CallMessage<Messages>,
    from: Caller<CallReply<Messages>>,
  ): CallAnswer<Out, CallReply<Messages>> | void | Promise<CallAnswer<Out, CallReply<Messages>> | void>
  /** Handles `ref.cast`. Default: the stage crashes with `ERR_NO_HANDLER`. */
  handleCast?(message: CastMessage<Messages>): Emission<Out>
  /** Handles infos. Default: a log line. */
  handleInfo?(message: InfoMessage<Messages>): Emission<Out>
  /**
   * A subscription begins; `role` is the other side's. In a consumer (`role` is `producer`) it runs before the first ask, and its
   * answer says who asks; in a producer only `automatic` is allowed. Default: `automatic`.
   */
  handleSubscribe?(
    role: 'producer' | 'consumer',
    options: SubscriptionOptions,
    subscription: Subscription,
  ): SubscriptionMode | void | Promise<SubscriptionMode | void>
  /** A subscription ended. Events returned by a producer go to the consumers that are left. */
  handleCancel?(cause: CancelCause, subscription: Subscription): Emission<Out>
  /**
   * The stage ends: by `stop`, by a crash, or, only with `trapExits`, by its supervisor. Does not run on a kill. Throwing changes
   * the exit reason.
   */
  terminate?(reason: ExitReason): void | Promise<void>
}

/** Options of stages that emit. */
export interface EmitterOptions<Out> {
  /** Who gets which event. Default: `demandDispatcher()`. */
  readonly dispatcher?: Dispatcher<Out> | undefined
  /** How many events wait for demand: an integer >= 0, or `Infinity`. Default: 10,000; of a producer-consumer `Infinity`. */
  readonly bufferSize?: number | undefined
  /** Which events stay when the buffer is full. Default: `last`, the newest. */
  readonly bufferKeep?: BufferKeep | undefined
  /** `count` events of one emission did not fit the buffer; `false` suppresses the log line (`events_discarded`). */
  handleDiscarded?(count: number): boolean | void
}

/** Options of stages that accept events. */
export interface AccepterOptions<In> {
  /** Subscriptions to make, in order, before the start is done. */
  readonly subscribeTo?: readonly SubscribeRequest<In>[] | undefined
}

/** What the function of a {@link producer} returns. */
export interface ProducerCallbacks<Out, Messages extends MessageTypes = MessageTypes>
  extends StageCallbacks<Out, Messages>, EmitterOptions<Out> {
  /** Default: `forward`. */
  readonly demand?: DemandMode | undefined
  /**
   * `demand` events (1 or more) are wanted that the buffer could not cover. One call per ask, never added up. A producer that
   * returns fewer is not called again for the rest: it emits them later, and they are delivered at once.
   */
  handleDemand(demand: number): Emission<Out>
}

/** What the function of a {@link producerConsumer} returns. */
export interface ProducerConsumerCallbacks<In, Out, Messages extends MessageTypes = MessageTypes>
  extends StageCallbacks<Out, Messages>, EmitterOptions<Out>, AccepterOptions<In> {
  /** One batch. It runs only while somebody downstream has demand. */
  handleEvents(events: readonly In[], from: Subscription): Emission<Out>
}

/** What the function of a {@link consumer} returns. A consumer emits nothing; events it returns are dropped and logged. */
export interface ConsumerCallbacks<In, Messages extends MessageTypes = MessageTypes>
  extends StageCallbacks<never, Messages>, AccepterOptions<In> {
  /** One batch: at most `maxDemand - minDemand` events; of a manual subscription, all that one message brought. */
  handleEvents(events: readonly In[], from: Subscription): void | Promise<void>
}

/** The callbacks of any stage, as the runtime sees them: events are unknown, and a stage has what its kind was checked to have. */
export interface AnyCallbacks extends StageCallbacks<unknown>, EmitterOptions<unknown> {
  readonly demand?: DemandMode | undefined
  readonly subscribeTo?: readonly SubscribeRequest<unknown>[] | undefined
  handleDemand?(demand: number): Emission<unknown>
  handleEvents?(events: readonly unknown[], from: Subscription): Emission<unknown>
}
