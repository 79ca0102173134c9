/** Identifiers. */

import type { Host } from './host.ts'

/**
 * A UUID of version 7 (RFC 9562, section 5.7): 48 bits of time in milliseconds, then chance, so ids made later sort later.
 */
export function uuidV7(host: Pick<Host, 'clock' | 'random'>): string {
  const bytes = host.random.bytes(16)
  const ms = host.clock.now()
  for (let index = 0; index < 6; index++) bytes[index] = Math.floor(ms / 2 ** (8 * (5 - index))) % 256
  return format(bytes, 7)
}

/** A random UUID of version 4 (RFC 9562, section 5.4). */
export function uuidV4(host: Pick<Host, 'random'>): string {
  return format(host.random.bytes(16), 4)
}

const UUID_PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Whether `text` is a UUID of any version, in the usual form with hyphens. */
export function isUuid(text: string): boolean {
  return UUID_PATTERN.test(text)
}

function format(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4)
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
