/** Text that every database keeps as it is: no NUL, no half of a surrogate pair. */

/** With the flag `u`, a surrogate that has its other half is one character and does not match. */
const UNSTORABLE = /[\0\p{Surrogate}]/u
const ALL_UNSTORABLE = /[\0\p{Surrogate}]/gu

/** Whether `text` can be stored as it is. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text)
}

const ELLIPSIS = '…'

/**
 * Makes text storable, for words of others that must never fail a write: messages, reasons, log lines.
 *
 * @param text Any text, of any length.
 * @param maxBytes The limit in bytes of UTF-8, at least 3; longer text is cut between characters and ends in `…`.
 * @returns The text with U+FFFD in place of each NUL and each half of a surrogate pair.
 */
export function sanitizeText(text: string, maxBytes: number): string {
  // A character takes at least one byte, so nothing behind this can be kept: huge texts cost no more than the limit.
  const isCut = text.length > maxBytes
  const clean = (isCut ? text.slice(0, maxBytes) : text).replace(ALL_UNSTORABLE, '\uFFFD')
  if (!isCut && Buffer.byteLength(clean) <= maxBytes) return clean
  return cutToBytes(clean, maxBytes - Buffer.byteLength(ELLIPSIS)) + ELLIPSIS
}

/** The longest beginning of whole characters that fits. */
function cutToBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text)
  let end = Math.min(Math.max(0, maxBytes), bytes.length)
  // The bytes within a character look like 10xxxxxx; step back to the first of its kind that does not.
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--
  return bytes.toString('utf8', 0, end)
}
