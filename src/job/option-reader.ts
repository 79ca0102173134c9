/** Reads an object of options and gathers all that is wrong with it. */

import { durationProblem, parseDuration } from './duration.ts'
import { suggestion } from './suggest.ts'

const QUEUE_NAME = /^[A-Za-z_][\w.-]{0,62}$/

/** What is wrong with a queue's name, as a sentence, or undefined. */
export function queueNameProblem(name: unknown, option: string): string | undefined {
  return isQueueName(name) ? undefined : badQueueName(name, option)
}

function isQueueName(name: unknown): name is string {
  return typeof name === 'string' && QUEUE_NAME.test(name)
}

function badQueueName(name: unknown, option: string): string {
  const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 80)) : typeof name
  return `${option} is ${shown}; a queue name starts with a letter or "_" and has at most 63 letters, digits, "_", "-" and "."`
}

/** Reads one option after the other; what is wrong ends in `problems`, and undefined is answered for it. */
export interface OptionReader {
  readonly problems: string[]
  /** The value as it is given. */
  get(name: string): unknown
  problem(sentence: string): void
  integer(name: string, min: number, max: number): number | undefined
  /** In milliseconds. */
  duration(name: string, limits?: { readonly isZeroAllowed: boolean }): number | undefined
  /** The name of a queue. */
  queue(name: string): string | undefined
}

/**
 * A reader of `value`; unknown names are a problem from the start.
 *
 * @param settings.of Whose options they are, for the sentences: `enqueue`, `job()`.
 */
export function optionReader(settings: {
  readonly value: unknown
  readonly of: string
  readonly names: readonly string[]
  readonly problems: string[]
}): OptionReader {
  const { of, names, problems } = settings
  const given = ownOptions(settings.value, of, problems)
  for (const name of given.keys()) {
    if (!names.includes(name)) problems.push(`unknown option "${name.slice(0, 80)}" of ${of}${suggestion(name, names)}`)
  }
  const problem = (sentence: string): undefined => {
    problems.push(sentence)
  }
  return {
    problems,
    problem,
    get: (name) => given.get(name),
    integer: (name, min, max) => {
      const value = given.get(name)
      if (value === undefined) return undefined
      if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
      const shown = typeof value === 'number' ? String(value) : typeof value
      return problem(`option "${name}" of ${of} is ${shown}; it must be a whole number from ${min} to ${max}`)
    },
    duration: (name, { isZeroAllowed } = { isZeroAllowed: true }) => {
      const value = given.get(name)
      if (value === undefined) return undefined
      const wrong = durationProblem(value, `option "${name}" of ${of}`)
      if (wrong !== undefined) return problem(wrong)
      const ms = parseDuration(value, name)
      return ms === 0 && !isZeroAllowed ? problem(`option "${name}" of ${of} is 0; it must be above 0`) : ms
    },
    queue: (name) => {
      const value = given.get(name)
      if (value === undefined) return undefined
      if (isQueueName(value)) return value
      return problem(badQueueName(value, `option "${name}" of ${of}`))
    },
  }
}

function ownOptions(value: unknown, of: string, problems: string[]): ReadonlyMap<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value))
  problems.push(`the options of ${of} are ${value === null ? 'null' : typeof value}; they must be an object`)
  return new Map()
}
