/** Lengths of time as users write them. */

import { jobError } from './errors.ts'

/** A length of time: a number of milliseconds, or a text such as `'250ms'`, `'10s'`, `'5m'`, `'2h'`, `'1.5h'` or `'7d'`. */
export type Duration = number | string

/** No duration may be longer: ten years of 365 days, in milliseconds. */
export const LONGEST_DURATION_MS: number = 10 * 365 * 24 * 60 * 60 * 1000

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60 * 1000],
  ['h', 60 * 60 * 1000],
  ['d', 24 * 60 * 60 * 1000],
])

const DURATION_PATTERN = /^(\d{1,15}(?:\.\d{1,9})?)(ms|s|m|h|d)$/

/**
 * Reads a duration.
 *
 * @param value What the user wrote.
 * @param option What it is, for the message: `timeout`, `delay of enqueue`.
 * @returns Milliseconds, 0 or more, rounded to whole ones.
 * @throws `ERR_BAD_DURATION` for anything but a {@link Duration}, for negative ones, and above ten years.
 */
export function parseDuration(value: unknown, option: string): number {
  const problem = durationProblem(value, option)
  if (problem !== undefined) throw jobError('ERR_BAD_DURATION', problem)
  return Math.round(toMs(value))
}

/** What is wrong with a duration, as a sentence, or undefined: for those who gather problems. */
export function durationProblem(value: unknown, option: string): string | undefined {
  const ms = toMs(value)
  if (Number.isNaN(ms)) {
    return `${option} is ${show(value)}, which is no duration; write milliseconds or a text such as "250ms", "10s", "5m", "2h", "7d"`
  }
  if (ms < 0) return `${option} is ${show(value)}; a duration cannot be negative`
  if (ms > LONGEST_DURATION_MS) return `${option} is ${show(value)}, which is longer than ten years ("3650d")`
  return undefined
}

/** NaN for what is no duration. */
function toMs(value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return Number.NaN
  const [, amount = '', unit = ''] = DURATION_PATTERN.exec(value.trim()) ?? []
  return Number(amount === '' ? Number.NaN : amount) * (UNIT_MS.get(unit) ?? Number.NaN)
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  return value === null ? 'null' : typeof value
}
