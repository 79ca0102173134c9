/** How long a job waits after a failed attempt. */

import type { Random } from '../host/random.ts'
import { durationProblem, parseDuration, type Duration } from './duration.ts'
import type { BackoffSettings } from './job.ts'
import { suggestion } from './suggest.ts'

/** Exponential backoff as users write it. */
export interface BackoffRange {
  /** The wait after the first failed attempt. */
  readonly base: Duration
  /** By how much each wait is longer than the one before. Default: 4. */
  readonly factor?: number | undefined
  /** The longest wait. Default: `'1h'`, or `base` where that is longer. */
  readonly max?: Duration | undefined
}

/** The option `backoff`: a range, or a function from the number of the failed attempt (1 for the first) to the wait. */
export type BackoffOption = BackoffRange | ((attempt: number) => Duration)

/** {@link BackoffOption}, read. */
export type BackoffPolicy = BackoffSettings | ((attempt: number) => Duration)

/** The backoff of a job that says nothing else: about 5 s, 20 s, 80 s, …, at most an hour. */
export const DEFAULT_BACKOFF: BackoffSettings = Object.freeze({ baseMs: 5_000, factor: 4, maxMs: 3_600_000 })

/**
 * Reads a backoff range.
 *
 * @param value What the user wrote.
 * @param option What it is, for the messages.
 * @param problems Where sentences about what is wrong are added.
 * @returns The settings, or undefined when there were problems.
 */
export function parseBackoffRange(value: unknown, option: string, problems: string[]): BackoffSettings | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(`${option} is ${typeof value}; write { base: "5s", factor: 4, max: "1h" }`)
    return undefined
  }
  const before = problems.length
  const { base, factor = DEFAULT_BACKOFF.factor, max, ...rest } = value as Partial<Record<keyof BackoffRange, unknown>>
  for (const name of Object.keys(rest)) {
    problems.push(`unknown option "${name}" of ${option}${suggestion(name, ['base', 'factor', 'max'])}`)
  }
  const baseMs = readMs(base, `base of ${option}`, problems)
  const maxMs = max === undefined ? undefined : readMs(max, `max of ${option}`, problems)
  if (typeof factor !== 'number' || !(factor >= 1 && factor <= 100)) {
    problems.push(`factor of ${option} is ${String(factor)}; it must be a number from 1 to 100`)
    return undefined
  }
  if (maxMs !== undefined && maxMs < baseMs)
    problems.push(`max of ${option} (${maxMs} ms) is below base (${baseMs} ms)`)
  if (problems.length > before) return undefined
  return { baseMs, factor, maxMs: maxMs ?? Math.max(baseMs, DEFAULT_BACKOFF.maxMs) }
}

function readMs(value: unknown, option: string, problems: string[]): number {
  const problem = durationProblem(value, option)
  if (problem === undefined) return parseDuration(value, option)
  problems.push(problem)
  return 0
}

/**
 * How long to wait after a failed attempt, in milliseconds.
 *
 * A range waits `base * factor ** (attempt - 1)`, at most `max`, with "equal jitter": one half is fixed, the other is drawn
 * evenly, so the wait lies between half of that and all of it. Jobs that failed together come back apart, and none comes
 * back at once. (Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.) The wait of a function is
 * taken as it is.
 *
 * @param attempt The number of the attempt that failed; 1 for the first.
 * @param onProblem Told in a sentence when a function threw or answered no duration; the default backoff is used then.
 */
export function nextDelayMs(
  policy: BackoffPolicy,
  attempt: number,
  random: Pick<Random, 'float'>,
  onProblem?: (problem: string) => void,
): number {
  if (typeof policy !== 'function') return jittered(policy, attempt, random)
  const problem = (sentence: string): number => {
    onProblem?.(`${sentence}; the default backoff is used`)
    return jittered(DEFAULT_BACKOFF, attempt, random)
  }
  let answer: unknown
  try {
    answer = policy(attempt)
  } catch (error) {
    return problem(`the backoff function threw at attempt ${attempt}: ${describeThrown(error)}`)
  }
  const wrong = durationProblem(answer, `the answer of the backoff function at attempt ${attempt}`)
  return wrong === undefined ? parseDuration(answer, 'backoff') : problem(wrong)
}

function jittered(settings: BackoffSettings, attempt: number, random: Pick<Random, 'float'>): number {
  // The power may be Infinity; the smaller of the two is what counts. A base of 0 times Infinity is no number.
  const growth = settings.factor ** Math.max(0, attempt - 1)
  const fullMs = settings.baseMs === 0 ? 0 : Math.min(settings.baseMs * growth, settings.maxMs)
  return Math.round(fullMs / 2 + (random.float() * fullMs) / 2)
}

function describeThrown(error: unknown): string {
  return error instanceof Error ? error.message : typeof error
}
