/** Descriptions of stages. A stage is a function that returns its callbacks: its variables are its state, a restart calls it again. */

import type { Definition, Spawnable } from '../process/runtime.ts'
import type { ConsumerCallbacks, ProducerCallbacks, ProducerConsumerCallbacks, Self } from './callbacks.ts'
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
export interface ProducerDefinition<Out> extends Definition<ProducerRef<Out>>, Emits<Out> {
  readonly kind: 'producer'
}

/** A producer-consumer that can be started. */
export interface ProducerConsumerDefinition<In, Out>
  extends Definition<ProducerConsumerRef<In, Out>>, Accepts<In>, Emits<Out> {
  readonly kind: 'producerConsumer'
}

/** A consumer of `In` that can be started. */
export interface ConsumerDefinition<In> extends Definition<ConsumerRef<In>>, Accepts<In> {
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
}

type MaybePromise<Value> = Value | Promise<Value>

/**
 * Describes a stage that emits events on demand.
 *
 * @param init Called for each start; what it returns is checked at once, and a mistake fails the start with `ERR_BAD_OPTIONS`.
 */
export function producer<Out>(
  init: (self: Self<Out>) => MaybePromise<ProducerCallbacks<Out>>,
): ProducerDefinition<Out> {
  return define('producer', init)
}

/**
 * Describes a stage that turns events into other events, only while somebody downstream has demand.
 *
 * @param init Called for each start; what it returns is checked at once, and a mistake fails the start with `ERR_BAD_OPTIONS`.
 */
export function producerConsumer<In, Out>(
  init: (self: Self<Out>) => MaybePromise<ProducerConsumerCallbacks<In, Out>>,
): ProducerConsumerDefinition<In, Out> {
  return define('producerConsumer', init)
}

/**
 * Describes a stage that handles events and emits none.
 *
 * @param init Called for each start; what it returns is checked at once, and a mistake fails the start with `ERR_BAD_OPTIONS`.
 */
export function consumer<In>(init: (self: Self<never>) => MaybePromise<ConsumerCallbacks<In>>): ConsumerDefinition<In> {
  return define('consumer', init)
}

function define<Kind extends StageKind, Out, Callbacks>(
  kind: Kind,
  init: (self: Self<Out>) => MaybePromise<Callbacks>,
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
