/** Pictures of stages for tests, without a system. */

import type { StageName, StageSnapshot, SubscriptionSnapshot, SystemSnapshot } from '../../src/stage/index.ts'

/** A stage that does nothing and never did. */
export function aStage(id: number, overrides: Partial<StageSnapshot> = {}): StageSnapshot {
  return {
    id,
    kind: 'consumer',
    state: 'waitingForEvents',
    mailbox: 0,
    busy: false,
    buffered: 0,
    discarded: 0,
    held: 0,
    demand: 0,
    consumers: 0,
    eventsIn: 0,
    eventsOut: 0,
    windowMs: 5000,
    eventsInPerSecond: 0,
    eventsOutPerSecond: 0,
    busyShare: 0,
    awaitingShare: 0,
    restarts: 0,
    subscriptions: [],
    ...overrides,
  }
}

/** A subscription that has got all it asked for. */
export function aSubscription(
  producer: StageName,
  consumer: StageName,
  overrides: Partial<SubscriptionSnapshot> = {},
): SubscriptionSnapshot {
  return {
    id: 100 * producer.id + consumer.id,
    producer,
    consumer,
    maxDemand: 10,
    minDemand: 5,
    cancel: 'permanent',
    mode: 'automatic',
    outstanding: 0,
    unmet: 0,
    waiting: 0,
    received: 0,
    eventsPerSecond: 0,
    ...overrides,
  }
}

/** A system of these stages, each of which counts those subscribed to it. */
export function aSystem(...stages: readonly StageSnapshot[]): SystemSnapshot {
  const subscriptions = stages.flatMap((stage) => stage.subscriptions)
  const consumersOf = (id: number): number => subscriptions.filter(({ producer }) => producer.id === id).length
  return { supervision: [], stages: stages.map((stage) => ({ ...stage, consumers: consumersOf(stage.id) })) }
}
