/** Ids that depend on nothing but what they stand for: enqueueing the same work again adds nothing. */

const OFFSET = 0x6c62272e07bb014262b821756295c58dn
const PRIME = 0x0000000001000000000000000000013bn
const MASK = (1n << 128n) - 1n

/**
 * A UUID of version 8 (RFC 9562, section 5.8) made of the 128-bit FNV-1a hash of `parts`.
 * It keeps equal work apart from other work; it is no protection against somebody who wants two ids to be equal.
 */
export function stableId(...parts: readonly string[]): string {
  const hex = fnv1a128(JSON.stringify(parts)).toString(16).padStart(32, '0')
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`
}

function fnv1a128(text: string): bigint {
  let hash = OFFSET
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * PRIME) & MASK
  return hash
}
