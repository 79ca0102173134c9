/** One decoder per kind of row, and the encoders that match. Differences between engines end here. */

import type { AttemptRecord, BackoffSettings, ClaimedJob, EncodedValue, ErrorRecord, JobRecord } from '../../job/job.ts'
import type { SqlValue } from './engine.ts'

/** The columns that a claim reads. */
export const CLAIM_COLUMNS =
  'seq, id, name, queue, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, backoff, timeout_ms, key, tags'

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
}

/** The columns of a job that has not ended, as a {@link JobRow}. */
export const LIVE_COLUMNS =
  'id, name, queue, state, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, key, tags, lease, node, started_at, null as ended_at, progress, error, null as result, null as result_codec, parked, cancel_requested'

/** The columns of an ended job, as a {@link JobRow}. */
export const ENDED_COLUMNS =
  'id, name, queue, state, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, key, tags, lease, node, started_at, ended_at, progress, error, result, result_codec, null as parked, 0 as cancel_requested'

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
    parked: row.parked === null ? null : 'no-worker',
    isCancelRequested: row.cancel_requested === 1,
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

/** A stored value, or null when there is none. */
export function decodeValue(codec: EncodedValue['codec'] | null, text: string | null): EncodedValue | null {
  return codec === null || text === null ? null : { codec, text }
}

/** A stored error; text that is none, as a row written by hand may have, becomes the message of one. */
export function decodeError(text: string | null): ErrorRecord | null {
  if (text === null) return null
  const value = parseJson(text)
  if (isRecord(value) && typeof value['name'] === 'string' && typeof value['message'] === 'string') {
    // Written by `encodeError`; the optional fields are plain text or absent.
    return value as unknown as ErrorRecord
  }
  return { name: 'Error', message: text }
}

/** The stored form of an error; JSON escapes every character that a text column could not keep. */
export function encodeError(error: ErrorRecord | null): string | null {
  return error === null ? null : JSON.stringify(error)
}

/**
 * Text that every engine keeps whole: some cut it at a NUL character, and none keeps a lone surrogate. Whatever is recorded
 * about a job passes through here, so that a write never fails, and never loses its end, because of its own text.
 */
export function plainText(text: string): string {
  return UNKEPT.test(text) ? text.replaceAll(ALL_UNKEPT, '\u{FFFD}') : text
}

/** The same for a text that may be absent. */
export function plainTextOrNull(text: string | null): string | null {
  return text === null ? null : plainText(text)
}

const UNKEPT = /[\0\p{Surrogate}]/u
const ALL_UNKEPT = /[\0\p{Surrogate}]/gu

/** A number that an integer column takes: whole, and small enough to be read again. */
export function wholeNumber(value: number): SqlValue {
  if (Number.isNaN(value)) return 0
  return Math.trunc(Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER))
}

/** JSON that was stored by this code, or null when it was not. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function parseTags(text: string): readonly string[] | null {
  const value = parseJson(text)
  return Array.isArray(value) && value.every((tag) => typeof tag === 'string') ? value : null
}

function parseBackoff(text: string): BackoffSettings | undefined {
  const value = parseJson(text)
  if (!isRecord(value)) return undefined
  const { baseMs, factor, maxMs } = value
  if (typeof baseMs !== 'number' || typeof factor !== 'number' || typeof maxMs !== 'number') return undefined
  return { baseMs, factor, maxMs }
}

function brokenRow(column: string, text: string | null): ErrorRecord {
  return {
    name: 'BrokenRowError',
    code: 'ERR_ROW_BROKEN',
    message: `the stored ${column} cannot be read: ${JSON.stringify(text?.slice(0, 200))}; correct the program that wrote the row, then enqueue the job again`,
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
