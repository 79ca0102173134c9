/**
 * The dispatcher that gives every event to every consumer. Events flow as far as the slowest consumer has asked; a consumer that
 * joins holds the others back until it asks.
 *
 *     surplus of a consumer: what it asked for beyond the common demand
 *     waiting: the common demand that is not yet met = what an emission may still hand out
 */

import { reasonOf, type ExitReason } from '../../process/exit-reason.ts'
import { shown } from '../../process/mistakes.ts'
import type { Subscription } from '../subscription-link.ts'
import type { Delivery, DemandStep, Dispatcher, DispatchStep, SubscribeStep } from './dispatcher.ts'

/** One consumer. */
interface Entry {
  readonly subscription: Subscription
  /** What it asked for beyond the common demand. */
  readonly surplus: number
  /** Which events it wants; absent is all. */
  readonly selector: ((event: unknown) => unknown) | undefined
}

/** The state of a {@link broadcastDispatcher}. */
export interface BroadcastState {
  readonly entries: readonly Entry[]
  /** How many events all consumers have asked for and not been given. */
  readonly waiting: number
}

/**
 * Makes the dispatcher that gives each event to all consumers.
 *
 * A stage can subscribe once; a second subscription is refused with `already_subscribed`, which stops nobody. The subscription
 * option `selector`, a function from event to boolean, gives its consumer the events it is true for; what was left out is asked
 * for again on the consumer's behalf. A selector that is no function is refused with `bad_selector`; one that throws loses its
 * consumer the subscription, with that error.
 */
export function broadcastDispatcher<Event>(): Dispatcher<Event, BroadcastState> {
  return {
    init: () => ({ entries: [], waiting: 0 }),
    subscribe,
    cancel,
    ask,
    dispatch,
    capacity: (state) => state.waiting,
  }
}

function subscribe(state: BroadcastState, subscription: Subscription): SubscribeStep<BroadcastState> {
  const { selector } = subscription.options
  const isKnown = state.entries.some((entry) => entry.subscription.consumer.id === subscription.consumer.id)
  if (isKnown) return refusal('already_subscribed', [], 'a stage subscribes to a broadcast once')
  if (selector !== undefined && typeof selector !== 'function')
    return refusal('bad_selector', [selector], `selector must be a function, not ${shown(selector)}`)
  const entries = state.entries.map((entry) => ({ ...entry, surplus: entry.surplus + state.waiting }))
  // A function is called with what it is meant for: an event. What it answers is taken as true or false.
  const wanted = selector as Entry['selector']
  return { state: { entries: [...entries, { subscription, surplus: 0, selector: wanted }], waiting: 0 } }
}

function refusal(code: ExitReason & string, args: readonly unknown[], message: string): SubscribeStep<BroadcastState> {
  return { refused: code, log: { level: 'error', code, args, message } }
}

function ask<Event>(
  state: BroadcastState,
  subscription: Subscription,
  count: number,
): DemandStep<Event, BroadcastState> {
  const entries = state.entries.map((entry) =>
    entry.subscription === subscription ? { ...entry, surplus: entry.surplus + count } : entry,
  )
  return { state: settled(entries, state.waiting) }
}

function cancel<Event>(state: BroadcastState, subscription: Subscription): DemandStep<Event, BroadcastState> {
  const entries = state.entries.filter((entry) => entry.subscription !== subscription)
  return { state: entries.length === 0 ? { entries, waiting: 0 } : settled(entries, state.waiting) }
}

/** Moves what all have in common from the surpluses to the common demand. */
function settled(entries: readonly Entry[], waiting: number): BroadcastState {
  let common = Number.POSITIVE_INFINITY
  for (const { surplus } of entries) common = Math.min(common, surplus)
  if (common === 0 || entries.length === 0) return { entries, waiting }
  return {
    entries: entries.map((entry) => ({ ...entry, surplus: entry.surplus - common })),
    waiting: waiting + common,
  }
}

function dispatch<Event>(state: BroadcastState, events: readonly Event[]): DispatchStep<Event, BroadcastState> {
  const { entries, waiting } = state
  const count = Math.min(waiting, events.length)
  if (count === 0) return { state, deliveries: [], leftovers: events }
  const handedOut = count === events.length ? events : events.slice(0, count)
  return {
    state: { entries, waiting: waiting - count },
    deliveries: entries.map((entry) => delivery(entry, handedOut)),
    leftovers: count === events.length ? [] : events.slice(count),
  }
}

function delivery<Event>({ subscription, selector }: Entry, events: readonly Event[]): Delivery<Event> {
  if (selector === undefined) return { subscription, events }
  try {
    const selected = events.filter((event) => selector(event))
    return { subscription, events: selected, withheld: events.length - selected.length }
  } catch (error) {
    // The consumer's mistake: it loses its subscription, and nobody else loses anything.
    return { subscription, events: [], refused: reasonOf(error) }
  }
}
