/** The options of `enqueue`. */

/* oxlint-disable no-restricted-globals -- Date is a kind of value here, never a clock */

import { isUuid } from '../host/uuid.ts'
import { durationProblem, parseDuration, type Duration } from './duration.ts'
import { jobError, listProblems } from './errors.ts'
import type { BackoffSettings } from './job.ts'
import { keyProblem } from './key-path.ts'
import { notAvailableError } from './not-available.ts'
import { optionReader, type OptionReader } from './option-reader.ts'
import { parseBackoffRange, type BackoffRange } from './retry-policy.ts'
import { isStorable } from './stored-text.ts'
import type { UniqueOption } from './unique-option.ts'

/** How a job is enqueued. What is left out comes from the `job()` options of the function, then from the defaults. */
export interface EnqueueOptions {
  /** The queue it waits in. Default: `'default'`. */
  readonly queue?: string | undefined
  /** How long it waits before it may run. Not together with `at`. Default: it may run at once. */
  readonly delay?: Duration | undefined
  /** When it may run: a date, an ISO text, or milliseconds since 1970; a time in the past is at once. Not together with `delay`. */
  readonly at?: Date | string | number | undefined
  /** -100 to 100; lower is earlier. Default: 0. */
  readonly priority?: number | undefined
  /** 1 to 1000. Default: 3. */
  readonly maxAttempts?: number | undefined
  /** The waits between attempts. Default: `{ base: '5s', factor: 4, max: '1h' }`. */
  readonly backoff?: BackoffRange | undefined
  /** How long an attempt may take. Default: that of its queue. */
  readonly timeout?: Duration | undefined
  /** The tenant or entity the job belongs to: 1 to 256 characters. */
  readonly key?: string | undefined
  /** Keeps equal jobs from being stored twice. */
  readonly unique?: UniqueOption | undefined
  /** Words to find the job by: at most 20 of 1 to 64 characters. */
  readonly tags?: readonly string[] | undefined
  /** Any UUID: enqueueing the same id again stores nothing while the job's record is kept. Default: a new UUID of version 7. */
  readonly id?: string | undefined
  /**
   * An open transaction of your own, on the database that holds the jobs: the job exists when you commit, and never when you
   * roll back. What the library of your database calls the transaction, or its connection with one open.
   */
  readonly tx?: unknown
}

/** The options of `enqueueSync`. */
export interface EnqueueSyncOptions extends EnqueueOptions {
  /** Your connection of better-sqlite3 or `node:sqlite`, on the file that holds the jobs; with a transaction open or without. */
  readonly tx: object
}

/** {@link EnqueueOptions}, read. Undefined is what the caller left out. */
export interface ParsedEnqueueOptions {
  readonly queue: string | undefined
  /** As the store wants it; null is at once. */
  readonly due: { readonly delayMs: number } | { readonly at: number } | null
  readonly priority: number | undefined
  readonly maxAttempts: number | undefined
  readonly backoff: BackoffSettings | undefined
  readonly timeoutMs: number | undefined
  readonly key: string | undefined
  readonly tags: readonly string[]
  /** In lower case. */
  readonly id: string | undefined
  readonly tx: unknown
}

const NAMES: readonly (keyof EnqueueOptions)[] = [
  'queue',
  'delay',
  'at',
  'priority',
  'maxAttempts',
  'backoff',
  'timeout',
  'key',
  'unique',
  'tags',
  'id',
  'tx',
]

/** What was left out everywhere; shared, because most jobs are enqueued without options. */
const NO_OPTIONS: ParsedEnqueueOptions = Object.freeze({
  queue: undefined,
  due: null,
  priority: undefined,
  maxAttempts: undefined,
  backoff: undefined,
  timeoutMs: undefined,
  key: undefined,
  tags: Object.freeze([]),
  id: undefined,
  tx: undefined,
})

const MOST_TAGS = 20
const LONGEST_TAG = 64
/** The last moment of the year 9999. */
const LATEST_TIME_MS = 253_402_300_799_999

/**
 * Reads the options of `enqueue`.
 *
 * @throws `ERR_BAD_OPTIONS` with every problem at once; `ERR_NOT_AVAILABLE` for `unique`.
 */
export function parseEnqueueOptions(options: EnqueueOptions | undefined): ParsedEnqueueOptions {
  if (options === undefined) return NO_OPTIONS
  const problems: string[] = []
  const reader = optionReader({ value: options, of: 'enqueue', names: NAMES, problems })
  const parsed: ParsedEnqueueOptions = {
    queue: reader.queue('queue'),
    due: readDue(reader),
    priority: reader.integer('priority', -100, 100),
    maxAttempts: reader.integer('maxAttempts', 1, 1000),
    backoff: readBackoff(reader),
    timeoutMs: reader.duration('timeout', { isZeroAllowed: false }),
    key: readKey(reader),
    tags: readTags(reader),
    id: readId(reader),
    tx: reader.get('tx'),
  }
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('enqueue', problems))
  if (reader.get('unique') !== undefined) throw notAvailableError('option "unique" of enqueue')
  return parsed
}

function readDue(reader: OptionReader): ParsedEnqueueOptions['due'] {
  const delay = reader.get('delay')
  const at = reader.get('at')
  if (delay !== undefined && at !== undefined) {
    reader.problem('options "delay" and "at" exclude each other; give one of them')
    return null
  }
  if (delay !== undefined) {
    const problem = durationProblem(delay, 'option "delay" of enqueue')
    if (problem !== undefined) reader.problem(problem)
    return problem === undefined ? { delayMs: parseDuration(delay, 'delay') } : null
  }
  return at === undefined ? null : readTime(at, reader)
}

function readTime(at: unknown, reader: OptionReader): { readonly at: number } | null {
  const ms = toTime(at)
  if (Number.isNaN(ms)) {
    reader.problem(
      'option "at" of enqueue is no valid Date, ISO text such as "2026-01-31T08:00:00Z", or milliseconds since 1970',
    )
    return null
  }
  if (ms > LATEST_TIME_MS) {
    reader.problem(`option "at" of enqueue is ${ms} ms since 1970, which is after the year 9999`)
    return null
  }
  // Before 1970 is long past: it may run at once.
  return { at: Math.max(0, Math.floor(ms)) }
}

const ISO_TIME = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/

function toTime(at: unknown): number {
  if (typeof at === 'number') return Number.isFinite(at) ? at : Number.NaN
  if (at instanceof Date) return at.getTime()
  // A time without a zone would mean another moment on each machine.
  return typeof at === 'string' && ISO_TIME.test(at) ? Date.parse(at) : Number.NaN
}

function readBackoff(reader: OptionReader): BackoffSettings | undefined {
  const backoff = reader.get('backoff')
  if (backoff === undefined) return undefined
  if (typeof backoff === 'function') {
    reader.problem(
      'option "backoff" of enqueue is a function, which cannot be stored; put it into job(), or give { base, factor, max }',
    )
    return undefined
  }
  return parseBackoffRange(backoff, 'option "backoff" of enqueue', reader.problems)
}

function readKey(reader: OptionReader): string | undefined {
  const key = reader.get('key')
  if (key === undefined) return undefined
  if (typeof key !== 'string') {
    reader.problem(`option "key" of enqueue is ${typeof key}; it must be a string`)
    return undefined
  }
  const problem = keyProblem(key)
  if (problem !== undefined) reader.problem(`option "key" of enqueue ${problem}`)
  return key
}

function readTags(reader: OptionReader): readonly string[] {
  const tags = reader.get('tags')
  if (tags === undefined) return []
  if (!Array.isArray(tags)) {
    reader.problem(`option "tags" of enqueue is ${typeof tags}; it must be an array of strings`)
    return []
  }
  if (tags.length > MOST_TAGS)
    reader.problem(`option "tags" of enqueue has ${tags.length} tags; at most ${MOST_TAGS} are allowed`)
  const read: string[] = []
  for (const [index, tag] of tags.slice(0, MOST_TAGS).entries()) {
    const text: unknown = tag
    if (isTag(text)) read.push(text)
    else
      reader.problem(
        `tag ${index} of enqueue must be a string of 1 to ${LONGEST_TAG} characters without NUL or half surrogate pairs`,
      )
  }
  return [...new Set(read)]
}

function isTag(tag: unknown): tag is string {
  return typeof tag === 'string' && tag !== '' && tag.length <= LONGEST_TAG && isStorable(tag)
}

function readId(reader: OptionReader): string | undefined {
  const id = reader.get('id')
  if (id === undefined) return undefined
  if (typeof id === 'string' && isUuid(id)) return id.toLowerCase()
  const shown = typeof id === 'string' ? JSON.stringify(id.slice(0, 60)) : typeof id
  reader.problem(`option "id" of enqueue is ${shown}; it must be a UUID such as "018f6e2a-0b7c-7e1d-9c3a-5a1f0e6b2d47"`)
  return undefined
}
