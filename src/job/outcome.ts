/** What a handler may return instead of a result, to say how its job goes on. */

import { parseDuration, type Duration } from './duration.ts'
import { jobError } from './errors.ts'
import { sanitizeText } from './stored-text.ts'

/** A reason is stored with the job, so it has the limit of an error message. */
const LONGEST_REASON_BYTES = 8 * 1024

/** Only this file can make one: the private field is what tells an outcome from an object that looks like one. */
class OutcomeBrand {
  readonly #isOutcome = true

  static marks(value: unknown): boolean {
    return typeof value === 'object' && value !== null && #isOutcome in value && value.#isOutcome
  }
}

/** The job runs again after a while, and this attempt is not counted. */
export interface SnoozeOutcome extends OutcomeBrand {
  readonly outcome: 'snooze'
  readonly delayMs: number
}

/** The job ends as cancelled. */
export interface CancelOutcome extends OutcomeBrand {
  readonly outcome: 'cancel'
  readonly reason: string
}

/** The job ends as failed, whatever attempts are left. */
export interface DiscardOutcome extends OutcomeBrand {
  readonly outcome: 'discard'
  readonly reason: string
}

/** The attempt failed, without an error being thrown. */
export interface RetryOutcome extends OutcomeBrand {
  readonly outcome: 'retry'
  readonly reason: string
  /** Null: the backoff of the job. */
  readonly delayMs: number | null
}

/** A value that {@link snooze}, {@link cancel}, {@link discard} or {@link retry} made. Never part of a job's result type. */
export type Outcome = SnoozeOutcome | CancelOutcome | DiscardOutcome | RetryOutcome

/**
 * Puts the job off: `return snooze('5m')`. It costs no attempt.
 *
 * @param duration How long, in milliseconds or as a text such as `'5m'`.
 * @throws `ERR_BAD_DURATION` when the duration cannot be read.
 */
export function snooze(duration: Duration): SnoozeOutcome {
  return branded({ outcome: 'snooze', delayMs: parseDuration(duration, 'duration of snooze()') })
}

/**
 * Ends the job as cancelled: `return cancel('the order was withdrawn')`.
 *
 * @param reason Why, for people; at most 8 KiB of it are kept.
 * @throws `ERR_BAD_OUTCOME` when the reason is no text.
 */
export function cancel(reason: string): CancelOutcome {
  return branded({ outcome: 'cancel', reason: parseReason('cancel', reason) })
}

/**
 * Ends the job as failed at once, whatever attempts are left: `return discard('the user is gone')`.
 *
 * @param reason Why, for people; at most 8 KiB of it are kept.
 * @throws `ERR_BAD_OUTCOME` when the reason is no text.
 */
export function discard(reason: string): DiscardOutcome {
  return branded({ outcome: 'discard', reason: parseReason('discard', reason) })
}

/** Options of {@link retry}. */
export interface RetryOptions {
  /** How long to wait before the next attempt. Default: the backoff of the job. */
  readonly delay?: Duration | undefined
}

/**
 * Ends the attempt as failed without a throw: `return retry('the bank is closed', { delay: '1h' })`. It counts as an
 * attempt; the last one ends the job as failed.
 *
 * @param reason Why, for people; at most 8 KiB of it are kept.
 * @throws `ERR_BAD_OUTCOME` when the reason is no text, `ERR_BAD_DURATION` when the delay cannot be read.
 */
export function retry(reason: string, options: RetryOptions = {}): RetryOutcome {
  const delayMs = options.delay === undefined ? null : parseDuration(options.delay, 'delay of retry()')
  return branded({ outcome: 'retry', reason: parseReason('retry', reason), delayMs })
}

/** Whether `value` was made by {@link snooze}, {@link cancel}, {@link discard} or {@link retry} of this process. */
export function isOutcome(value: unknown): value is Outcome {
  return OutcomeBrand.marks(value)
}

function parseReason(verb: string, reason: unknown): string {
  if (typeof reason === 'string') return sanitizeText(reason, LONGEST_REASON_BYTES)
  const hint = reason instanceof Error ? '; pass its message, or throw it' : ''
  throw jobError('ERR_BAD_OUTCOME', `the reason of ${verb}() is ${typeof reason}, not a string${hint}`)
}

function branded<Fields extends object>(fields: Fields): Fields & OutcomeBrand {
  const value = Object.assign(new OutcomeBrand(), fields)
  Object.freeze(value)
  return value
}
