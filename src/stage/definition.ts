/** Descriptions of stages. A stage is a function that returns its callbacks: its variables are its state, a restart calls it again. */

import type { Definition, Spawnable } from '../process/definition.ts'
import type { ConsumerCallbacks, ProducerCallbacks, ProducerConsumerCallbacks, Self } from './callbacks.ts'
import type { PartitionKey } from './dispatchers/partition.ts'
import type { MessageTypes } from './messages.ts'
import { Stage, type StageInit } from './stage.ts'
import {
  stageRef,
  type Accepts,
  type ConsumerRef,
  type Emits,
  type ProducerConsumerRef,
  type ProducerRef,
  type StageKind,
} from './stage-ref.ts'
import type { SubscriptionRequest } from './subscription.ts'

/** A producer of `Out` that can be started. */
export interface ProducerDefinition<Out, Messages extends MessageTypes = MessageTypes>
  extends Definition<ProducerRef<Out, Messages>>, Emits<Out> {
  readonly kind: 'producer'
}

/** A producer-consumer that can be started. */
export interface ProducerConsumerDefinition<In, Out, Messages extends MessageTypes = MessageTypes>
  extends Definition<ProducerConsumerRef<In, Out, Messages>>, Accepts<In>, Emits<Out> {
  readonly kind: 'producerConsumer'
}

/** A consumer of `In` that can be started. */
export interface ConsumerDefinition<In, Messages extends MessageTypes = MessageTypes>
  extends Definition<ConsumerRef<In, Messages>>, Accepts<In> {
  readonly kind: 'consumer'
}

/** Something that is started, or running, and emits `Out`. */
export interface Source<Out> extends Emits<Out> {
  readonly kind: 'producer' | 'producerConsumer'
}

/** Whom to subscribe to, and how. */
export interface SubscribeRequest<In> extends SubscriptionRequest {
  /**
   * The producer: its definition, while that runs exactly once; a running stage; or a name, whose event type is not checked.
   */
  readonly to: Source<In> | string
  /** For a `partitionDispatcher`: which partition to get; it has one consumer at a time. */
  readonly partition?: PartitionKey | undefined
  /** For a `broadcastDispatcher`: which events to get. Default: all. */
  readonly selector?: ((event: In) => unknown) | undefined
}

/** What the function of a stage answers: what to run; or `ignore`, nothing, and that is no failure. */
type Started<Callbacks> = Callbacks | 'ignore' | Promise<Callbacks | 'ignore'>

/**
 * Describes a stage that emits events on demand.
 *
 * @param init Called for each start; what it returns is checked at once, and a mistake fails the start with `ERR_BAD_OPTIONS`.
 *   With `ignore` the start succeeds, and the stage is gone: a supervisor keeps the child in its books, and runs nothing.
 */
export function producer<Out, Messages extends MessageTypes = MessageTypes>(
  init: (self: Self<Out, Messages>) => Started<ProducerCallbacks<Out, Messages>>,
): ProducerDefinition<Out, Messages> {
  return define('producer', init)
}

/**
 * Describes a stage that turns events into other events, only while somebody downstream has demand.
 *
 * @param init Called for each start; what it returns is checked at once, and a mistake fails the start with `ERR_BAD_OPTIONS`.
 *   With `ignore` the start succeeds, and the stage is gone: a supervisor keeps the child in its books, and runs nothing.
 */
export function producerConsumer<In, Out, Messages extends MessageTypes = MessageTypes>(
  init: (self: Self<Out, Messages>) => Started<ProducerConsumerCallbacks<In, Out, Messages>>,
): ProducerConsumerDefinition<In, Out, Messages> {
  return define('producerConsumer', init)
}

/**
 * Describes a stage that handles events and emits none.
 *
 * @param init Called for each start; what it returns is checked at once, and a mistake fails the start with `ERR_BAD_OPTIONS`.
 *   With `ignore` the start succeeds, and the stage is gone: a supervisor keeps the child in its books, and runs nothing.
 */
export function consumer<In, Messages extends MessageTypes = MessageTypes>(
  init: (self: Self<never, Messages>) => Started<ConsumerCallbacks<In, Messages>>,
): ConsumerDefinition<In, Messages> {
  return define('consumer', init)
}

function define<Kind extends StageKind, OwnSelf, Callbacks>(
  kind: Kind,
  init: (self: OwnSelf) => Started<Callbacks>,
): Spawnable & { readonly kind: Kind } {
  return {
    kind,
    spawn: (runtime, process, handle) => {
      const ref = stageRef(process, handle)
      // Event types end here: inside the runtime an event is unknown, and only ever handed on as it came.
      const behaviour = new Stage(runtime, process, ref, init as unknown as StageInit)
      return { behaviour, ref }
    },
  }
}
