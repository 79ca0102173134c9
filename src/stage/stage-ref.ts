/** What the outside holds of a stage. The phantom members carry the event types, so that a producer of texts cannot feed numbers. */

import type { CallOptions, PendingCall } from '../process/call.ts'
import { notOneOf, refuse } from '../process/mistakes.ts'
import type { Process } from '../process/process.ts'
import type { ProcessHandle, ProcessRef } from '../process/ref.ts'
import type { CallMessage, CallReply, CastMessage, InfoMessage, MessageTypes } from './messages.ts'
import type { StageMessage } from './protocol.ts'

declare const emits: unique symbol
declare const accepts: unique symbol

/** Carries the type of the events that something emits. */
export interface Emits<Out> {
  /** Never set. */
  readonly [emits]?: Out
}

/** Carries the type of the events that something accepts. */
export interface Accepts<In> {
  /** Never set. */
  readonly [accepts]?: (event: In) => void
}

/** The kinds of stages. */
export type StageKind = 'producer' | 'producerConsumer' | 'consumer' | 'consumerSupervisor'

/**
 * What a producer does with demand: pass it to `handleDemand`, or hold demand and emitted events, each on its own and in order,
 * until the mode is `forward`.
 */
export type DemandMode = (typeof DEMAND_MODES)[number]

const DEMAND_MODES = ['forward', 'accumulate'] as const

/** A running stage. `Messages` says what it can be told; see {@link MessageTypes}. */
export interface StageRef<Messages extends MessageTypes = MessageTypes> extends ProcessRef {
  readonly kind: StageKind
  call<Message extends CallMessage<Messages>>(
    message: Message,
    options?: number | CallOptions,
  ): Promise<CallReply<Messages, Message>>
  cast(message: CastMessage<Messages>): void
  info(message: InfoMessage<Messages>): void
  /** Sends a message for `handleInfo` behind the events buffered so far; resolves when it has its place. */
  syncInfo(message: InfoMessage<Messages>, options?: number | CallOptions): Promise<void>
  /** Sends a message for `handleInfo` behind the events buffered by the time it arrives. */
  asyncInfo(message: InfoMessage<Messages>): void
  /** How many events are in the buffer. A consumer answers 0 and logs. */
  estimateBufferedCount(): Promise<number>
  /** Reads the demand mode; stages that are no producers always forward. */
  demand(): Promise<DemandMode>
  /** Sets the demand mode; throws `ERR_BAD_OPTIONS` for one that there is not. */
  demand(mode: DemandMode): void
}

/** A running stage that emits `Out`. */
export interface ProducerRef<Out, Messages extends MessageTypes = MessageTypes> extends StageRef<Messages>, Emits<Out> {
  readonly kind: 'producer' | 'producerConsumer'
}

/** A running stage that accepts `In`. */
export interface ConsumerRef<In, Messages extends MessageTypes = MessageTypes> extends StageRef<Messages>, Accepts<In> {
  readonly kind: 'producerConsumer' | 'consumer' | 'consumerSupervisor'
}

/** A running stage that accepts `In` and emits `Out`. */
export interface ProducerConsumerRef<In, Out, Messages extends MessageTypes = MessageTypes>
  extends StageRef<Messages>, Accepts<In>, Emits<Out> {
  readonly kind: 'producerConsumer'
}

/** Makes the ref of a stage. */
export function stageRef(process: Process, handle: ProcessHandle): StageRef {
  const ask = (makeMessage: (from: PendingCall) => StageMessage, options?: number | CallOptions): Promise<unknown> =>
    process.ask(makeMessage, options)
  const demand = (mode?: DemandMode): Promise<DemandMode> | undefined => {
    // The stage answers `getDemand` with its mode.
    if (mode === undefined) return ask((from) => ({ type: 'getDemand', from })) as Promise<DemandMode>
    refuse('demand', notOneOf('mode', mode, DEMAND_MODES))
    process.send({ type: 'setDemand', mode })
    return undefined
  }
  // A stage's definition names its kind, and the handle shows that; and the two signatures of `demand` are told apart by the mode.
  return Object.assign(handle as ProcessHandle & { readonly kind: StageKind }, {
    syncInfo: async (message: unknown, options?: number | CallOptions): Promise<void> => {
      await ask((from) => ({ type: 'bufferedInfo', message, from }), options)
    },
    asyncInfo: (message: unknown): void => process.send({ type: 'bufferedInfo', message, from: undefined }),
    estimateBufferedCount: (): Promise<number> =>
      // The stage answers `countBuffered` with a number.
      ask((from) => ({ type: 'countBuffered', from })) as Promise<number>,
    demand: demand as StageRef['demand'],
  })
}
