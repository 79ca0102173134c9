/**
 * The default dispatcher: each event goes to one consumer, the one with the biggest outstanding demand first. Consumers with
 * equal demand take turns when events come singly.
 */

import { notABound, notAFunction, refuse, unknownOptions } from '../../process/mistakes.ts'
import type { Subscription } from '../subscription-link.ts'
import type { Delivery, DemandStep, Dispatcher, DispatchStep } from './dispatcher.ts'

/** One consumer. */
interface Entry {
  readonly subscription: Subscription
  /** Events it asked for and was not given yet. */
  readonly demand: number
}

/** The state of a {@link demandDispatcher}. */
export interface DemandState {
  /** The consumers, biggest demand first; of equal ones, the one that changed last is last. */
  readonly entries: readonly Entry[]
  /** The demand of all entries together. */
  readonly total: number
  /** The largest ask that is no surprise: an option, or the first ask there was. */
  readonly expected: number | undefined
  /** Chance, until the first dispatch has shuffled the consumers by it. */
  readonly chance: (() => number) | undefined
}

/** Options of {@link demandDispatcher}. */
export interface DemandDispatcherOptions {
  /**
   * A single ask for more than this is logged (`demand_over_max`), and counts all the same; `Infinity` logs none. Default: the
   * first ask.
   */
  readonly maxDemand?: number | undefined
  /**
   * Chance, such as `Math.random`: the consumers are shuffled once, before the first dispatch, so that several producers do not
   * all begin with the same one. Default: they are not.
   */
  readonly shuffleOnFirstDispatch?: (() => number) | undefined
}

/**
 * Makes the dispatcher that gives each event to the consumer that asked for most.
 *
 * @throws `ERR_BAD_OPTIONS` when `maxDemand` is neither an integer >= 1 nor `Infinity`.
 */
export function demandDispatcher<Event>(options: DemandDispatcherOptions = {}): Dispatcher<Event, DemandState> {
  const { maxDemand, shuffleOnFirstDispatch } = options
  refuse('demandDispatcher', [
    ...unknownOptions('a demandDispatcher', options, ['maxDemand', 'shuffleOnFirstDispatch']),
    ...(maxDemand === undefined ? [] : notABound('maxDemand', maxDemand, 1)),
    ...(shuffleOnFirstDispatch === undefined ? [] : notAFunction('shuffleOnFirstDispatch', shuffleOnFirstDispatch)),
  ])
  return {
    init: () => ({ entries: [], total: 0, expected: maxDemand, chance: shuffleOnFirstDispatch }),
    subscribe: (state, subscription) => ({
      state: { ...state, entries: [...state.entries, { subscription, demand: 0 }] },
    }),
    cancel,
    ask,
    dispatch,
    capacity: (state) => state.total,
  }
}

function cancel<Event>(state: DemandState, subscription: Subscription): DemandStep<Event, DemandState> {
  const { entries } = state
  const entry = entries.find((other) => other.subscription === subscription)
  const remaining = entries.filter((other) => other !== entry)
  return { state: { ...state, entries: remaining, total: state.total - (entry?.demand ?? 0) } }
}

function ask<Event>(state: DemandState, subscription: Subscription, count: number): DemandStep<Event, DemandState> {
  const expected = state.expected ?? count
  const at = state.entries.findIndex((entry) => entry.subscription === subscription)
  const demand = (state.entries[at]?.demand ?? 0) + count
  const entries = moved(state.entries, at, { subscription, demand })
  const next = { entries, total: state.total + count, expected, chance: state.chance }
  if (count <= expected) return { state: next }
  return { state: next, log: { level: 'warn', code: 'demand_over_max', args: [expected, count] } }
}

function dispatch<Event>(state: DemandState, events: readonly Event[]): DispatchStep<Event, DemandState> {
  let entries = state.chance === undefined ? state.entries : shuffled(state.entries, state.chance)
  const [biggest] = entries
  if (biggest !== undefined && events.length > 0 && biggest.demand >= events.length) {
    // One consumer that takes everything is the common case, and then there is nothing to copy.
    const { subscription, demand } = biggest
    entries = moved(entries, 0, { subscription, demand: demand - events.length })
    const next = { entries, total: state.total - events.length, expected: state.expected, chance: undefined }
    return { state: next, deliveries: [{ subscription, events }], leftovers: NONE }
  }
  const deliveries: Delivery<Event>[] = []
  let taken = 0
  for (let first = entries[0]; first !== undefined; first = entries[0]) {
    const count = Math.min(first.demand, events.length - taken)
    if (count === 0) break
    const { subscription, demand } = first
    deliveries.push({ subscription, events: events.slice(taken, taken + count) })
    entries = moved(entries, 0, { subscription, demand: demand - count })
    taken += count
  }
  const leftovers = taken === events.length ? NONE : events.slice(taken)
  const next = { entries, total: state.total - taken, expected: state.expected, chance: undefined }
  return { state: next, deliveries, leftovers }
}

/** In any order, but those without demand last: they get nothing before they ask. */
function shuffled(entries: readonly Entry[], chance: () => number): readonly Entry[] {
  const drawn = entries.map((entry) => ({ entry, at: entry.demand === 0 ? 1 : chance() }))
  return drawn.toSorted((one, other) => one.at - other.at).map(({ entry }) => entry)
}

const NONE: readonly never[] = []

/** The entries with the one at `from` replaced by `entry`, which goes before the first that has less demand. */
function moved(entries: readonly Entry[], from: number, entry: Entry): readonly Entry[] {
  if (entries.length === 1) return [entry]
  const next = [...entries]
  const before = entries.findIndex((other, index) => index !== from && other.demand < entry.demand)
  const to = before === -1 ? entries.length - 1 : before > from ? before - 1 : before
  // Those between the two places make room.
  for (let at = from; at < to; at++) next[at] = entries[at + 1] ?? entry
  for (let at = from; at > to; at--) next[at] = entries[at - 1] ?? entry
  next[to] = entry
  return next
}
