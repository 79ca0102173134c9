/** Digests of text. */

import { createHash } from 'node:crypto'

/** The first `length` bytes (at most 32) of the SHA-256 digest of the text in UTF-8. */
export function sha256(text: string, length: number): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, length)
}
