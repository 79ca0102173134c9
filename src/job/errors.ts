/** What can go wrong with a job, as its callers see it. */

import { RunnerError } from '../host/errors.ts'
import { fromErrorRecord } from './error-record.ts'
import type { ErrorRecord } from './job.ts'

/** The codes of job errors and what each means. */
export const JOB_ERRORS = {
  ERR_CONFIGURATION: 'options are wrong; the message lists every problem',
  ERR_BAD_OPTIONS: 'options of enqueue are wrong; the message lists every problem',
  ERR_BAD_DURATION: 'a duration cannot be read, is negative, or is longer than ten years',
  ERR_BAD_OUTCOME: 'snooze, cancel, discard or retry was called with a wrong value',
  ERR_BAD_KEY: 'the key of a job cannot be read from its args, or is no string of 1 to 256 characters',
  ERR_NOT_AVAILABLE: 'the feature is planned, but this version does not have it',
  ERR_ARGS_INVALID: 'the args do not fit the input schemas of the job',
  ERR_ARGS_TOO_LARGE: 'a value is larger than a job may carry',
  ERR_VALUE_UNSUPPORTED: 'a value holds something that cannot be stored and read back exactly',
  ERR_VALUE_UNREADABLE: 'a stored value cannot be decoded',
  ERR_UNREGISTERED_FUNCTION: 'the function is not among the jobs of the runner',
  ERR_UNKNOWN_JOB: 'no job of that name is registered',
  ERR_NOT_IN_JOB: 'currentJob() was called outside of a running job',
  ERR_JOB_FAILED: 'the job ended as failed',
  ERR_JOB_CANCELLED: 'the job was cancelled',
  ERR_JOB_NOT_FOUND: 'no job of that id is stored',
  ERR_RESULT_TIMEOUT: 'the job did not end in the time that the caller waits',
  ERR_RESULT_NOT_KEPT: 'the job completed, but its result could not be kept',
  ERR_STALE_LEASE: 'the attempt no longer holds its job: it was handed to another, or has ended',
  ERR_ILLEGAL_TRANSITION: 'an event does not apply to the state of the job',
} as const

/** A code of {@link JOB_ERRORS}. */
export type JobErrorCode = keyof typeof JOB_ERRORS

/** An error of the job folder; see {@link JOB_ERRORS} for its codes. */
export function jobError(code: JobErrorCode, message: string, cause?: unknown): RunnerError {
  return new RunnerError(code, message, cause === undefined ? undefined : { cause })
}

/** Options are wrong. Thrown once with every problem found, before anything starts. Code `ERR_CONFIGURATION`. */
export class ConfigurationError extends RunnerError {
  override readonly name: string = 'ConfigurationError'
  /** One sentence for each problem, in the order in which they were found. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[], options: { readonly of?: string | undefined } = {}) {
    super('ERR_CONFIGURATION', listProblems(options.of ?? 'the configuration', problems))
    this.problems = Object.freeze([...problems])
  }
}

/** The message of an error that gathers problems: the only one in a line, several in a list. */
export function listProblems(what: string, problems: readonly string[]): string {
  if (problems.length === 1) return `${what} has a problem: ${problems[0] ?? ''}`
  return [`${what} has ${problems.length} problems:`, ...problems.map((problem) => `  - ${problem}`)].join('\n')
}

/**
 * The job ended as failed: its attempts are used up, or it was discarded. The message is that of the job's own error, and
 * `cause` is that error. Code `ERR_JOB_FAILED`.
 */
export class JobFailedError extends RunnerError {
  override readonly name: string = 'JobFailedError'
  /** The id of the job that failed. */
  readonly jobId: string
  /** The last error of the job, as it is stored. */
  readonly jobError: ErrorRecord

  constructor(jobId: string, error: ErrorRecord) {
    super('ERR_JOB_FAILED', error.message, { cause: fromErrorRecord(error) })
    this.jobId = jobId
    this.jobError = error
  }
}

/** The job was cancelled before it completed. Code `ERR_JOB_CANCELLED`. */
export class JobCancelledError extends RunnerError {
  override readonly name: string = 'JobCancelledError'
  /** The id of the job that was cancelled. */
  readonly jobId: string
  /** Why, in the words of who cancelled it; null when nobody said. */
  readonly reason: string | null

  constructor(jobId: string, reason: string | null = null) {
    super('ERR_JOB_CANCELLED', `job ${jobId} was cancelled${reason === null ? '' : `: ${reason}`}`)
    this.jobId = jobId
    this.reason = reason
  }
}

/** The job did not end in the time that the caller waits; the job itself goes on. Code `ERR_RESULT_TIMEOUT`. */
export class ResultTimeoutError extends RunnerError {
  override readonly name: string = 'ResultTimeoutError'
  /** The id of the job that was waited for. */
  readonly jobId: string
  /** How long the caller waited, in milliseconds. */
  readonly timeoutMs: number

  constructor(jobId: string, timeoutMs: number) {
    super(
      'ERR_RESULT_TIMEOUT',
      `job ${jobId} did not end within ${timeoutMs} ms; it goes on, and runner.result(id) can be asked again`,
    )
    this.jobId = jobId
    this.timeoutMs = timeoutMs
  }
}

/** No job of that id is stored: it never was, or its record was dropped after it ended. Code `ERR_JOB_NOT_FOUND`. */
export class JobNotFoundError extends RunnerError {
  override readonly name: string = 'JobNotFoundError'
  /** The id that was asked for. */
  readonly jobId: string

  constructor(jobId: string) {
    super(
      'ERR_JOB_NOT_FOUND',
      `no job ${jobId} is stored: it never was, or it ended and its record was dropped (see "keep" of its queue)`,
    )
    this.jobId = jobId
  }
}

/** The job completed, but what it returned could not be kept. Code `ERR_RESULT_NOT_KEPT`. */
export class ResultNotKeptError extends RunnerError {
  override readonly name: string = 'ResultNotKeptError'
  /** The id of the job that completed. */
  readonly jobId: string

  constructor(jobId: string, reason: string) {
    super('ERR_RESULT_NOT_KEPT', `job ${jobId} completed, but its result was not kept: ${reason}`)
    this.jobId = jobId
  }
}
