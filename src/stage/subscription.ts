/** The arithmetic of a subscription: its options, and how a message of events is cut into batches and asks. Pure. */

import { RunnerError } from '../host/errors.ts'
import { shown } from '../process/mistakes.ts'

const CANCEL_MODES = ['permanent', 'transient', 'temporary'] as const
const DEFAULT_MAX_DEMAND = 1000

/**
 * What losing a subscription does to its consumer: `permanent` stops it, `transient` stops it unless the reason is clean,
 * `temporary` lets it live on.
 */
export type CancelMode = (typeof CANCEL_MODES)[number]

/** The options of a subscription as both sides see them. Unknown ones travel along. */
export interface SubscriptionOptions {
  /** The most events in flight, as long as nobody asks by hand. */
  readonly maxDemand: number
  /** The consumer asks again when no more than this many events are in flight. */
  readonly minDemand: number
  readonly cancel: CancelMode
  readonly [option: string]: unknown
}

/** A wish to subscribe, without whom to. */
export interface SubscriptionRequest {
  /** An integer >= 1. Default: 1000. */
  readonly maxDemand?: number | undefined
  /** An integer from 0 to `maxDemand` - 1. Default: half of `maxDemand`, rounded down. */
  readonly minDemand?: number | undefined
  /** Default: `permanent`. */
  readonly cancel?: CancelMode | undefined
  /** Whatever both `handleSubscribe` callbacks, or the dispatcher, want to know. */
  readonly [option: string]: unknown
}

/**
 * Fills in the defaults.
 *
 * @throws `ERR_BAD_OPTIONS` when a value is out of its bounds.
 */
export function parseSubscriptionOptions(request: SubscriptionRequest): SubscriptionOptions {
  const { to: _, ...options } = request
  const maxDemand = request.maxDemand ?? DEFAULT_MAX_DEMAND
  const minDemand = request.minDemand ?? Math.floor(maxDemand / 2)
  const cancel = request.cancel ?? 'permanent'
  if (!Number.isInteger(maxDemand) || maxDemand < 1) {
    throw badSubscriptionOption(`maxDemand must be an integer >= 1, not ${shown(maxDemand)}`)
  }
  if (!Number.isInteger(minDemand) || minDemand < 0 || minDemand >= maxDemand) {
    throw badSubscriptionOption(
      `minDemand must be an integer from 0 to ${maxDemand - 1} (maxDemand - 1), not ${shown(minDemand)}`,
    )
  }
  if (!CANCEL_MODES.includes(cancel)) {
    throw badSubscriptionOption(`cancel must be one of ${CANCEL_MODES.join(', ')}, not ${shown(cancel)}`)
  }
  return { ...options, maxDemand, minDemand, cancel }
}

/** The refusal of a subscription's option. */
export function badSubscriptionOption(mistake: string): RunnerError {
  return new RunnerError('ERR_BAD_OPTIONS', `bad subscription option: ${mistake}`)
}

/** The part of a message that one `handleEvents` call gets. */
export interface Batch {
  readonly size: number
  /** What to ask for when the batch is handled; 0 is nothing. */
  readonly ask: number
  /** How many of these events nobody had asked for. */
  readonly excess: number
}

/** What to do with one message. */
export interface BatchPlan {
  readonly batches: readonly Batch[]
  /** Events asked for and not yet received, once all of `batches` is done. */
  readonly due: number
}

/**
 * Cuts a message of `count` events into batches of at most `maxDemand - minDemand`, in order. A batch that brings `due` down to
 * `minDemand` or below is followed by an ask that fills it up to `maxDemand`. Nothing is carried from message to message.
 *
 * @param due Events asked for and not yet received.
 */
export function planBatches(due: number, count: number, options: SubscriptionOptions): BatchPlan {
  const largest = options.maxDemand - options.minDemand
  if (count > 0 && count <= largest) {
    // The common case; a list of one is made without room for more.
    const batch = planBatch({ due, allowance: due }, count, options)
    return { batches: [batch], due: due + batch.excess - count + batch.ask }
  }
  const batches: Batch[] = []
  // What was asked for before this message came; asks made on the way do not cover its events.
  let allowance = due
  let remainingDue = due
  for (let left = count; left > 0; left -= largest) {
    const batch = planBatch({ due: remainingDue, allowance }, Math.min(left, largest), options)
    allowance -= batch.size - batch.excess
    remainingDue += batch.excess - batch.size + batch.ask
    batches.push(batch)
  }
  return { batches, due: remainingDue }
}

function planBatch(
  { due, allowance }: { readonly due: number; readonly allowance: number },
  size: number,
  { maxDemand, minDemand }: SubscriptionOptions,
): Batch {
  const expected = Math.min(size, allowance)
  const left = due - expected
  return { size, ask: left <= minDemand ? maxDemand - left : 0, excess: size - expected }
}
