/** What is wrong with options, in words: which option, what it may be, and what it is. Each function answers a list of mistakes. */

import { RunnerError } from '../host/errors.ts'

const LONGEST_SHOWN = 80

/** A value in words, for messages; never throws, whatever it is given. */
export function shown(value: unknown): string {
  if (typeof value === 'function') return value.name === '' ? 'a function' : `the function ${value.name}`
  if (typeof value === 'string') return cut(JSON.stringify(value))
  if (typeof value !== 'object' || value === null) return String(value)
  if ('then' in value && typeof value.then === 'function') return 'a promise'
  return cut(asJson(value) ?? (Array.isArray(value) ? 'an array' : 'an object'))
}

function asJson(value: object): string | undefined {
  try {
    return JSON.stringify(value)
  } catch {
    return undefined // a circle, or a bigint
  }
}

function cut(text: string): string {
  return text.length <= LONGEST_SHOWN ? text : `${text.slice(0, LONGEST_SHOWN)}…`
}

/** Options that `what` does not have. */
export function unknownOptions(what: string, options: object, known: readonly string[]): readonly string[] {
  const unknown = Object.keys(options).filter((option) => !known.includes(option))
  return unknown.map((option) => `${what} has no option "${option}" (it has ${known.join(', ')})`)
}

/** An option that is none of a few texts. */
export function notOneOf(option: string, value: unknown, allowed: readonly string[]): readonly string[] {
  if (allowed.some((text) => text === value)) return []
  return [`${option} must be one of ${allowed.join(', ')}, not ${shown(value)}`]
}

/** An option that is no integer of `least` or more. */
export function notAnInteger(option: string, value: unknown, least: number): readonly string[] {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return []
  return [`${option} must be an integer >= ${least}, not ${shown(value)}`]
}

/** An option that is no integer of `least` or more, and not `Infinity`. */
export function notABound(option: string, value: unknown, least: number): readonly string[] {
  if (value === Number.POSITIVE_INFINITY || notAnInteger(option, value, least).length === 0) return []
  return [`${option} must be an integer >= ${least} or Infinity, not ${shown(value)}`]
}

/** A name that is none. */
export function notAName(option: string, value: unknown): readonly string[] {
  if (value === undefined || (typeof value === 'string' && value !== '')) return []
  return [`${option} must be a text that is not empty, not ${shown(value)}`]
}

/** An option that cannot be called. */
export function notAFunction(option: string, value: unknown): readonly string[] {
  return typeof value === 'function' ? [] : [`${option} must be a function, not ${shown(value)}`]
}

/** Throws `ERR_BAD_OPTIONS`, naming every mistake, if there is one. */
export function refuse(what: string, mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw new RunnerError('ERR_BAD_OPTIONS', `bad options of ${what}: ${mistakes.join('; ')}`)
}
