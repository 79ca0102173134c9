/** Errors on their way into the store and back. Anything can be thrown, so everything here is read with care. */

import type { ErrorRecord } from './job.ts'
import { sanitizeText } from './stored-text.ts'

const LONGEST_NAME_BYTES = 256
const LONGEST_MESSAGE_BYTES = 8 * 1024
const LONGEST_STACK_BYTES = 32 * 1024
/** Causes are many, and their stacks mostly repeat the first. */
const LONGEST_CAUSE_STACK_BYTES = 8 * 1024
const MOST_CAUSES = 5
/** As many errors of an `AggregateError` are named. */
const MOST_AGGREGATED = 5
/** As many properties of a thrown object that is no error are named. */
const MOST_PROPERTIES = 10

/**
 * What was thrown, in its stored form. Never throws, whatever it is given: null, a proxy, an error whose getters throw.
 *
 * @returns The message has at most 8 KiB and the stack 32 KiB, with U+FFFD for what databases refuse; at most 5 causes are
 *   kept. What is no error is named `NonError`. An `AggregateError` names its first errors in its message.
 */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  return recordOf(thrown, 0, new Set())
}

function recordOf(thrown: unknown, level: number, seen: Set<object>): ErrorRecord {
  if (!isErrorLike(thrown))
    return { name: 'NonError', message: sanitizeText(describeNonError(thrown), LONGEST_MESSAGE_BYTES) }
  seen.add(thrown)
  const message = messageOf(thrown)
  const stack = stackOf(thrown, message, level)
  const code = codeOf(thrown)
  const cause = causeOf(thrown, level, seen)
  return {
    name: nameOf(thrown),
    message,
    ...(stack === undefined ? {} : { stack }),
    ...(code === undefined ? {} : { code }),
    ...(cause === undefined ? {} : { cause }),
  }
}

/** An error of any realm, or what behaves like one. */
function isErrorLike(thrown: unknown): thrown is object {
  if (typeof thrown !== 'object' || thrown === null) return false
  return typeof read(thrown, 'message') === 'string' || typeof read(thrown, 'stack') === 'string' || isError(thrown)
}

function isError(thrown: object): boolean {
  try {
    return thrown instanceof Error
  } catch {
    return false
  }
}

/** A property, or undefined when it cannot be read. */
function read(holder: object, key: string): unknown {
  try {
    return Reflect.get(holder, key)
  } catch {
    return undefined
  }
}

function nameOf(error: object): string {
  const name = read(error, 'name')
  if (typeof name === 'string' && name !== '' && name !== 'Error') return sanitizeText(name, LONGEST_NAME_BYTES)
  // A subclass that did not set its name is still better known by that of its class.
  const constructor = read(error, 'constructor')
  const className = typeof constructor === 'function' ? read(constructor, 'name') : undefined
  const isTelling = typeof className === 'string' && className !== '' && className !== 'Object'
  return isTelling ? sanitizeText(className, LONGEST_NAME_BYTES) : 'Error'
}

function messageOf(error: object): string {
  const message = read(error, 'message')
  const text = typeof message === 'string' ? message : '(the message cannot be read)'
  const errors = read(error, 'errors')
  return sanitizeText(text.slice(0, LONGEST_MESSAGE_BYTES + 1) + aggregated(errors), LONGEST_MESSAGE_BYTES)
}

function aggregated(errors: unknown): string {
  if (!isArray(errors)) return ''
  const length = read(errors, 'length')
  if (typeof length !== 'number' || length === 0) return ''
  const messages: string[] = []
  for (let index = 0; index < Math.min(length, MOST_AGGREGATED); index++) {
    const error = read(errors, String(index))
    const message = isErrorLike(error) ? read(error, 'message') : describeNonError(error)
    messages.push(typeof message === 'string' ? message.slice(0, 500) : '(the message cannot be read)')
  }
  if (length > MOST_AGGREGATED) messages.push('…')
  return ` (${length} errors: ${messages.join('; ')})`
}

function isArray(value: unknown): value is object {
  try {
    return Array.isArray(value)
  } catch {
    return false
  }
}

function stackOf(error: object, message: string, level: number): string | undefined {
  const stack = read(error, 'stack')
  if (typeof stack !== 'string') return undefined
  const limit = level === 0 ? LONGEST_STACK_BYTES : LONGEST_CAUSE_STACK_BYTES
  return sanitizeText(withShortMessage(stack, read(error, 'message'), message), limit)
}

/** A stack starts with the message; a huge one would push out the frames. */
function withShortMessage(stack: string, whole: unknown, short: string): string {
  if (typeof whole !== 'string' || whole.length <= LONGEST_MESSAGE_BYTES) return stack
  const start = stack.indexOf(whole)
  return start === -1 ? stack : stack.slice(0, start) + short.slice(0, 1024) + stack.slice(start + whole.length)
}

function codeOf(error: object): string | undefined {
  const code = read(error, 'code')
  if (typeof code === 'number') return String(code)
  return typeof code === 'string' && code !== '' ? sanitizeText(code, LONGEST_NAME_BYTES) : undefined
}

function causeOf(error: object, level: number, seen: Set<object>): ErrorRecord | undefined {
  const cause = read(error, 'cause')
  if (cause === undefined || cause === null || level >= MOST_CAUSES) return undefined
  if (typeof cause === 'object' && seen.has(cause)) return undefined
  return recordOf(cause, level + 1, seen)
}

function describeNonError(thrown: unknown): string {
  switch (typeof thrown) {
    case 'string':
      return thrown
    case 'function':
      return 'a function was thrown'
    case 'object':
      return thrown === null ? 'null' : `an object was thrown: ${describeObject(thrown)}`
    case 'bigint':
      // Writing out all digits of a huge one takes too long.
      return BigInt.asIntN(1024, thrown) === thrown ? `${thrown}n` : 'a huge bigint'
    case 'number':
    case 'boolean':
    case 'symbol':
    case 'undefined':
      return String(thrown)
  }
}

/** Its first properties, not what is in them: they may be huge, or end nowhere. */
function describeObject(thrown: object): string {
  try {
    const parts = Object.keys(thrown)
      .slice(0, MOST_PROPERTIES)
      .map((key) => `${key.slice(0, 100)}: ${describeProperty(read(thrown, key))}`)
    return `{ ${parts.join(', ')} }`
  } catch {
    return '(it cannot be read)'
  }
}

function describeProperty(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 200))
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? String(value) : typeof value
}

/** A stored error as an `Error` again, with its name, message, stack, code and causes. */
export function fromErrorRecord(record: ErrorRecord): Error {
  return errorOf(record, 0)
}

function errorOf(record: ErrorRecord, level: number): Error {
  const hasCause = record.cause !== undefined && level < MOST_CAUSES
  const error = hasCause
    ? new Error(record.message, { cause: errorOf(record.cause, level + 1) })
    : new Error(record.message)
  // Hidden like those of any error. Without a stored stack the one of this place would only mislead.
  define(error, 'name', record.name, false)
  define(error, 'stack', record.stack ?? `${record.name}: ${record.message}`, false)
  if (record.code !== undefined) define(error, 'code', record.code, true)
  return error
}

function define(error: Error, key: string, value: string, enumerable: boolean): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true })
}
