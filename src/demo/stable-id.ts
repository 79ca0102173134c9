/** Ids that depend on nothing but what they stand for: enqueueing the same work again adds nothing. */

import { sha256 } from '../host/digest.ts'

/** A UUID of version 8 (RFC 9562, section 5.8) made of a digest of `parts`. */
export function stableId(...parts: readonly string[]): string {
  const hex = sha256(JSON.stringify(parts), 16).toString('hex')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}
