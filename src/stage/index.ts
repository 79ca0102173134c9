/**
 * `millrace/stage`: back-pressured pipelines of supervised stages. It needs nothing of the job runner.
 *
 * A stage is a function that returns its callbacks. Events flow from producers to consumers, and only as far as consumers have
 * asked: demand goes the other way.
 */

export { RunnerError } from '../host/errors.ts'
export {
  nodeHost,
  type Clock,
  type Host,
  type Logger,
  type LogLevel,
  type LogRecord,
  type Random,
  type Timer,
  type Trace,
} from '../host/host.ts'

export { type Caller, type CallOptions } from '../process/call.ts'
export {
  type AutoShutdown,
  type ChildSpec,
  type RestartType,
  type SupervisorOptions,
  type SupervisorStrategy,
} from '../process/child-spec.ts'
export { ExitError, isClean, type ExitReason } from '../process/exit-reason.ts'
export { type ProcessRef } from '../process/ref.ts'
export { type Definition } from '../process/definition.ts'
export { type ProcessNode, type StartOptions } from '../process/runtime.ts'
export {
  supervisor,
  type ChildCounts,
  type ChildInfo,
  type SupervisorDefinition,
  type SupervisorRef,
} from '../process/supervisor.ts'

export { bottleneck, type Bottleneck } from './bottleneck.ts'
export { type BufferKeep } from './buffer.ts'
export {
  type AccepterOptions,
  type CallAnswer,
  type CancelCause,
  type ConsumerCallbacks,
  type Emission,
  type EmitterOptions,
  type ExitNotice,
  type ProducerCallbacks,
  type ProducerConsumerCallbacks,
  type Self,
  type StageCallbacks,
  type SubscriptionMode,
} from './callbacks.ts'
export {
  consumerSupervisor,
  type ConsumerSupervisorDefinition,
  type ConsumerSupervisorOptions,
  type ConsumerSupervisorRef,
} from './consumer-supervisor.ts'
export {
  consumer,
  producer,
  producerConsumer,
  type ConsumerDefinition,
  type ProducerConsumerDefinition,
  type ProducerDefinition,
  type Source,
  type SubscribeRequest,
} from './definition.ts'
export { broadcastDispatcher, type BroadcastState } from './dispatchers/broadcast.ts'
export { demandDispatcher, type DemandDispatcherOptions, type DemandState } from './dispatchers/demand.ts'
export {
  partitionDispatcher,
  type PartitionChoice,
  type PartitionDispatcherOptions,
  type PartitionKey,
  type PartitionState,
} from './dispatchers/partition.ts'
export {
  type Delivery,
  type DemandStep,
  type Dispatcher,
  type DispatcherLog,
  type DispatchStep,
  type SubscribeStep,
} from './dispatchers/dispatcher.ts'
export {
  fromAsyncIterable,
  fromIterable,
  type FromAsyncIterableOptions,
  type FromIterableOptions,
} from './iterables.ts'
export { type CallMessage, type CallReply, type CastMessage, type InfoMessage, type MessageTypes } from './messages.ts'
export { probe, type Probe, type ProbeOptions, type ProbeWaitOptions } from './probe.ts'
export { type Rates } from './flow-history.ts'
export { formatFlow } from './format-flow.ts'
export {
  type StageName,
  type StageSnapshot,
  type StageState,
  type SubscriptionSnapshot,
  type SystemSnapshot,
} from './snapshot.ts'
export {
  type Accepts,
  type ConsumerRef,
  type DemandMode,
  type Emits,
  type ProducerConsumerRef,
  type ProducerRef,
  type StageKind,
  type StageRef,
} from './stage-ref.ts'
export { type EventStream, type StreamOptions } from './stream.ts'
export { type Subscription } from './subscription-link.ts'
export { type CancelMode, type SubscriptionOptions, type SubscriptionRequest } from './subscription.ts'
export { System, type SubscribeCallOptions, type SystemOptions } from './system.ts'

export { intoWritable, type IntoWritableOptions } from './interop/into-writable.ts'
export { type ReadRequest } from './interop/manual-consumer.ts'
export { throughTransform, type ThroughTransformOptions, type WebTransform } from './interop/through-transform.ts'
export { toReadable, toReadableStream, type ReadOptions } from './interop/to-readable.ts'
export { toWritable, toWritableStream, type WriteOptions } from './interop/to-writable.ts'
export { type WebWritable, type WebWriter } from './interop/write-target.ts'

export { batcher, type BatcherOptions, type BatchTrigger, type EventBatch } from './ready-made/batcher.ts'
export {
  bufferingProducer,
  finish,
  push,
  type BufferingProducerOptions,
  type PushOptions,
} from './ready-made/buffering-producer.ts'
export { enricher, type EnricherOptions } from './ready-made/enricher.ts'
export { fanIn, type FanInOptions } from './ready-made/fan-in.ts'
export { fanOut, type FanOutOptions } from './ready-made/fan-out.ts'
export { filter, type FilterOptions } from './ready-made/filter.ts'
export { partitionByKey, type PartitionByKeyOptions } from './ready-made/partition-by-key.ts'
export { pollingProducer, type PollingProducerOptions } from './ready-made/polling-producer.ts'
export { rateLimitedProducer, type RateLimitedProducerOptions } from './ready-made/rate-limited-producer.ts'
