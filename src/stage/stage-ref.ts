/** What the outside holds of a stage. The phantom members carry the event types, so that a producer of texts cannot feed numbers. */

import type { PendingCall } from '../process/call.ts'
import type { Process } from '../process/process.ts'
import type { ProcessHandle, ProcessRef } from '../process/ref.ts'
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
export type DemandMode = 'forward' | 'accumulate'

/** A running stage. */
export interface StageRef extends ProcessRef {
  readonly kind: StageKind
  /** Sends a message for `handleInfo` behind the events buffered so far; resolves when it has its place. */
  syncInfo(message: unknown, timeoutMs?: number): Promise<void>
  /** Sends a message for `handleInfo` behind the events buffered by the time it arrives. */
  asyncInfo(message: unknown): void
  /** How many events are in the buffer. A consumer answers 0 and logs. */
  estimateBufferedCount(): Promise<number>
  /** Reads the demand mode; stages that are no producers always forward. */
  demand(): Promise<DemandMode>
  /** Sets the demand mode. */
  demand(mode: DemandMode): void
}

/** A running stage that emits `Out`. */
export interface ProducerRef<Out> extends StageRef, Emits<Out> {
  readonly kind: 'producer' | 'producerConsumer'
}

/** A running stage that accepts `In`. */
export interface ConsumerRef<In> extends StageRef, Accepts<In> {
  readonly kind: 'producerConsumer' | 'consumer' | 'consumerSupervisor'
}

/** A running stage that accepts `In` and emits `Out`. */
export interface ProducerConsumerRef<In, Out> extends StageRef, Accepts<In>, Emits<Out> {
  readonly kind: 'producerConsumer'
}

/** Makes the ref of a stage. */
export function stageRef(process: Process, handle: ProcessHandle): StageRef {
  const ask = (makeMessage: (from: PendingCall) => StageMessage, timeoutMs?: number): Promise<unknown> =>
    process.ask(makeMessage, timeoutMs)
  const demand = (mode?: DemandMode): Promise<DemandMode> | undefined => {
    // The stage answers `getDemand` with its mode.
    if (mode === undefined) return ask((from) => ({ type: 'getDemand', from })) as Promise<DemandMode>
    process.send({ type: 'setDemand', mode })
    return undefined
  }
  // A stage's definition names its kind, and the handle shows that; and the two signatures of `demand` are told apart by the mode.
  return Object.assign(handle as ProcessHandle & { readonly kind: StageKind }, {
    syncInfo: async (message: unknown, timeoutMs?: number): Promise<void> => {
      await ask((from) => ({ type: 'bufferedInfo', message, from }), timeoutMs)
    },
    asyncInfo: (message: unknown): void => process.send({ type: 'bufferedInfo', message, from: undefined }),
    estimateBufferedCount: (): Promise<number> =>
      // The stage answers `countBuffered` with a number.
      ask((from) => ({ type: 'countBuffered', from })) as Promise<number>,
    demand: demand as StageRef['demand'],
  })
}
