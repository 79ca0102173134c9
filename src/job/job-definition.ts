/** `job()`: options attached to a function. */

import type { Duration } from './duration.ts'
import { ConfigurationError } from './errors.ts'
import type { InputSchemas, InputsOf, OutputsOf } from './input-schema.ts'
import { keyPathProblem, parseKeyPath, type KeyOption, type KeyPath } from './key-path.ts'
import { notAvailableError } from './not-available.ts'
import { optionReader, type OptionReader } from './option-reader.ts'
import { isJobName, JOB_NAME_RULE } from './job-name.ts'
import { parseBackoffRange, type BackoffOption, type BackoffPolicy } from './retry-policy.ts'
import { JOB_SETTINGS, type DefinedJob, type JobFunction } from './typed-jobs.ts'
import type { UniqueOption } from './unique-option.ts'

/** How the jobs of a function are run, where `enqueue` says nothing else. */
export interface JobOptions<Args extends readonly unknown[] = readonly unknown[], Schemas = InputSchemas> {
  /** The queue its jobs wait in. Default: `'default'`. */
  readonly queue?: string | undefined
  /** How often a job is tried: 1 to 1000. Default: 3. */
  readonly maxAttempts?: number | undefined
  /** The waits between attempts. Default: `{ base: '5s', factor: 4, max: '1h' }`, with jitter. */
  readonly backoff?: BackoffOption | undefined
  /** How long an attempt may take before its signal is aborted. Default: that of its queue. */
  readonly timeout?: Duration | undefined
  /** The tenant or entity a job belongs to: a path such as `'args[0].tenant'`, or a function of the args as they are enqueued. */
  readonly key?: KeyOption<Args> | undefined
  /** Keeps equal jobs from being stored twice. */
  readonly unique?: UniqueOption<Args> | undefined
  /** -100 to 100; lower is earlier. Default: 0. */
  readonly priority?: number | undefined
  /** Where the code runs: in a thread or a process of its own. */
  readonly isolate?: 'thread' | 'process' | undefined
  /** Names that this job had before, so that jobs stored under them still find it. */
  readonly aliases?: readonly string[] | undefined
  /** One Standard Schema for each parameter: `enqueue` takes and stores their inputs, the function gets their outputs. */
  readonly input?: Schemas | undefined
}

/** {@link JobOptions}, read. Undefined is what was left out. */
export interface JobSettings {
  readonly queue: string | undefined
  readonly maxAttempts: number | undefined
  readonly backoff: BackoffPolicy | undefined
  readonly timeoutMs: number | undefined
  readonly key: KeyPath | ((...args: readonly unknown[]) => unknown) | undefined
  readonly priority: number | undefined
  readonly aliases: readonly string[]
  readonly input: InputSchemas | undefined
}

/**
 * Attaches options to a function: `export const sendWelcome = job({ queue: 'email' }, async (user: User) => …)`. It stays
 * the same function and can be called as before.
 *
 * @param options How its jobs are run. With `input`, the function takes the outputs of the schemas and `enqueue` their inputs.
 * @returns `fn` itself.
 * @throws `ConfigurationError` with every problem at once; `ERR_NOT_AVAILABLE` for `unique` and `isolate`.
 */
export function job<const Schemas extends InputSchemas, Fn extends (...args: OutputsOf<Schemas>) => unknown>(
  options: JobOptions<InputsOf<Schemas>, Schemas> & { readonly input: Schemas },
  fn: Fn,
): DefinedJob<Fn, Schemas>
export function job<Fn extends JobFunction>(options: JobOptions<Parameters<Fn>, undefined>, fn: Fn): Fn
export function job(options: JobOptions<never, InputSchemas | undefined>, fn: JobFunction): JobFunction {
  const of = typeof fn === 'function' && fn.name !== '' ? `job() of function "${fn.name}"` : 'job()'
  const problems: string[] = []
  if (typeof fn !== 'function') problems.push(`the second argument of job() is ${typeof fn}; it must be a function`)
  else if (Object.hasOwn(fn, JOB_SETTINGS)) problems.push('the function has the options of another job() already')
  const settings = readJobOptions(options, of, problems)
  if (problems.length > 0) throw new ConfigurationError(problems, { of })
  return Object.defineProperty(fn, JOB_SETTINGS, { value: Object.freeze(settings) })
}

/** The options that {@link job} attached to a function, or undefined. */
export function jobOptionsOf(fn: JobFunction): JobSettings | undefined {
  if (!Object.hasOwn(fn, JOB_SETTINGS)) return undefined
  // Only job() writes under this symbol, and it writes JobSettings.
  return Reflect.get(fn, JOB_SETTINGS) as JobSettings
}

const NAMES: readonly (keyof JobOptions)[] = [
  'queue',
  'maxAttempts',
  'backoff',
  'timeout',
  'key',
  'unique',
  'priority',
  'isolate',
  'aliases',
  'input',
]

function readJobOptions(value: unknown, of: string, problems: string[]): JobSettings {
  const reader = optionReader({ value, of, names: NAMES, problems })
  const settings: JobSettings = {
    queue: reader.queue('queue'),
    maxAttempts: reader.integer('maxAttempts', 1, 1000),
    backoff: readBackoff(reader, of),
    timeoutMs: reader.duration('timeout', { isZeroAllowed: false }),
    key: readKey(reader, of),
    priority: reader.integer('priority', -100, 100),
    aliases: readAliases(reader, of),
    input: readInput(reader, of),
  }
  if (problems.length > 0) return settings
  if (reader.get('unique') !== undefined) throw notAvailableError(`option "unique" of ${of}`)
  if (reader.get('isolate') !== undefined) throw notAvailableError(`option "isolate" of ${of}`)
  return settings
}

function readBackoff(reader: OptionReader, of: string): BackoffPolicy | undefined {
  const backoff = reader.get('backoff')
  if (backoff === undefined) return undefined
  // A user's function: what it answers is checked each time it is called.
  if (typeof backoff === 'function') return backoff as (attempt: number) => Duration
  return parseBackoffRange(backoff, `option "backoff" of ${of}`, reader.problems)
}

function readKey(reader: OptionReader, of: string): JobSettings['key'] {
  const key = reader.get('key')
  if (key === undefined) return undefined
  // A user's function: what it answers is checked each time it is called.
  if (typeof key === 'function') return key as (...args: readonly unknown[]) => unknown
  if (typeof key !== 'string') {
    reader.problem(
      `option "key" of ${of} is ${typeof key}; it must be a path such as "args[0].tenant", or a function of the args`,
    )
    return undefined
  }
  const problem = keyPathProblem(key)
  if (problem === undefined) return parseKeyPath(key)
  reader.problem(`option "key" of ${of}: ${problem}`)
  return undefined
}

function readAliases(reader: OptionReader, of: string): readonly string[] {
  const aliases = reader.get('aliases')
  if (aliases === undefined) return []
  if (!Array.isArray(aliases)) {
    reader.problem(`option "aliases" of ${of} is ${typeof aliases}; it must be an array of names`)
    return []
  }
  for (const alias of aliases) {
    const name: unknown = alias
    if (typeof name === 'string' && isJobName(name)) continue
    const shown = typeof name === 'string' ? JSON.stringify(name.slice(0, 140)) : typeof name
    reader.problem(`alias ${shown} of ${of} is no job name; ${JOB_NAME_RULE}`)
  }
  return Object.freeze([...new Set(aliases.map(String))])
}

function readInput(reader: OptionReader, of: string): InputSchemas | undefined {
  const input = reader.get('input')
  if (input === undefined) return undefined
  if (!Array.isArray(input)) {
    reader.problem(`option "input" of ${of} is ${typeof input}; it must be an array with one schema for each parameter`)
    return undefined
  }
  for (const [index, schema] of input.entries()) {
    if (!isStandardSchema(schema)) {
      reader.problem(
        `input[${index}] of ${of} is no Standard Schema of version 1 (zod 4, valibot, arktype and others make them)`,
      )
    }
  }
  // Each element was checked above; when one is wrong, job() throws and nobody sees this.
  return Object.freeze([...(input as unknown as InputSchemas)])
}

function isStandardSchema(schema: unknown): boolean {
  // Some libraries make their schemas functions.
  if (schema === null || (typeof schema !== 'object' && typeof schema !== 'function')) return false
  const standard: unknown = Reflect.get(schema, '~standard')
  if (typeof standard !== 'object' || standard === null) return false
  return Reflect.get(standard, 'version') === 1 && typeof Reflect.get(standard, 'validate') === 'function'
}
