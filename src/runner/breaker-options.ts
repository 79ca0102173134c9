/** The option `breaker` of a queue. */

import type { BreakerSettings } from '../job/breaker.ts'
import type { Duration } from '../job/duration.ts'
import { optionReader } from '../job/option-reader.ts'
import type { QueueBreaker } from '../queue/breaker-verdict.ts'

/**
 * When jobs of a queue are kept back because what they depend on fails. Every job name, or every key, has a breaker of its own,
 * which all processes share.
 */
export interface BreakerOptions {
  /** What has a breaker of its own: each job name, or each key. Jobs without a key have none then. Default: `'name'`. */
  readonly by?: 'name' | 'key' | undefined
  /** It opens when this share of the attempts in the window failed: above 0, at most 1. Default: 0.5. */
  readonly errorRate?: number | undefined
  /** The attempts of the last so long count: `'1s'` to `'1h'`. Default: `'30s'`. */
  readonly window?: Duration | undefined
  /** With fewer attempts in the window it stays closed: 1 to 1,000,000. Default: 10. */
  readonly minimumCalls?: number | undefined
  /** How long it stays open before probes are let through: at least `'100ms'`. Default: `'30s'`. */
  readonly openFor?: Duration | undefined
  /** How many jobs are let through as probes, over all processes, and must pass before it closes: 1 to 1,000. Default: 1. */
  readonly probes?: number | undefined
  /** Whether an error counts as a failure of what the job depends on. Default: every error does. */
  readonly isFailure?: ((error: unknown) => boolean) | undefined
}

const NAMES = ['by', 'errorRate', 'window', 'minimumCalls', 'openFor', 'probes', 'isFailure'] as const

const DEFAULTS: BreakerSettings = {
  errorRate: 0.5,
  windowMs: 30_000,
  minimumCalls: 10,
  openForMs: 30_000,
  probes: 1,
}

const SHORTEST_WINDOW_MS = 1_000
const LONGEST_WINDOW_MS = 60 * 60_000
const SHORTEST_OPEN_MS = 100

/** Reads the option; null when it is not given. What is wrong ends in `problems`. */
export function readBreaker(value: unknown, ofQueue: string, problems: string[]): QueueBreaker | null {
  if (value === undefined) return null
  const of = `breaker of ${ofQueue}`
  const reader = optionReader({ value, of, names: NAMES, problems })
  const by = reader.get('by')
  if (by !== undefined && by !== 'name' && by !== 'key') {
    reader.problem(`option "by" of ${of} is ${JSON.stringify(by) ?? 'undefined'}; it must be "name" or "key"`)
  }
  const errorRate = reader.get('errorRate')
  if (errorRate !== undefined && !(typeof errorRate === 'number' && errorRate > 0 && errorRate <= 1)) {
    const shown = typeof errorRate === 'number' ? String(errorRate) : typeof errorRate
    reader.problem(`option "errorRate" of ${of} is ${shown}; it must be a number above 0 and at most 1`)
  }
  const isFailure = reader.get('isFailure')
  if (isFailure !== undefined && typeof isFailure !== 'function') {
    reader.problem(`option "isFailure" of ${of} is ${typeof isFailure}; it must be a function of an error`)
  }
  const windowMs = reader.duration('window') ?? DEFAULTS.windowMs
  if (windowMs < SHORTEST_WINDOW_MS || windowMs > LONGEST_WINDOW_MS) {
    reader.problem(`option "window" of ${of} is ${windowMs} ms; it must be from 1 s to 1 h`)
  }
  const openForMs = reader.duration('openFor') ?? DEFAULTS.openForMs
  if (openForMs < SHORTEST_OPEN_MS) {
    reader.problem(`option "openFor" of ${of} is ${openForMs} ms; it must be at least ${SHORTEST_OPEN_MS} ms`)
  }
  return Object.freeze({
    by: by === 'key' ? 'key' : 'name',
    settings: Object.freeze({
      errorRate: typeof errorRate === 'number' ? errorRate : DEFAULTS.errorRate,
      windowMs,
      minimumCalls: reader.integer('minimumCalls', 1, 1_000_000) ?? DEFAULTS.minimumCalls,
      openForMs,
      probes: reader.integer('probes', 1, 1_000) ?? DEFAULTS.probes,
    }),
    // It was looked at above that it is a function; what it answers is the user's word.
    isFailure: typeof isFailure === 'function' ? (isFailure as (error: unknown) => boolean) : null,
  })
}
