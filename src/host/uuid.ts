/** Identifiers. */

import type { Host } from './host.ts'

/**
 * A UUID of version 7 (RFC 9562, section 5.7): 48 bits of time in milliseconds, then chance, so ids made later sort later.
 */
export function uuidV7(host: Pick<Host, 'clock' | 'random'>): string {
  const bytes = host.random.bytes(16)
  const ms = host.clock.now()
  const high = Math.floor(ms / 2 ** 32)
  bytes[0] = high >>> 8
  bytes[1] = high
  bytes[2] = ms >>> 24
  bytes[3] = ms >>> 16
  bytes[4] = ms >>> 8
  bytes[5] = ms
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

/** The text of each byte: looking it up is several times quicker than making it. */
const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

function format(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4)
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return `${hex(bytes, 0, 4)}-${hex(bytes, 4, 6)}-${hex(bytes, 6, 8)}-${hex(bytes, 8, 10)}-${hex(bytes, 10, 16)}`
}

function hex(bytes: Uint8Array, from: number, to: number): string {
  let text = ''
  for (let index = from; index < to; index++) text += HEX[bytes[index] ?? 0] ?? ''
  return text
}
