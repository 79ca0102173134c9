/** The stages of the scenarios: every behaviour that the recorded driver had, on our callbacks. */

import {
  broadcastDispatcher,
  consumer,
  consumerSupervisor,
  demandDispatcher,
  fromIterable,
  partitionDispatcher,
  producer,
  producerConsumer,
  type CancelCause,
  type ConsumerDefinition,
  type Definition,
  type Dispatcher,
  type PartitionKey,
  type ProcessRef,
  type Self,
  type Subscription,
  type SubscriptionOptions,
} from '../../src/stage/index.ts'
import type { StageSpec, SubscribeToSpec } from './scenario.ts'

/** Where stages write what they did. */
export interface Recorder {
  write(stage: string, ...entry: readonly unknown[]): void
  subscribed(label: string, subscription: Subscription): void
  childStarted(event: unknown, ref: ProcessRef): void
}

type Behaviour = Readonly<Record<string, unknown>>

export function stageOf(spec: StageSpec, recorder: Recorder): Definition {
  switch (spec.kind) {
    case 'producer':
      return producer<unknown>((self) => ({
        ...began(spec, self, recorder),
        ...emitterOptions(spec, recorder),
        demand: spec.options['demand'] as 'forward' | 'accumulate' | undefined,
        handleDemand: demandHandler(spec, recorder),
      }))
    case 'producer_consumer':
      return producerConsumer<unknown, unknown>((self) => ({
        ...began(spec, self, recorder),
        ...emitterOptions(spec, recorder),
        ...accepterOptions(spec),
        handleEvents: (events, from) => {
          recorder.write(spec.name, 'handle_events', events, labelOf(from))
          return transformed(spec.behaviour, events)
        },
      }))
    case 'consumer':
      return consumerOf(spec, recorder)
    case 'consumer_supervisor':
      return supervisorOf(spec, recorder)
    case 'enumerable':
      return fromIterable<unknown>(spec.items ?? [], {
        demand: spec.options['demand'] as 'forward' | 'accumulate' | undefined,
        onCancel: spec.options['onCancel'] as 'continue' | 'stop' | undefined,
      })
    default:
      throw new Error(`no stage of kind ${spec.kind}`)
  }
}

function consumerOf({ name, behaviour, options }: StageSpec, recorder: Recorder): ConsumerDefinition<unknown> {
  return consumer<unknown>((self) => ({
    ...began({ name, behaviour }, self, recorder),
    ...accepterOptions({ options }),
    handleEvents: (events, from) => {
      recorder.write(name, 'handle_events', events, labelOf(from))
      const isHit = events.includes(behaviour['event'])
      if (behaviour['type'] === 'crashOn' && isHit) throw new Error('boom')
      if (behaviour['type'] === 'stopOn' && isHit) self.stop(behaviour['reason'] as string)
      // A consumer may not emit; the types say so, and this behaviour does it all the same.
      return (behaviour['type'] === 'emitFromConsumer' ? events : undefined) as undefined
    },
  }))
}

function supervisorOf({ name, options }: StageSpec, recorder: Recorder): Definition {
  return consumerSupervisor<unknown>((self) => {
    recorder.write(name, 'init')
    self.ref.monitor((reason) => recorder.write(name, 'exit', reasonOf(reason)))
    return {
      ...accepterOptions({ options }),
      restart: options['restart'] as 'temporary' | 'transient' | undefined,
      maxRestarts: options['maxRestarts'] as number | undefined,
      startChild: (event) => {
        const result = ['error', 'ignore'].find((prefix) => String(event).startsWith(prefix)) ?? 'ok'
        recorder.write(name, 'child_start', event, result)
        if (result === 'error') throw new Error('the child does not start')
        return result === 'ignore' ? undefined : childOf(event, recorder)
      },
    }
  })
}

/** A process that does nothing until a step ends it. */
function childOf(event: unknown, recorder: Recorder): Definition {
  return consumer<unknown>((self) => {
    recorder.childStarted(event, self.ref)
    return { handleEvents: () => {} }
  })
}

/** The label that the scenario gave a subscription; it travels as an option that the library does not know. */
export function labelOf(subscription: Subscription): string {
  return String(subscription.options['as'])
}

export function subscriptionRequest(spec: SubscribeToSpec): SubscriptionRequestOf {
  const selector = spec.options?.['selector']
  const selecting = isDivision(selector)
    ? { selector: (event: unknown) => Number(event) % selector.m === selector.eq }
    : {}
  return { ...spec.options, ...selecting, to: spec.to, as: spec.as }
}

function isDivision(value: unknown): value is { readonly m: number; readonly eq: number } {
  return typeof value === 'object' && value !== null && 'm' in value && 'eq' in value
}

interface SubscriptionRequestOf {
  readonly to: string
  readonly as: string
  readonly [option: string]: unknown
}

/** What all kinds do: record the callbacks, and emit what a step tells them to. */
function began(
  { name, behaviour }: Pick<StageSpec, 'name' | 'behaviour'>,
  self: Self<never>,
  recorder: Recorder,
): object {
  recorder.write(name, 'init')
  self.ref.monitor((reason) => recorder.write(name, 'exit', reasonOf(reason)))
  return {
    handleSubscribe: (role: 'producer' | 'consumer', options: SubscriptionOptions, subscription: Subscription) => {
      recorder.write(name, 'handle_subscribe', role, labelOf(subscription))
      if (role === 'consumer') return undefined
      recorder.subscribed(labelOf(subscription), subscription)
      return options['mode'] === 'manual' ? 'manual' : 'automatic'
    },
    handleCancel: (cause: CancelCause, subscription: Subscription) => {
      recorder.write(name, 'handle_cancel', cause.type, reasonOf(cause.reason), labelOf(subscription))
      return behaviour['emitOnCancel']
    },
    handleCall: (message: { readonly emit: readonly unknown[] }) => {
      recorder.write(name, 'handle_call', 'emit')
      return { reply: 'ok', events: message.emit }
    },
    handleCast: (message: { readonly emit: readonly unknown[] }) => message.emit,
    handleInfo: (message: unknown) => {
      if (typeof message === 'object' && message !== null && 'emit' in message) return message.emit
      recorder.write(name, 'handle_info', message)
      return undefined
    },
    terminate: (reason: unknown) => recorder.write(name, 'terminate', reasonOf(reason)),
  }
}

function emitterOptions({ name, options }: StageSpec, recorder: Recorder): object {
  const { bufferSize, dispatcher } = options
  return {
    dispatcher: dispatcherOf((dispatcher ?? { type: 'demand' }) as DispatcherSpec),
    bufferSize: bufferSize === 'infinity' ? Number.POSITIVE_INFINITY : bufferSize,
    bufferKeep: options['bufferKeep'],
    handleDiscarded: (count: number) => {
      recorder.write(name, 'discarded', count)
      return false
    },
  }
}

interface DispatcherSpec {
  readonly type: string
  readonly maxDemand?: number
  readonly partitions?: number | readonly string[]
  readonly hash?: HashSpec
}

interface HashSpec {
  readonly type: string
  readonly m?: number
  readonly partition?: PartitionKey
  readonly noneIfMultipleOf?: number
}

function dispatcherOf(spec: DispatcherSpec): Dispatcher<unknown> {
  switch (spec.type) {
    case 'demand':
      return demandDispatcher<unknown>({ maxDemand: spec.maxDemand }) as Dispatcher<unknown>
    case 'broadcast':
      return broadcastDispatcher<unknown>() as Dispatcher<unknown>
    case 'partition': {
      const partitions = spec.partitions ?? 1
      return partitionDispatcher<unknown, PartitionKey>({ partitions, hash: hashOf(spec.hash) }) as Dispatcher<unknown>
    }
    default:
      throw new Error(`no dispatcher ${spec.type}`)
  }
}

function hashOf(spec: HashSpec | undefined): ((event: unknown) => PartitionKey | null) | undefined {
  if (spec === undefined) return undefined
  const { type, m = 1, partition = 0, noneIfMultipleOf } = spec
  const choose = (value: number): PartitionKey => {
    if (type === 'mod') return value % m
    if (type === 'parity') return value % 2 === 0 ? 'even' : 'odd'
    return partition
  }
  return (event) => {
    const value = Number(event)
    return noneIfMultipleOf !== undefined && value % noneIfMultipleOf === 0 ? null : choose(value)
  }
}

function accepterOptions({ options }: Pick<StageSpec, 'options'>): object {
  const subscribeTo = (options['subscribeTo'] ?? []) as readonly SubscribeToSpec[]
  return { subscribeTo: subscribeTo.map(subscriptionRequest) }
}

function demandHandler({ name, behaviour }: StageSpec, recorder: Recorder): (demand: number) => readonly unknown[] {
  let next = Number(behaviour['start'] ?? 0)
  let calls = 0
  const limit = Number(behaviour['limit'] ?? Number.POSITIVE_INFINITY)
  const count = (wanted: number): readonly number[] => {
    const available = Math.max(0, Math.min(wanted, Number(behaviour['start'] ?? 0) + limit - next))
    return Array.from({ length: available }, () => next++)
  }
  return (demand) => {
    recorder.write(name, 'handle_demand', demand)
    if (behaviour['crashOnDemand'] === demand) throw new Error('demand crash')
    switch (behaviour['type']) {
      case 'counter':
        return count(demand)
      case 'over':
        return count(demand + Number(behaviour['extra']))
      case 'atMost':
        return count(Math.min(demand, Number(behaviour['size'])))
      case 'fixed':
        return count(Number(behaviour['size']))
      case 'script':
        return (behaviour['emits'] as readonly (readonly unknown[])[])[calls++] ?? []
      case 'silent':
        return []
      default:
        throw new Error(`no behaviour ${String(behaviour['type'])}`)
    }
  }
}

function transformed(behaviour: Behaviour, events: readonly unknown[]): readonly unknown[] {
  switch (behaviour['type']) {
    case 'map':
      return events.map((event) => Number(event) * Number(behaviour['mul']))
    case 'repeat':
      return events.flatMap((event) => Array.from({ length: Number(behaviour['times']) }, () => event))
    case 'filter':
      return events.filter((event) => Number(event) % Number(behaviour['m']) === behaviour['eq'])
    case 'drop':
      return []
    case 'collect':
      return [events]
    default:
      throw new Error(`no behaviour ${String(behaviour['type'])}`)
  }
}

/** A reason as the files write it: an error is `{ error: message }`. */
export function reasonOf(reason: unknown): unknown {
  return reason instanceof Error ? { error: reason.message } : reason
}
