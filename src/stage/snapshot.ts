/** A live picture of the stage graph, as plain data. */

import type { Process } from '../process/process.ts'
import type { ProcessNode } from '../process/runtime.ts'
import { ConsumerSupervisor } from './consumer-supervisor.ts'
import { Stage } from './stage.ts'
import type { StageKind, StageRef } from './stage-ref.ts'
import type { SubscriptionLink } from './subscription-link.ts'

/** One end of a subscription. */
export interface StageName {
  readonly id: number
  readonly name?: string
}

/** A subscription, shown with its consumer. */
export interface SubscriptionSnapshot {
  readonly id: number
  readonly producer: StageName
  readonly consumer: StageName
  readonly maxDemand: number
  readonly minDemand: number
  readonly cancel: string
  readonly mode: 'automatic' | 'manual'
  /** Events asked for that did not reach the consumer yet. */
  readonly outstanding: number
  /** Events that reached the consumer. */
  readonly received: number
}

/** One stage. */
export interface StageSnapshot extends StageName {
  readonly kind: StageKind
  /** Messages that wait; of a producer-consumer also those in its input queue. */
  readonly mailbox: number
  /** Whether a callback is running. */
  readonly busy: boolean
  /** Events in the buffer. */
  readonly buffered: number
  /** Events handed to `handleEvents`. */
  readonly eventsIn: number
  /** Events sent to consumers. */
  readonly eventsOut: number
  /** The stage's subscriptions to its producers. */
  readonly subscriptions: readonly SubscriptionSnapshot[]
}

/** What runs in a system, and how events flow. */
export interface SystemSnapshot {
  /** The supervision tree: first those that nobody supervises, in the order of their start. */
  readonly supervision: readonly ProcessNode[]
  readonly stages: readonly StageSnapshot[]
}

/** Shows a process that is a stage; nothing for others. */
export function stageSnapshot(process: Process): readonly StageSnapshot[] {
  const stage = stageIn(process.behaviour)
  if (stage === undefined) return []
  const { inlet, outlet, inputLength } = stage
  return [
    {
      ...nameOf(process),
      // The behaviour of a stage is started by a stage's definition only, and that names its kind.
      kind: process.kind as StageKind,
      mailbox: process.mailboxLength + inputLength,
      busy: process.isBusy,
      buffered: outlet?.buffered ?? 0,
      eventsIn: inlet?.eventsIn ?? 0,
      eventsOut: outlet?.eventsOut ?? 0,
      subscriptions: [...(inlet?.subscriptions ?? [])].map(subscriptionSnapshot),
    },
  ]
}

function stageIn(behaviour: Process['behaviour']): Stage | undefined {
  if (behaviour instanceof ConsumerSupervisor) return behaviour.stage
  return behaviour instanceof Stage ? behaviour : undefined
}

function subscriptionSnapshot(subscription: SubscriptionLink): SubscriptionSnapshot {
  const { id, producer, consumer, options, consumerSide, asked, received } = subscription
  const { maxDemand, minDemand, cancel } = options
  return {
    id,
    producer: nameOf(producer),
    consumer: nameOf(consumer),
    maxDemand,
    minDemand,
    cancel,
    mode: consumerSide?.mode ?? 'automatic',
    outstanding: Math.max(0, asked - received),
    received,
  }
}

function nameOf({ id, name }: Process | StageRef): StageName {
  return name === undefined ? { id } : { id, name }
}
