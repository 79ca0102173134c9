/**
 * The dispatcher that gives each event to the one consumer of its partition, in order within the partition.
 *
 * It accepts as many events as were asked for by all partitions together. What a partition's consumer did not ask for yet, or what
 * has no consumer, waits in the partition's own queue, beside the stage's buffer. So an uneven hash fills the queue of a slow
 * partition until that one asks.
 *
 *     waiting = demand of all consumers + debt - queued          debt: demand of consumers that left, credited to later asks
 */

import { fnv1a } from '../../host/fnv1a.ts'
import { RunnerError } from '../../host/errors.ts'
import { shown, unknownOptions } from '../../process/mistakes.ts'
import { add, emptyQueue, take, type EventQueue } from '../event-queue.ts'
import type { Subscription } from '../subscription-link.ts'
import type { Delivery, DemandStep, Dispatcher, DispatchStep, SubscribeStep } from './dispatcher.ts'

/** A partition's name: one of a list, or an integer from 0. */
export type PartitionKey = string | number

/** Where an event goes: a partition; a partition and what to send in the event's place; or `null`, nowhere. */
export type PartitionChoice<Event, Key extends PartitionKey> =
  | Key
  | null
  | { readonly partition: Key; readonly event: Event }

/** Options of {@link partitionDispatcher}. */
export interface PartitionDispatcherOptions<Event, Key extends PartitionKey = number> {
  /** How many partitions, which are then called 0 to n - 1; or their names. */
  readonly partitions: number | readonly Key[]
  /** Where an event goes. Default, for numbered partitions only: a hash of the event as JSON. */
  readonly hash?: ((event: Event) => PartitionChoice<Event, Key>) | undefined
  /**
   * What becomes of a partition's queue when its consumer leaves: kept for the next one, or dropped and asked for again.
   * Default: `keep`.
   */
  readonly onCancel?: 'keep' | 'drop' | undefined
}

interface Partition<Event> {
  readonly subscription: Subscription | undefined
  readonly demand: number
  readonly queue: EventQueue<Event>
}

/** The state of a {@link partitionDispatcher}. */
export interface PartitionState<Event> {
  readonly partitions: ReadonlyMap<PartitionKey, Partition<Event>>
  /** How many events it accepts now. */
  readonly waiting: number
  /** What consumers that left had asked for, as far as later asks were not credited with it. */
  readonly debt: number
}

/**
 * Makes the dispatcher that gives each event to the consumer of its partition. A consumer names its partition by the subscription
 * option `partition`; one that is unknown or taken is refused (`bad_partition`, `partition_taken`).
 *
 * @throws `ERR_BAD_OPTIONS`. A hash that answers no partition crashes the stage with `ERR_BAD_RETURN`.
 */
export function partitionDispatcher<Event, Key extends PartitionKey = number>(
  options: PartitionDispatcherOptions<Event, Key>,
): Dispatcher<Event, PartitionState<Event>> {
  const [unknown] = unknownOptions('a partitionDispatcher', options, ['partitions', 'hash', 'onCancel'])
  if (unknown !== undefined) throw bad(unknown)
  const keys = checkedKeys(options.partitions)
  const { onCancel = 'keep' } = options
  if (onCancel !== 'keep' && onCancel !== 'drop') throw bad(`onCancel must be 'keep' or 'drop', not ${shown(onCancel)}`)
  const hash = options.hash ?? defaultHash(options.partitions)
  if (typeof hash !== 'function') throw bad(`hash must be a function, not ${shown(hash)}`)
  return {
    init: () => ({
      partitions: new Map(keys.map((key) => [key, { subscription: undefined, demand: 0, queue: emptyQueue<Event>() }])),
      waiting: 0,
      debt: 0,
    }),
    subscribe,
    cancel: (state, subscription) => cancel(state, subscription, onCancel),
    ask,
    dispatch: (state, events) => dispatch(state, events, hash),
    capacity: (state) => state.waiting,
  }
}

function bad(mistake: string): RunnerError {
  return new RunnerError('ERR_BAD_OPTIONS', `partitionDispatcher: ${mistake}`)
}

function checkedKeys(partitions: unknown): readonly PartitionKey[] {
  if (typeof partitions === 'number' && Number.isInteger(partitions) && partitions >= 1) {
    return Array.from({ length: partitions }, (_, index) => index)
  }
  const isList =
    Array.isArray(partitions) &&
    partitions.length > 0 &&
    new Set<unknown>(partitions).size === partitions.length &&
    partitions.every((key) => typeof key === 'string' || typeof key === 'number')
  if (!isList) throw bad(`partitions must be an integer >= 1 or a list of different names, not ${shown(partitions)}`)
  return partitions
}

function defaultHash(partitions: unknown): (event: unknown) => number {
  if (typeof partitions !== 'number') throw bad('named partitions need a hash')
  return (event) => fnv1a(JSON.stringify(event) ?? '') % partitions
}

function subscribe<Event>(
  state: PartitionState<Event>,
  subscription: Subscription,
): SubscribeStep<PartitionState<Event>> {
  const { partition } = subscription.options
  // Whatever it is, the map has it or not.
  const key = partition as PartitionKey
  const found = state.partitions.get(key)
  if (found === undefined) {
    const known = [...state.partitions.keys()].map(shown).join(', ')
    return refusal('bad_partition', partition, `partition must be one of ${known}, not ${shown(partition)}`)
  }
  if (found.subscription !== undefined) {
    return refusal('partition_taken', partition, `partition ${shown(partition)} has a consumer; each has one`)
  }
  return { state: { ...state, partitions: replaced(state.partitions, key, { ...found, subscription }) } }
}

function refusal(code: string, partition: unknown, message: string): SubscribeStep<never> {
  return { refused: code, log: { level: 'error', code, args: [partition], message } }
}

function replaced<Event>(
  partitions: ReadonlyMap<PartitionKey, Partition<Event>>,
  key: PartitionKey,
  partition: Partition<Event>,
): ReadonlyMap<PartitionKey, Partition<Event>> {
  return new Map(partitions).set(key, partition)
}

function entryOf<Event>(
  state: PartitionState<Event>,
  subscription: Subscription,
): readonly [PartitionKey, Partition<Event>] | undefined {
  // The stage calls for subscriptions only that `subscribe` took, and it took them under their partition.
  const key = subscription.options['partition'] as PartitionKey
  const partition = state.partitions.get(key)
  return partition?.subscription === subscription ? [key, partition] : undefined
}

function cancel<Event>(
  state: PartitionState<Event>,
  subscription: Subscription,
  onCancel: 'keep' | 'drop',
): DemandStep<Event, PartitionState<Event>> {
  const entry = entryOf(state, subscription)
  if (entry === undefined) return { state }
  const [key, { demand, queue }] = entry
  const kept = onCancel === 'keep' ? queue : emptyQueue<Event>()
  return {
    state: {
      partitions: replaced(state.partitions, key, { subscription: undefined, demand: 0, queue: kept }),
      waiting: state.waiting + queue.length - kept.length,
      debt: state.debt + demand,
    },
  }
}

function ask<Event>(
  state: PartitionState<Event>,
  subscription: Subscription,
  count: number,
): DemandStep<Event, PartitionState<Event>> {
  const entry = entryOf(state, subscription)
  if (entry === undefined) return { state }
  const [key, { demand, queue }] = entry
  const { events, queue: rest } = take(queue, count)
  const partition = { subscription, demand: demand + count - events.length, queue: rest }
  // Nothing is on its way any more and the debt would swallow the ask: then nobody would ever be asked again.
  const isStall = state.waiting === 0 && count <= state.debt
  const credited = isStall ? 0 : Math.min(state.debt, count)
  const next = {
    partitions: replaced(state.partitions, key, partition),
    waiting: state.waiting + count - credited,
    debt: isStall ? 0 : state.debt - credited,
  }
  return events.length === 0 ? { state: next } : { state: next, deliveries: [{ subscription, events }] }
}

function dispatch<Event>(
  state: PartitionState<Event>,
  events: readonly Event[],
  hash: (event: Event) => unknown,
): DispatchStep<Event, PartitionState<Event>> {
  const arrived = new Map<PartitionKey, Event[]>()
  let { waiting } = state
  let taken = 0
  for (const event of events) {
    if (waiting === 0) break
    taken++
    const choice = hash(event)
    if (choice === null) continue
    waiting--
    const isPair = typeof choice === 'object' && 'partition' in choice && 'event' in choice
    // A pair is of the shape that the type of `hash` says; any other value is looked up, and refused if it is no partition.
    const key = (isPair ? choice.partition : choice) as PartitionKey
    const sent = isPair ? (choice.event as Event) : event
    if (!state.partitions.has(key)) throw unknownPartition(choice, state)
    const group = arrived.get(key)
    if (group === undefined) arrived.set(key, [sent])
    else group.push(sent)
  }
  const partitions = new Map(state.partitions)
  const deliveries: Delivery<Event>[] = []
  for (const [key, group] of arrived) {
    const partition = partitions.get(key)
    if (partition === undefined) continue
    const { subscription, demand, queue } = partition
    const sent = demand >= group.length ? group : group.slice(0, demand)
    if (subscription !== undefined && sent.length > 0) deliveries.push({ subscription, events: sent })
    const left = sent === group ? queue : add(queue, sent.length === 0 ? group : group.slice(sent.length))
    partitions.set(key, { subscription, demand: demand - sent.length, queue: left })
  }
  return {
    state: { partitions, waiting, debt: state.debt },
    deliveries,
    leftovers: taken === events.length ? [] : events.slice(taken),
  }
}

function unknownPartition<Event>(choice: unknown, state: PartitionState<Event>): RunnerError {
  const known = [...state.partitions.keys()].join(', ')
  return new RunnerError(
    'ERR_BAD_RETURN',
    `the hash of a partitionDispatcher answered ${shown(choice)}; it must answer one of ${known}, or null`,
  )
}
