/** Digests of text. */

import { createHash, createHmac } from 'node:crypto'

/** The first `length` bytes (at most 32) of the SHA-256 digest of the text in UTF-8. */
export function sha256(text: string, length: number): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, length)
}

/** The HMAC-SHA-256 of a text in UTF-8, in hexadecimal digits. */
export function hmacSha256(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text).digest('hex')
}
