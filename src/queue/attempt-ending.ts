/** From how a handler ended to what becomes of its job. Pure. */

import { unreachable } from '../host/errors.ts'
import type { Random } from '../host/host.ts'
import { encodeValue } from '../job/args-codec.ts'
import { toErrorRecord } from '../job/error-record.ts'
import type { ClaimedJob, ErrorRecord } from '../job/job.ts'
import { isOutcome, type Outcome } from '../job/outcome.ts'
import { DEFAULT_BACKOFF, nextDelayMs, type BackoffPolicy } from '../job/retry-policy.ts'
import type { AttemptEnding } from '../store/store.ts'
import type { StopReason } from './running-jobs.ts'

/** How a handler ended. */
export type HandlerEnd =
  | { readonly type: 'returned'; readonly value: unknown }
  | { readonly type: 'threw'; readonly error: unknown }
  /** It outlived its grace after it was told to stop. */
  | { readonly type: 'given-up' }

/** What the judgement needs to know. */
export interface EndingFacts {
  readonly job: ClaimedJob
  readonly end: HandlerEnd
  /** Why it had been told to stop, if it had. */
  readonly stopReason: StopReason | undefined
  readonly backoff: BackoffPolicy | undefined
  readonly random: Pick<Random, 'float'>
  readonly onBackoffProblem: (job: ClaimedJob, sentence: string) => void
}

/** What becomes of a job whose handler ended; `returned` means that it goes back unrun. */
export type Judgement = { readonly ending: AttemptEnding; readonly isDiscarded: boolean } | 'returned'

/** Judges how an attempt ended. */
export function judgeAttempt(facts: EndingFacts): Judgement {
  const { end, stopReason } = facts
  if (stopReason?.type === 'unhandled') return kept(retryOrFail(facts, toErrorRecord(stopReason.error), null))
  if (end.type === 'returned') {
    return isOutcome(end.value) ? judgeOutcome(facts, end.value) : kept(complete(end.value))
  }
  switch (stopReason?.type) {
    case 'interrupted':
    case 'lease-lost':
      return 'returned'
    case 'cancelled':
      return kept({
        type: 'cancelled',
        error: { name: 'JobCancelledError', message: 'cancelled by an operator while it ran' },
      })
    case 'timeout':
      return kept(retryOrFail(facts, timeoutRecord(stopReason.timeoutMs, end), null))
    case undefined:
      return kept(retryOrFail(facts, toErrorRecord(end.type === 'threw' ? end.error : undefined), null))
    default:
      return unreachable(stopReason)
  }
}

/** The end of an attempt that could not begin: its args cannot be read, or do not fit. Trying again would not help. */
export function neverBegan(error: unknown): AttemptEnding {
  return { type: 'failed', error: toErrorRecord(error) }
}

function judgeOutcome(facts: EndingFacts, outcome: Outcome): Judgement {
  switch (outcome.outcome) {
    case 'snooze':
      return kept({ type: 'snoozed', delayMs: outcome.delayMs })
    case 'cancel':
      return kept({ type: 'cancelled', error: { name: 'JobCancelledError', message: outcome.reason } })
    case 'discard':
      return {
        ending: { type: 'failed', error: { name: 'JobDiscardedError', message: outcome.reason } },
        isDiscarded: true,
      }
    case 'retry':
      return kept(retryOrFail(facts, { name: 'JobRetryError', message: outcome.reason }, outcome.delayMs))
    default:
      return unreachable(outcome)
  }
}

/** The effects of the handler have happened, so a result that cannot be kept does not make it fail. */
function complete(value: unknown): AttemptEnding {
  // The result of most handlers: read back, nothing stored is undefined too.
  if (value === undefined) return { type: 'completed', result: null, error: null }
  try {
    const { codec, text } = encodeValue(value, 'result')
    return { type: 'completed', result: { codec, text }, error: null }
  } catch (error) {
    return { type: 'completed', result: null, error: toErrorRecord(error) }
  }
}

function retryOrFail(facts: EndingFacts, error: ErrorRecord, delayMs: number | null): AttemptEnding {
  const { job, backoff, random, onBackoffProblem } = facts
  if (job.attempt >= job.maxAttempts) return { type: 'failed', error }
  const policy = job.backoff ?? backoff ?? DEFAULT_BACKOFF
  return {
    type: 'retry',
    error,
    delayMs: delayMs ?? nextDelayMs(policy, job.attempt, random, (sentence) => onBackoffProblem(job, sentence)),
  }
}

function timeoutRecord(timeoutMs: number, end: HandlerEnd): ErrorRecord {
  const message = `the job ran longer than its timeout of ${timeoutMs} ms${end.type === 'given-up' ? ' and did not heed its signal' : ''}`
  const record = { name: 'JobTimeoutError', message, code: 'ERR_JOB_TIMEOUT' }
  return end.type === 'threw' ? { ...record, cause: toErrorRecord(end.error) } : record
}

function kept(ending: AttemptEnding): Judgement {
  return { ending, isDiscarded: false }
}
