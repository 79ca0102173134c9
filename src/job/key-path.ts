/** The key of a job, read from its args: by a path such as `args[0].tenant`, or by a function. */

import { jobError } from './errors.ts'
import { isStorable } from './stored-text.ts'
import { pathStep } from './value-path.ts'

/** The option `key` of `job()`: a path into the args, or a function of the args. */
export type KeyOption<Args extends readonly unknown[] = readonly unknown[]> = string | ((...args: Args) => string)

/** A path, read: the steps from the args to the value. */
export type KeyPath = readonly (string | number)[]

/** A key may have at most this many characters. */
export const LONGEST_KEY = 256

const STEP = /\.([A-Za-z_$][\w$]*)|\[(\d{1,9})\]|\["((?:[^"\\]|\\.)*)"\]/y

/**
 * Reads a path: `args`, then steps of the kinds `[0]`, `.name` and `["any text"]`; the first one is an index.
 *
 * @throws `ERR_BAD_KEY` when the text is no such path.
 */
export function parseKeyPath(text: string): KeyPath {
  const problem = keyPathProblem(text)
  if (problem !== undefined) throw jobError('ERR_BAD_KEY', problem)
  return readSteps(text) ?? []
}

/** What is wrong with the text of a path, or undefined. */
export function keyPathProblem(text: string): string | undefined {
  const steps = readSteps(text)
  if (steps === undefined || typeof steps[0] !== 'number') {
    return `key path ${JSON.stringify(text.slice(0, 100))} cannot be read; write a path such as "args[0].tenant"`
  }
  return undefined
}

function readSteps(text: string): (string | number)[] | undefined {
  if (!text.startsWith('args')) return undefined
  const steps: (string | number)[] = []
  STEP.lastIndex = 4
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text)
    if (match === null) return undefined
    const [, name, index, quoted] = match
    if (index !== undefined) steps.push(Number(index))
    else if (name !== undefined) steps.push(name)
    else {
      const unquoted = unquote(quoted ?? '')
      if (unquoted === undefined) return undefined
      steps.push(unquoted)
    }
  }
  return steps
}

function unquote(text: string): string | undefined {
  try {
    return String(JSON.parse(`"${text}"`))
  } catch {
    return undefined
  }
}

/**
 * The key of a job with these args.
 *
 * @param key A path that was read, or the function of `job()`.
 * @param jobName For the message.
 * @throws `ERR_BAD_KEY` when the path leads nowhere, the function throws, or the value is no string or finite number of 1
 *   to 256 characters.
 */
export function keyOf(
  key: KeyPath | ((...args: readonly unknown[]) => unknown),
  args: readonly unknown[],
  jobName: string,
): string {
  const [value, where] =
    typeof key === 'function' ? [callKey(key, args, jobName), 'key function'] : walk(key, args, jobName)
  return checkedKey(value, `the ${where} of job "${jobName}"`)
}

function callKey(key: (...args: readonly unknown[]) => unknown, args: readonly unknown[], jobName: string): unknown {
  try {
    return key(...args)
  } catch (error) {
    throw jobError('ERR_BAD_KEY', `the key function of job "${jobName}" threw; see the cause`, error)
  }
}

function walk(path: KeyPath, args: readonly unknown[], jobName: string): [value: unknown, where: string] {
  let value: unknown = args
  let where = 'args'
  for (const step of path) {
    // Own properties only: a step called "constructor" must never reach code through a prototype.
    const holder = value
    if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, step)) {
      throw jobError(
        'ERR_BAD_KEY',
        `the key of job "${jobName}" cannot be read: ${where} has no ${JSON.stringify(step)}; pass "key" to enqueue, or correct the path`,
      )
    }
    value = Reflect.get(holder, step)
    where += pathStep(step)
  }
  return [value, `key at ${where}`]
}

function checkedKey(value: unknown, what: string): string {
  const text = typeof value === 'number' && Number.isFinite(value) ? String(value) : value
  if (typeof text !== 'string')
    throw jobError('ERR_BAD_KEY', `${what} is ${kindOf(value)}; it must be a string or a number`)
  const problem = keyProblem(text)
  if (problem !== undefined) throw jobError('ERR_BAD_KEY', `${what} ${problem}`)
  return text
}

/** What is wrong with a key, to be put behind its name, or undefined. */
export function keyProblem(text: string): string | undefined {
  if (text.length === 0) return 'is empty; it must have 1 to 256 characters'
  if (text.length > LONGEST_KEY) return `has ${text.length} characters; it must have 1 to ${LONGEST_KEY}`
  if (!isStorable(text)) return 'holds a NUL character or half of a surrogate pair'
  return undefined
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return typeof value === 'number' ? String(value) : typeof value
}
