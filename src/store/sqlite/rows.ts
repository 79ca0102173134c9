/** One decoder per kind of row. Differences between engines end here. */

import type { AttemptRecord, ClaimedJob, EncodedValue, ErrorRecord, JobRecord } from '../../job/job.ts'
import { brokenRow, decodeError, decodeValue, parkReason, parseBackoff, parseJson } from '../stored-values.ts'

/** The columns that a claim reads. */
export const CLAIM_COLUMNS =
  'seq, id, name, queue, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, backoff, timeout_ms, key, tags, trace'

/** A row with {@link CLAIM_COLUMNS}. */
export interface ClaimRow {
  readonly seq: number
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly args: string
  readonly args_codec: EncodedValue['codec']
  readonly priority: number
  readonly due_at: number
  readonly created_at: number
  readonly attempt: number
  readonly max_attempts: number
  readonly crashes: number
  readonly backoff: string | null
  readonly timeout_ms: number | null
  readonly key: string | null
  readonly tags: string
  readonly trace: string | null
}

/** The columns of a job that has not ended, as a {@link JobRow}. */
export const LIVE_COLUMNS =
  'id, name, queue, state, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, key, tags, lease, node, started_at, null as ended_at, progress, error, null as result, null as result_codec, parked, cancel_requested, trace'

/** The columns of an ended job, as a {@link JobRow}. */
export const ENDED_COLUMNS =
  'id, name, queue, state, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, key, tags, lease, node, started_at, ended_at, progress, error, result, result_codec, null as parked, 0 as cancel_requested, trace'

/** A row with {@link LIVE_COLUMNS} or {@link ENDED_COLUMNS}. */
export interface JobRow {
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly state: JobRecord['state']
  readonly args: string
  readonly args_codec: EncodedValue['codec']
  readonly priority: number
  readonly due_at: number
  readonly created_at: number
  readonly attempt: number
  readonly max_attempts: number
  readonly crashes: number
  readonly key: string | null
  readonly tags: string
  readonly lease: string | null
  readonly node: string | null
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly progress: number | null
  readonly error: string | null
  readonly result: string | null
  readonly result_codec: EncodedValue['codec'] | null
  readonly parked: string | null
  readonly cancel_requested: number
  readonly trace: string | null
}

/** A row of `millrace_attempt_error`. */
export interface AttemptRow {
  readonly attempt: number
  readonly lease: string | null
  readonly node: string | null
  readonly started_at: number | null
  readonly ended_at: number | null
  readonly error: string | null
}

/** A claimed job, or the reason why its row cannot be read. */
export function decodeClaimed(row: ClaimRow, lease: string, claimedAt: number): ClaimedJob | ErrorRecord {
  const tags = row.tags === '[]' ? [] : parseTags(row.tags)
  if (tags === null) return brokenRow('tags', row.tags)
  const backoff = row.backoff === null ? null : parseBackoff(row.backoff)
  if (backoff === undefined) return brokenRow('backoff', row.backoff)
  return {
    id: row.id,
    lease,
    name: row.name,
    queue: row.queue,
    args: { codec: row.args_codec, text: row.args },
    priority: row.priority,
    attempt: row.attempt + 1,
    maxAttempts: row.max_attempts,
    backoff,
    timeoutMs: row.timeout_ms,
    key: row.key,
    tags,
    trace: row.trace,
    crashes: row.crashes,
    createdAt: row.created_at,
    dueAt: row.due_at,
    claimedAt,
  }
}

/** Everything known of a job. Reads broken rows too: what cannot be understood is left out. */
export function decodeJob(row: JobRow): JobRecord {
  return {
    id: row.id,
    name: row.name,
    queue: row.queue,
    state: row.state,
    args: { codec: row.args_codec, text: row.args },
    key: row.key,
    tags: parseTags(row.tags) ?? [],
    priority: row.priority,
    attempt: row.attempt,
    maxAttempts: row.max_attempts,
    crashes: row.crashes,
    result: decodeValue(row.result_codec, row.result),
    error: decodeError(row.error),
    progress: row.progress,
    createdAt: row.created_at,
    dueAt: row.due_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    node: row.node,
    parked: parkReason(row.parked),
    isCancelRequested: row.cancel_requested === 1,
    trace: row.trace,
  }
}

/** An attempt with its log. */
export function decodeAttempt(row: AttemptRow, logs: readonly string[]): AttemptRecord {
  return {
    attempt: row.attempt,
    node: row.node,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    error: decodeError(row.error),
    logs,
  }
}

function parseTags(text: string): readonly string[] | null {
  const value = parseJson(text)
  return Array.isArray(value) && value.every((tag) => typeof tag === 'string') ? value : null
}
