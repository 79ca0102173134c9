/** What columns hold that are no plain values, in every store: values, errors, backoffs, and text that can be kept. */

import type { Forensics } from '../job/forensics.ts'
import type { BackoffSettings, EncodedValue, ErrorRecord, ParkReason } from '../job/job.ts'

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

/** Why a row is parked, from its column. */
export function parkReason(parked: string | null): ParkReason | null {
  if (parked === null) return null
  return parked === PARKED_BY.name || parked === PARKED_BY.key ? 'breaker' : 'no-worker'
}

/** The reason that the column gives for a breaker of a name, and of a key. */
export const PARKED_BY = { name: 'breaker', key: 'breaker-key' } as const

/** Stored forensics; null where there are none. */
export function decodeForensics(text: string | null): Forensics | null {
  const value = text === null ? null : parseJson(text)
  // Written by the stores from a value of this type; what was written before there was a `death` told of nodes that lived.
  return isRecord(value) ? ({ death: null, ...value } as unknown as Forensics) : null
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
export function wholeNumber(value: number): number {
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

/** A stored backoff; undefined when it is none, as a row written by hand may have it. */
export function parseBackoff(text: string): BackoffSettings | undefined {
  const value = parseJson(text)
  if (!isRecord(value)) return undefined
  const { baseMs, factor, maxMs } = value
  if (typeof baseMs !== 'number' || typeof factor !== 'number' || typeof maxMs !== 'number') return undefined
  return { baseMs, factor, maxMs }
}

/** The stored form of a backoff; JSON has no infinity. */
export function encodeBackoff(backoff: BackoffSettings | null): string | null {
  if (backoff === null) return null
  const finite = (value: number): number => Math.min(value, Number.MAX_VALUE)
  return JSON.stringify({
    baseMs: finite(backoff.baseMs),
    factor: finite(backoff.factor),
    maxMs: finite(backoff.maxMs),
  })
}

/** The error of a job whose row cannot be read. */
export function brokenRow(column: string, text: string | null): ErrorRecord {
  return {
    name: 'BrokenRowError',
    code: 'ERR_ROW_BROKEN',
    message: `the stored ${column} cannot be read: ${JSON.stringify(text?.slice(0, 200))}; correct the program that wrote the row, then enqueue the job again`,
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
