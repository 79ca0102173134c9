/** The values of options as they are typed, read into those of the API. What the API checks itself is left to it. */

import { InvalidArgumentError } from 'commander'

import { durationProblem } from '../job/duration.ts'
import { suggestion } from '../job/suggest.ts'
import { JOB_STATES, type JobState } from '../job/job.ts'
import { usageError } from './cli-error.ts'

/** A whole number; its limits are those of the API. */
export function wholeNumber(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

/** A duration or a time: bare digits are milliseconds, as a number is in the API. */
export function numberOrText(text: string): number | string {
  return /^\d{1,15}$/.test(text) ? Number(text) : text
}

/** How many in which time, such as `50/1s`. */
export function rate(text: string): { readonly limit: number; readonly per: number | string } {
  const [limit = '', time = '', ...more] = text.split('/')
  // 300/m is 300/1m.
  const per = numberOrText(/^[a-z]/.test(time) ? `1${time}` : time)
  if (more.length > 0 || !/^[1-9]\d{0,5}$/.test(limit) || durationProblem(per, 'rate') !== undefined) {
    throw new InvalidArgumentError('It must be a number and a time, such as 50/1s or 300/m.')
  }
  return { limit: Number(limit), per }
}

/** Names with commas between them. */
export function commaList(text: string): string[] {
  const words = text
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
  if (words.length === 0) throw new InvalidArgumentError('It must name at least one.')
  return [...new Set(words)]
}

/** For an option that may come several times. A comma is no separator here: it may be part of the word. */
export function oneMore(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text]
}

/** States with commas between them. */
export function stateList(text: string): JobState[] {
  return commaList(text).map((word) => {
    const state = JOB_STATES.find((one) => one === word)
    if (state !== undefined) return state
    const near = suggestion(word, JOB_STATES)
    throw new InvalidArgumentError(
      near === '' ? `The states are ${JOB_STATES.join(', ')}.` : `No state is called "${word}"${near}`,
    )
  })
}

/** The args of a job: a JSON array. */
export function jobArgs(text: string): unknown[] {
  const example = `write a JSON array in quotes, such as --args '["photo.jpg", 300]'`
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw usageError(`--args is no JSON: ${reason}`, example)
  }
  if (!Array.isArray(value)) {
    const kind = value === null ? 'null' : typeof value
    throw usageError(
      `--args is ${kind === 'object' ? 'an object' : kind}, but must be the array of the arguments`,
      example,
    )
  }
  return value
}
