/** The bounds of a queue's concurrency as callers give them: a number, or a range. */

import type { OptionReader } from '../job/option-reader.ts'
import { optionReader } from '../job/option-reader.ts'
import type { ScaleBounds } from '../store/store.ts'

/** How many jobs of a queue run at the same time in one process: always so many, or as the load asks for. 1 to 10,000. */
export type ConcurrencyOption = number | { readonly min: number; readonly max: number }

/** The most consumers of a queue in one process. */
export const MOST_CONSUMERS = 10_000

/** Reads bounds; what is wrong ends in `problems`, and undefined is answered. */
export function readConcurrency(value: unknown, of: string, problems: string[]): ScaleBounds | undefined {
  if (typeof value === 'object' && value !== null) {
    const reader = optionReader({ value, of: `concurrency of ${of}`, names: ['min', 'max'], problems })
    return readRange(reader, of)
  }
  const reader = optionReader({ value: { concurrency: value }, of, names: ['concurrency'], problems })
  const count = reader.integer('concurrency', 1, MOST_CONSUMERS)
  return count === undefined ? undefined : { min: count, max: count }
}

function readRange(reader: OptionReader, of: string): ScaleBounds | undefined {
  const ends = (['min', 'max'] as const).map((name) => {
    if (reader.get(name) === undefined) reader.problem(`option "${name}" of concurrency of ${of} is missing`)
    return reader.integer(name, 1, MOST_CONSUMERS)
  })
  const [min, max] = ends
  if (min === undefined || max === undefined) return undefined
  if (min <= max) return { min, max }
  reader.problem(`concurrency of ${of} is ${min} to ${max}; min must not be above max`)
  return undefined
}

/** The bounds as callers give them. */
export function concurrencyOption({ min, max }: ScaleBounds): ConcurrencyOption {
  return min === max ? min : { min, max }
}
