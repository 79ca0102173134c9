/** A job as the API shows it. */

import { dateOrNull, toDate } from '../host/time.ts'
import { decodeValue } from '../job/args-codec.ts'
import type { Forensics } from '../job/forensics.ts'
import type { AttemptRecord, EncodedValue, ErrorRecord, JobRecord, JobState } from '../job/job.ts'
import { readCarrier } from '../telemetry/trace-carrier.ts'
import type { ErrorGroupRecord, JobDetails } from '../store/store.ts'

/** One attempt of a job. */
export interface AttemptInfo {
  /** 1 for the first; an operator's retry begins at 1 again. */
  readonly attempt: number
  /** The id of the node that ran it; null when that is not known. */
  readonly node: string | null
  readonly startedAt: Date | null
  /** Null while it runs. */
  readonly endedAt: Date | null
  readonly error?: ErrorRecord | undefined
  /** What `currentJob().log()` was given. */
  readonly logs: readonly string[]
}

/** A job without its attempts. */
export interface JobSummary {
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly state: JobState
  /** The tuple of the function's arguments; the stored text where it cannot be read. */
  readonly args: unknown
  readonly key: string | null
  readonly tags: readonly string[]
  readonly priority: number
  /** How many attempts have begun. */
  readonly attempt: number
  readonly maxAttempts: number
  /** What the function returned; undefined until it completed, or when it returned nothing. */
  readonly result: unknown
  /** Why it failed, waits for its next attempt, or was cancelled; or why its result could not be kept. */
  readonly error: ErrorRecord | null
  /** 0 to 1, as the handler told it last. */
  readonly progress: number | null
  readonly createdAt: Date
  readonly dueAt: Date
  /** Null while the job waits, and for the first moments of its run. */
  readonly startedAt: Date | null
  readonly endedAt: Date | null
}

/** Everything that is known of a job. */
export interface JobInfo extends JobSummary {
  /** Oldest first. */
  readonly attempts: readonly AttemptInfo[]
  /** Of a failed job: the same for errors that are alike. See `runner.dead.groups()`. */
  readonly fingerprint?: string | undefined
  /**
   * Of a failed job: what its node knew in the moment in which it failed, or what was found of its process, where that had died.
   * Absent where its stored row could not be read.
   */
  readonly forensics?: Forensics | undefined
  /** The trace context with which it was enqueued, such as `{ traceparent: '00-…' }`; absent where nothing was traced. */
  readonly trace?: Readonly<Record<string, string>> | undefined
}

/** A failed job. */
export interface DeadLetter extends JobInfo {
  readonly state: 'failed'
  readonly error: ErrorRecord
  readonly endedAt: Date
  readonly fingerprint: string
}

/** Errors that are alike: of the same job name, and with the same fingerprint. */
export interface ErrorGroup {
  readonly fingerprint: string
  /** The name of the job, such as `mailer.sendWelcome`. */
  readonly name: string
  /** Of the last error. */
  readonly message: string
  /** How often it happened; counting stops at 100,000. */
  readonly count: number
  readonly firstAt: Date
  readonly lastAt: Date
  /** The name of the error, such as `TypeError`. */
  readonly errorName: string
  /** The id of the job that failed last. */
  readonly lastId: string
}

/** The public form of a job and its attempts. */
export function jobInfo({ job, attempts, dead }: JobDetails): JobInfo {
  const trace = job.trace === null ? {} : { trace: readCarrier(job.trace) }
  const info = { ...jobSummary(job), attempts: attempts.map(attemptInfo), ...trace }
  if (dead === null) return info
  const { fingerprint, forensics } = dead
  return { ...info, fingerprint, ...(forensics === null ? {} : { forensics }) }
}

/** The public form of a failed job. */
export function deadLetter(details: JobDetails): DeadLetter {
  const info = jobInfo(details)
  return {
    ...info,
    state: 'failed',
    // The store writes both with every dead letter; a row written by hand may lack them.
    error: info.error ?? { name: 'Error', message: 'unknown' },
    endedAt: info.endedAt ?? info.createdAt,
    fingerprint: info.fingerprint ?? '',
  }
}

/** The public form of a group of errors. */
export function errorGroup({ name, fingerprint, count, firstAt, lastAt, error, lastId }: ErrorGroupRecord): ErrorGroup {
  return {
    fingerprint,
    name,
    message: error?.message ?? '',
    count,
    firstAt: toDate(firstAt),
    lastAt: toDate(lastAt),
    errorName: error?.name ?? 'Error',
    lastId,
  }
}

/** The public form of a job. */
export function jobSummary(job: JobRecord): JobSummary {
  return {
    id: job.id,
    name: job.name,
    queue: job.queue,
    state: job.state,
    args: readable(job.args),
    key: job.key,
    tags: job.tags,
    priority: job.priority,
    attempt: job.attempt,
    maxAttempts: job.maxAttempts,
    result: job.result === null ? undefined : readable(job.result),
    error: job.error,
    progress: job.progress,
    createdAt: toDate(job.createdAt),
    dueAt: toDate(job.dueAt),
    startedAt: dateOrNull(job.startedAt),
    endedAt: dateOrNull(job.endedAt),
  }
}

function attemptInfo({ attempt, node, startedAt, endedAt, error, logs }: AttemptRecord): AttemptInfo {
  const info = { attempt, node, startedAt: dateOrNull(startedAt), endedAt: dateOrNull(endedAt), logs }
  return error === null ? info : { ...info, error }
}

/** Looking at a job must work whatever is in its row. */
function readable(value: EncodedValue): unknown {
  try {
    return decodeValue(value)
  } catch {
    return value.text
  }
}
