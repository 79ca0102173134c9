/**
 * The fingerprint of an error: the same for what is the same trouble, whatever ids, numbers and names are in its message. Pure.
 *
 * It is made of the error's name and code, its message with everything that changes replaced, the names and codes of its
 * causes, and the topmost frame of the user's own code. A frame is a function and the end of its file's path: no line numbers,
 * which move with every release, and no folder above, which differs from machine to machine.
 */

import { sha256 } from '../host/digest.ts'
import type { ErrorRecord } from './job.ts'

/** What comes behind this in a message is mostly data. */
const MESSAGE_LENGTH = 500
/** More is not looked at, so that the work stays small. */
const LOOKED_AT_LENGTH = 2_000
const FINGERPRINT_BYTES = 8
const MOST_CAUSES = 3
const MOST_FRAMES = 50
/** How much of a file's path names it. */
const PATH_PARTS = 2
const MOST_ROUNDS = 10

/** The fingerprint of a stored error: 16 hexadecimal digits. */
export function errorFingerprint(error: ErrorRecord): string {
  const parts = [error.name, error.code ?? '', normalisedMessage(error.message), userFrame(error.stack) ?? '']
  let cause = error.cause
  for (let level = 0; cause !== undefined && level < MOST_CAUSES; level++) {
    parts.push(cause.name, cause.code ?? normalisedMessage(cause.message))
    cause = cause.cause
  }
  return sha256(parts.join('\n'), FINGERPRINT_BYTES).toString('hex')
}

interface Rule {
  readonly pattern: RegExp
  readonly by: string
}

// In this order: what is found first may be part of what comes later. No replacement matches a pattern again.
const RULES: readonly Rule[] = [
  { pattern: /\b[a-z][a-z\d+.-]*:\/\/[^\s"'`<>()[\]{},]+/giu, by: '<url>' },
  { pattern: /[\p{L}\p{N}.!#$%&*+/=?^_{|}~-]+@[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+/gu, by: '<email>' },
  {
    pattern: /(?<![\p{L}\p{N}])[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}(?![\p{L}\p{N}])/giu,
    by: '<id>',
  },
  // 2026-11-26, 2026-11-26T03:52:16.000Z, 2026-11-26 03:52:16+01
  {
    pattern: /(?<!\d)\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?(?!\d)/gu,
    by: '<date>',
  },
  // Thu Nov 26 2026 03:52:16 GMT+0000 (Coordinated Universal Time), Thu, 26 Nov 2026 03:52:16 GMT
  {
    pattern:
      /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:[A-Z][a-z]{2} \d{1,2}|\d{1,2} [A-Z][a-z]{2}) \d{4}(?: \d\d:\d\d:\d\d)?(?: GMT(?:[+-]\d{4})?)?(?: \([^)\n]*\))?/gu,
    by: '<date>',
  },
  { pattern: /(?<![\d:])\d{1,2}:\d\d:\d\d(?:[.,]\d+)?(?![\d:])/gu, by: '<time>' },
  // What stands in quotes, unless the quote is an apostrophe.
  { pattern: /(?<![\p{L}\p{N}\\])"(?:[^"\\\n]|\\.)*"/gu, by: '<text>' },
  { pattern: /(?<![\p{L}\p{N}\\])'(?:[^'\\\n]|\\.)*'(?![\p{L}\p{N}])/gu, by: '<text>' },
  { pattern: /`(?:[^`\\\n]|\\.)*`/gu, by: '<text>' },
  { pattern: /[“„][^”\n]*”|‘[^’\n]*’|«[^»\n]*»/gu, by: '<text>' },
  // The addresses of versions 4 and 6, with a port or without.
  { pattern: /(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\d.]\d)/gu, by: '<address>' },
  { pattern: /(?<![\p{L}\p{N}:])(?:[\da-f]{0,4}:){2,7}(?:[\da-f]{1,5})(?![\p{L}\p{N}:])/giu, by: '<address>' },
  { pattern: /(?<![\p{L}\p{N}])[a-z]:\\[^\s"'`<>|:*?]+/giu, by: '<path>' },
  { pattern: /(?<![\p{L}\p{N}<>])(?:~|\.{1,2})?(?:\/[^\s"'`<>()[\]{},;:/]+)+\/?/gu, by: '<path>' },
  { pattern: /\b0x[\da-f]+\b/giu, by: '<hex>' },
  { pattern: /(?<![\p{L}\p{N}])(?=[a-f]*\d)(?=\d*[a-f])[\da-f]{8,}(?![\p{L}\p{N}])/giu, by: '<hex>' },
  // Ids of other systems: long words with digits in them, such as cus_9s6XKzkNRiz8i3.
  {
    pattern: /(?<![\p{L}\p{N}_-])(?=[\p{L}_-]*\p{N})(?=[\p{N}_-]*\p{L})[\p{L}\p{N}_-]{12,}(?![\p{L}\p{N}_-])/gu,
    by: '<id>',
  },
  { pattern: /[-+]?\p{Nd}+(?:[.,]\p{Nd}+)*(?:e[-+]?\p{Nd}+)?/giu, by: '<n>' },
]

/**
 * A message with what changes from case to case replaced: URLs, e-mail addresses, UUIDs, dates and times, quoted strings,
 * network addresses, paths, hexadecimal digits, ids, numbers. What was replaced once is left as it is.
 */
export function normalisedMessage(message: string): string {
  let text = message.slice(0, LOOKED_AT_LENGTH)
  // What was replaced may set free what stands beside it, such as the second of two words that had no space between them.
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = RULES.reduce((before, { pattern, by }) => before.replaceAll(pattern, by), text)
    if (next === text) break
    text = next
  }
  return collapseLists(text.replaceAll(/\s+/gu, ' ').trim()).slice(0, MESSAGE_LENGTH)
}

/** Lists of replaced things are as long as the data was: they count as one. */
function collapseLists(text: string): string {
  return text.replaceAll(/(<[a-z]+>)(?:[,;] ?\1)+/gu, '$1')
}

// at fn (file:1:2), at async fn (file:1:2), at file:1:2
const FRAME = /^\s*at (?:async )?(?:(.*?) \()?((?:file:\/\/|node:|[a-z]:[\\/]|\/|[^\s():]+[\\/])?[^()]*?):\d+:\d+\)?$/iu

/** The topmost frame of a stack that is the user's own code, or undefined when there is none. */
export function userFrame(stack: string | undefined): string | undefined {
  if (stack === undefined) return undefined
  let looked = 0
  for (const line of stack.split('\n')) {
    const match = FRAME.exec(line)
    if (match === null) continue
    looked += 1
    if (looked > MOST_FRAMES) return undefined
    const file = plainPath(match[2] ?? '')
    if (isUserCode(file)) return `${functionName(match[1])} ${file.split('/').slice(-PATH_PARTS).join('/')}`
  }
  return undefined
}

function plainPath(file: string): string {
  const path = file.replace(/^file:\/\//u, '').replaceAll('\\', '/')
  // What a loader adds to have a module anew.
  return path.replace(/[?#].*$/u, '')
}

function isUserCode(file: string): boolean {
  if (!file.includes('/') && !/\.[cm]?[jt]sx?$/u.test(file)) return false
  if (file.startsWith('node:') || file.startsWith('internal/') || file.includes('/node_modules/')) return false
  return OWN_FOLDER === undefined || !file.startsWith(OWN_FOLDER) || file.startsWith(`${OWN_FOLDER}demo/`)
}

/** Without the object it was called on, which may be another each time: `Object.send [as run]` is `send`. */
function functionName(text: string | undefined): string {
  const name = (text ?? '').replace(/ \[as .*\]$/u, '').replace(/^new /u, '')
  const last = name.split('.').at(-1) ?? ''
  return last === '' ? '<anonymous>' : last
}

/** Where millrace's own code is, where that is known; in a bundle it is one with the user's. */
const OWN_FOLDER = ownFolder(import.meta.url)

function ownFolder(url: string): string | undefined {
  const path = plainPath(url)
  const end = /job\/fingerprint\.[jt]s$/u.exec(path)
  return end === null ? undefined : decodeURI(path.slice(0, end.index))
}
