/**
 * Values on their way into the store and back: JSON where JSON keeps them exactly, the tagged text of devalue otherwise.
 *
 * Kept are: what JSON knows, undefined, -0, NaN and the infinities, bigint, Date, RegExp (without its `lastIndex`), URL, Map,
 * Set, ArrayBuffer, typed arrays and Buffer (each with bytes of its own), objects without a prototype, holes in arrays,
 * cycles and shared references, and every string. The rest is refused; see `value-walk.ts`.
 *
 * Neither text ever holds a NUL or half of a surrogate pair. The JSON text does not even hold their escapes, so that a
 * database may read it as JSON; the tagged text may.
 */

import { parse, stringify } from 'devalue'

import { toErrorRecord } from './error-record.ts'
import { jobError } from './errors.ts'
import type { EncodedValue } from './job.ts'
import { BYTE_KINDS, byteKindOf, inspectValue, LARGEST_VALUE_BYTES, SIZE_ADVICE } from './value-walk.ts'

/** A value larger than this, in bytes of UTF-8, is worth a warning. */
export const LARGE_VALUE_BYTES: number = 64 * 1024

/** {@link EncodedValue}, with its size. */
export interface MeasuredValue extends EncodedValue {
  /** The size of the text in bytes of UTF-8. */
  readonly bytes: number
  /** Whether the caller should be warned: more than 64 KiB. */
  readonly isLarge: boolean
}

/**
 * Encodes the args of a job.
 *
 * @throws `ERR_VALUE_UNSUPPORTED` with the path of what cannot be kept, `ERR_ARGS_TOO_LARGE` above 1 MiB.
 */
export function encodeArgs(args: readonly unknown[]): MeasuredValue {
  return encodeValue(args, 'args')
}

/**
 * Encodes any value, such as the result of a job.
 *
 * @param rootName What paths in messages start with: `args`, `result`.
 * @throws `ERR_VALUE_UNSUPPORTED` with the path of what cannot be kept, `ERR_ARGS_TOO_LARGE` above 1 MiB.
 */
export function encodeValue(value: unknown, rootName: string): MeasuredValue {
  if (value === undefined) return NOTHING
  const { isJson } = inspectValue(value, rootName)
  const encoded = encode(value, isJson, rootName)
  const bytes = Buffer.byteLength(encoded.text)
  if (bytes > LARGEST_VALUE_BYTES) {
    const limit = `at most ${LARGEST_VALUE_BYTES} (1 MiB) can be stored`
    throw jobError('ERR_ARGS_TOO_LARGE', `${rootName}: ${bytes} bytes, but ${limit}; ${SIZE_ADVICE}`)
  }
  return { codec: encoded.codec, text: encoded.text, bytes, isLarge: bytes > LARGE_VALUE_BYTES }
}

/** What most jobs return. */
const NOTHING: MeasuredValue = Object.freeze({ codec: 'devalue', text: '-1', bytes: 2, isLarge: false })

function encode(value: unknown, isJson: boolean, rootName: string): EncodedValue {
  try {
    if (isJson) {
      const text = JSON.stringify(value)
      if (!hasEscapeThatDatabasesRefuse(text)) return { codec: 'json', text }
    }
    return { codec: 'devalue', text: stringify(value, REDUCERS) }
  } catch (error) {
    // The walk read everything once, so this is an accessor or a proxy that changed its mind.
    const message = toErrorRecord(error).message.slice(0, 200)
    throw jobError('ERR_VALUE_UNSUPPORTED', `${rootName} cannot be encoded: ${message}; pass plain data`, error)
  }
}

/** `\u0000` or half of a surrogate pair, behind an even number of backslashes: an escape, not the text of one. */
const REFUSED_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

function hasEscapeThatDatabasesRefuse(json: string): boolean {
  return json.includes('\\u') && REFUSED_ESCAPE.test(json)
}

const BYTES_TAG = 'Bytes'

/** Only the bytes that a view shows: devalue itself would store the whole buffer behind it, which may hold data of others. */
const REDUCERS = {
  [BYTES_TAG]: (value: unknown): unknown => {
    const kind = byteKindOf(value)
    // Only views have a kind.
    return kind !== undefined && [kind, base64Of(value as ArrayBufferView)]
  },
}

const REVIVERS = {
  [BYTES_TAG]: (payload: unknown): ArrayBufferView => {
    const [kind, base64]: readonly unknown[] = Array.isArray(payload) ? payload : []
    if (typeof kind !== 'string' || typeof base64 !== 'string') throw new Error('bytes without a kind or content')
    const bytes = Uint8Array.from(Buffer.from(base64, 'base64'))
    if (kind === 'Buffer') return Buffer.from(bytes.buffer)
    const View = BYTE_KINDS.get(kind)
    if (View === undefined) throw new Error(`bytes of the unknown kind ${JSON.stringify(kind)}`)
    return new View(bytes.buffer)
  },
}

function base64Of(view: ArrayBufferView): string {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('base64')
}

/**
 * Decodes a stored value. Only data comes out, whatever the text says: no code, and no prototype but those of the kinds above.
 *
 * @throws `ERR_VALUE_UNREADABLE` when the text is not what {@link encodeValue} writes: written by hand, cut off, or by a newer
 *   version.
 */
export function decodeValue(encoded: EncodedValue): unknown {
  try {
    switch (encoded.codec) {
      case 'json':
        return parseJson(encoded.text)
      case 'devalue':
        return parse(encoded.text, REVIVERS)
      default:
        throw new Error(`unknown codec ${JSON.stringify(encoded.codec)}`)
    }
  } catch (error) {
    const message = toErrorRecord(error).message.slice(0, 200)
    throw jobError(
      'ERR_VALUE_UNREADABLE',
      `a stored value (${String(encoded.codec)}) cannot be decoded: ${message}`,
      error,
    )
  }
}

function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text)
  if (mayHoldProtoKey(text)) refuseProtoKeys(value)
  return value
}

/** Whether the key is there as it is, or with an escape of any of its characters. */
function mayHoldProtoKey(json: string): boolean {
  return json.includes('__proto__') || json.includes('\\u00')
}

/** An own key `__proto__` is harmless until somebody copies it with an assignment, which sets a prototype. */
function refuseProtoKeys(root: unknown): void {
  const waiting: unknown[] = [root]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value !== 'object' || value === null) continue
    if (Object.hasOwn(value, '__proto__')) throw new Error('it has a key "__proto__"')
    // One by one: a list of arguments may be too long for the stack.
    for (const child of Object.values(value)) waiting.push(child)
  }
}
