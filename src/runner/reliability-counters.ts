/** How often the guarantees were put to the test in this process: counted from the events about it, which are rare. */

import type { Store } from '../store/store.ts'
import type { Bus } from '../telemetry/bus.ts'
import type { RunnerEvents } from './events.ts'

/** Counts since the runner was made. In a healthy system all may be above 0 but `surplusJobs`. */
export interface ReliabilityCounters {
  /** Ends of attempts that came too late and changed nothing. */
  readonly staleAcks: number
  /** Dead nodes that this process found, and what became of their jobs. */
  readonly rescuedNodes: number
  readonly rescuedRequeued: number
  readonly rescuedFailed: number
  readonly rescuedCancelled: number
  /** Those of `rescuedFailed` that were set aside because they were in too many crashes. */
  readonly quarantined: number
  /** Jobs that this process handed back unended. */
  readonly givenBack: number
  /** Handlers that were stopped before their end. */
  readonly interrupted: number
  /** How often the leases of this process were gone: declared dead by others, or not heard for too long. */
  readonly fencedDeclaredDead: number
  readonly fencedUnconfirmed: number
  /** Jobs of which nobody knows whether they are stored. */
  readonly unknownOutcomes: number
  /** How often hints of other processes ceased to come, so that jobs were looked for by asking. */
  readonly hintsLost: number
  /** How often the clock of this machine was set. */
  readonly clockJumps: number
  /** Handlers that went on although they were told to stop. */
  readonly stuckHandlers: number
  readonly queueCrashes: number
  readonly storeErrors: number
  /** Jobs that the store handed out and nobody had asked for: a bug when above 0. */
  readonly surplusJobs: number
}

type Counts = { -readonly [Name in Exclude<keyof ReliabilityCounters, 'hintsLost'>]: number }

/** Begins to count; answers what tells the counts of then. */
export function countReliability(
  bus: Pick<Bus<RunnerEvents>, 'on'>,
  store: Pick<Store, 'timesUnheard'>,
): () => ReliabilityCounters {
  const counts: Counts = {
    staleAcks: 0,
    rescuedNodes: 0,
    rescuedRequeued: 0,
    rescuedFailed: 0,
    rescuedCancelled: 0,
    quarantined: 0,
    givenBack: 0,
    interrupted: 0,
    fencedDeclaredDead: 0,
    fencedUnconfirmed: 0,
    unknownOutcomes: 0,
    clockJumps: 0,
    stuckHandlers: 0,
    queueCrashes: 0,
    storeErrors: 0,
    surplusJobs: 0,
  }
  const add = (name: keyof Counts, count = 1): void => void (counts[name] += count)
  bus.on('job:stale', () => add('staleAcks'))
  bus.on('job:interrupt', () => add('interrupted'))
  bus.on('job:unknown', ({ jobs }) => add('unknownOutcomes', jobs))
  bus.on('job:stuck', () => add('stuckHandlers'))
  bus.on('queue:crash', () => add('queueCrashes'))
  bus.on('node:give-back', ({ jobs }) => add('givenBack', jobs))
  bus.on('node:surplus', ({ jobs }) => add('surplusJobs', jobs))
  bus.on('node:clock', () => add('clockJumps'))
  bus.on('node:fenced', ({ reason }) => add(reason === 'declared-dead' ? 'fencedDeclaredDead' : 'fencedUnconfirmed'))
  bus.on('store:error', () => add('storeErrors'))
  bus.on('node:rescue', ({ requeued, failed, cancelled, quarantined }) => {
    add('rescuedNodes')
    add('rescuedRequeued', requeued.length)
    add('rescuedFailed', failed.length)
    add('rescuedCancelled', cancelled.length)
    add('quarantined', quarantined.length)
  })
  return () => ({ ...counts, hintsLost: store.timesUnheard() })
}
