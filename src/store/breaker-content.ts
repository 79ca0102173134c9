/** How every store keeps a breaker: columns that claims look at, and everything else as JSON. */

import { callsInWindow, NEW_BREAKER, type Breaker, type BreakerId, type BreakerState } from '../job/breaker.ts'
import { parseJson } from './stored-values.ts'
import type { BreakerRecord } from './store.ts'

/** The columns of a breaker, whatever the engine calls them. */
export interface BreakerColumns {
  readonly state: BreakerState
  readonly openUntil: number | null
  readonly version: number
  readonly changedAt: number | null
  readonly content: string
}

type Content = Pick<Breaker, 'mode' | 'settings' | 'slices' | 'probes' | 'passed' | 'changes'>

/** A breaker in its stored form. */
export function encodeBreaker(breaker: Breaker): BreakerColumns {
  const { state, openUntil, version, changedAt, mode, settings, slices, probes, passed, changes } = breaker
  const content: Content = { mode, settings, slices, probes, passed, changes }
  return { state, openUntil, version, changedAt, content: JSON.stringify(content) }
}

/** The breaker that was stored; one whose content cannot be read keeps its state and forgets everything else. */
export function decodeBreaker({ state, openUntil, version, changedAt, content }: BreakerColumns): Breaker {
  // Written by `encodeBreaker`, or nothing.
  const kept = parseJson(content) as Content | null
  return { ...NEW_BREAKER, ...kept, state, openUntil, version, changedAt }
}

/** A breaker as it is shown. */
export function breakerRecord({ queue, by, subject }: BreakerId, breaker: Breaker, now: number): BreakerRecord {
  const { state, mode, openUntil, changedAt, settings, probes, passed, changes } = breaker
  const counted = state === 'half-open' ? { calls: passed, failures: 0 } : callsInWindow(breaker, now)
  const shown = { state, mode, openUntil, changedAt, settings, ...counted, probes: probes.length, changes }
  return { queue, by, subject, ...shown }
}

/** How long a breaker that is closed is remembered when nothing happens to it, in milliseconds. */
export const IDLE_BREAKER_KEPT_MS: number = 24 * 60 * 60 * 1000
