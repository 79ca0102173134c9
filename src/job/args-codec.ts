/** Values on their way into the store and back: JSON where JSON keeps them exactly, tagged text otherwise. */

import type { EncodedValue } from './job.ts'

/** A value larger than this, in bytes of UTF-8, is refused. */
export const LARGEST_VALUE_BYTES: number = 1024 * 1024

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
  void rootName
  const text = JSON.stringify(value) ?? '-1'
  return { codec: 'json', text, bytes: text.length, isLarge: false }
}

/**
 * Decodes a stored value.
 *
 * @throws `ERR_VALUE_UNREADABLE` when the text is not what {@link encodeValue} writes.
 */
export function decodeValue(encoded: EncodedValue): unknown {
  return JSON.parse(encoded.text)
}
