/** The configuration: read once, every problem reported at once, then frozen. */

import { environmentDatabaseUrl, isProduction } from '../host/environment.ts'
import type { Host } from '../host/host.ts'
import { durationProblem, parseDuration, type Duration } from '../job/duration.ts'
import { ConfigurationError } from '../job/errors.ts'
import { notAvailableError } from '../job/not-available.ts'
import { optionReader, queueNameProblem, type OptionReader } from '../job/option-reader.ts'
import { buildRegistry, type Registry } from '../job/registry.ts'
import type { JobModules } from '../job/typed-jobs.ts'
import { DEFAULT_QUEUE, DEFAULT_QUEUE_NAME, type KeepSettings, type QueueSettings } from '../queue/queue-settings.ts'
import type { JobDetails, KeepPolicy } from '../store/store.ts'
import type { PoolLike } from '../store/postgres/given-database.ts'
import type { Telemetry } from '../telemetry/tracing.ts'
import { readBreaker, type BreakerOptions } from './breaker-options.ts'
import { readDatabase, type DatabaseSettings } from './database.ts'
import { deadLetter, type DeadLetter } from './job-view.ts'
import { readConcurrency, type ConcurrencyOption } from './scale-options.ts'

/** How long ended jobs of a queue are kept: one duration for all that completed or were cancelled, or one for each kind. */
export type KeepOption =
  | Duration
  | {
      /** Default: `'24h'`; `'0s'` keeps none. */
      readonly completed?: Duration | undefined
      /** Default: `'24h'`; `'0s'` keeps none. */
      readonly cancelled?: Duration | undefined
      /** Dead letters. Default: `'30d'`; at least a minute. */
      readonly failed?: Duration | undefined
    }

/** How the jobs of a queue are run by each process that serves it. */
export interface QueueOptions {
  /**
   * How many of its jobs run at the same time in one process: 1 to 10,000, or as many as the load asks for between
   * `{ min, max }`. Default: 10. `runner.scale()` changes it on all processes.
   */
  readonly concurrency?: ConcurrencyOption | undefined
  /** How many jobs a consumer may hold, the one that runs included: 1 to 10,000. Default: 1, so no job waits behind another. */
  readonly maxDemand?: number | undefined
  /**
   * How many jobs to claim ahead of demand: 0 to 10,000. Default: `'auto'`, what the consumers will need in the next 20 ms at
   * their present pace, so that short jobs are claimed by the hundred and long ones not ahead at all.
   */
  readonly prefetch?: number | 'auto' | undefined
  /** How long an attempt may take where neither the job nor its code says. Default: `'15m'`. */
  readonly timeout?: Duration | undefined
  /** Default: `{ completed: '24h', cancelled: '24h', failed: '30d' }`. */
  readonly keep?: KeepOption | undefined
  /** When its jobs are kept back because what they depend on fails. Default: never. */
  readonly breaker?: BreakerOptions | undefined
}

/** What {@link createClient} takes: where the jobs are. */
export interface ClientOptions {
  /**
   * Where jobs live: `'sqlite:./millrace.db'`, `'sqlite::memory:'`, `'postgres://user@host/name'`, or a pool of the package
   * `pg`, whose settings are used for connections of our own. Default: the environment variable `DATABASE_URL`, where it is a
   * URL of one of these kinds, else `'sqlite:./millrace.db'`. Given but undefined while `NODE_ENV` is `production` it is an
   * error, because then a variable is probably missing.
   */
  readonly database?: string | PoolLike | undefined
  /** The schema of the tables on PostgreSQL: letters, digits and underscores, at most 48. Default: `'millrace'`. */
  readonly schema?: string | undefined
  /**
   * What an enqueue on SQLite survives: `'disk'` (the default) a power cut, `'process'` the death of the process only, which is
   * faster.
   */
  readonly durability?: 'disk' | 'process' | undefined
  /**
   * Whether an absent schema may be created by itself, and an older one upgraded on SQLite; on PostgreSQL upgrades are made by
   * `millrace migrate`. Default: true.
   */
  readonly migrate?: boolean | undefined
  /** Sends traces and metrics of what this process does: `openTelemetry()` of `millrace/telemetry`. Default: none. */
  readonly telemetry?: Telemetry | undefined
  /** Ports to the outside world to use instead of the defaults: a logger of your own, a clock for tests. */
  readonly host?: Partial<Host> | undefined
}

/** What `onDeadLetter` gets besides the dead letter. */
export interface DeadLetterContext {
  /** Fires after 30 seconds, and when the worker stops. */
  readonly signal: AbortSignal
}

/** Tells somebody of a dead letter. */
export type DeadLetterListener = (dead: DeadLetter, context: DeadLetterContext) => unknown

/** What {@link createRunner} takes. */
export interface RunnerOptions<Jobs extends JobModules = JobModules> extends ClientOptions {
  /** Modules (`import * as mailer`), or plain objects of functions, by the names that jobs get: `mailer.sendWelcome`. */
  readonly jobs: Jobs
  /** Settings by queue. A queue that is not here has the defaults. */
  readonly queues?: Readonly<Record<string, QueueOptions>> | undefined
  /**
   * After how many handlers that go on although they were told to stop the event `node:stuck` is sent; `millrace start` then
   * stops, and exits with code 75, so that whatever keeps it running starts it anew: 1 to 10,000. Default: 10.
   */
  readonly stuckLimit?: number | undefined
  /**
   * Called for each job that fails for good, once its end is stored, by one of the workers that have such a function, up to four
   * at a time. Where it throws, rejects or takes longer than 30 seconds it is called again, up to eight times in all. It is
   * called at least once, and again when a process dies meanwhile: `dead.id` and `dead.endedAt` are then the same.
   */
  readonly onDeadLetter?: DeadLetterListener | undefined
  /** The file that makes this runner: `import.meta.url`. Only needed with isolated jobs. */
  readonly module?: string | undefined
}

/** {@link RunnerOptions}, checked and complete. */
export interface RunnerConfig {
  readonly database: DatabaseSettings
  readonly telemetry: Telemetry | undefined
  readonly registry: Registry
  /** The queues named in the configuration or by a job, and `default`. */
  readonly queues: readonly string[]
  readonly settingsOf: (queue: string) => QueueSettings
  readonly keepPolicies: readonly KeepPolicy[]
  readonly stuckLimit: number
  readonly onDeadLetter: ((dead: JobDetails, signal: AbortSignal) => Promise<void>) | undefined
}

const CLIENT_NAMES = ['database', 'schema', 'durability', 'migrate', 'telemetry', 'host'] as const
const NAMES = [...CLIENT_NAMES, 'jobs', 'queues', 'stuckLimit', 'onDeadLetter', 'module'] as const
const LATER_NAMES = ['cron'] as const
const QUEUE_NAMES = ['concurrency', 'maxDemand', 'prefetch', 'timeout', 'keep', 'breaker'] as const
const LATER_QUEUE_NAMES = ['isolate', 'memory', 'globalConcurrency', 'perKey', 'rateLimit', 'through'] as const
const KEEP_NAMES = ['completed', 'cancelled', 'failed'] as const
const MOST = 10_000
const SHORTEST_FAILED_KEEP_MS = 60_000
const DEFAULT_STUCK_LIMIT = 10

/**
 * Checks a configuration.
 *
 * @throws `ConfigurationError` with every problem; `ERR_NOT_AVAILABLE` when all else is right and a planned option is used.
 */
export function readConfig(options: unknown): RunnerConfig {
  const problems: string[] = []
  const later: string[] = []
  const of = 'createRunner'
  const reader = optionReader({ value: options, of, names: [...NAMES, ...LATER_NAMES], problems })
  for (const name of LATER_NAMES) if (reader.get(name) !== undefined) later.push(`option "${name}" of ${of}`)

  const { registry, problems: jobProblems } = buildRegistry(reader.get('jobs'))
  problems.push(...jobProblems)
  const database = readDatabaseOptions({ reader, options, of, problems })
  const telemetry = readTelemetry(reader, of)
  const queues = readQueues(reader, problems, later)
  const stuckLimit = reader.integer('stuckLimit', 1, MOST) ?? DEFAULT_STUCK_LIMIT
  const onDeadLetter = readListener(reader, of)
  const first = later[0]
  if (problems.length > 0) {
    throw new ConfigurationError([...problems, ...later.map((what) => notAvailableError(what).message)])
  }
  if (first !== undefined) throw notAvailableError(later.join(', '))

  const named = registry.jobs().flatMap(({ options: job }) => job?.queue ?? [])
  return Object.freeze({
    database,
    telemetry,
    registry,
    queues: [...new Set([...queues.keys(), ...named, DEFAULT_QUEUE_NAME])],
    settingsOf: (queue: string) => queues.get(queue) ?? DEFAULT_QUEUE,
    keepPolicies: [
      ...[...queues].map(([queue, { keep }]) => ({ queue, ...keep })),
      { queue: null, ...DEFAULT_QUEUE.keep },
    ],
    stuckLimit,
    onDeadLetter,
  })
}

function readTelemetry(reader: OptionReader, of: string): Telemetry | undefined {
  const value = reader.get('telemetry')
  if (value === undefined) return undefined
  if (typeof value === 'object' && value !== null && 'tracing' in value && 'attach' in value) {
    // What has both can only be meant for this.
    return value as Telemetry
  }
  const shown = value === null ? 'null' : typeof value
  reader.problem(
    `option "telemetry" of ${of} is ${shown}; pass what openTelemetry() of "millrace/telemetry" answers, such as telemetry: openTelemetry()`,
  )
  return undefined
}

function readListener(reader: OptionReader, of: string): RunnerConfig['onDeadLetter'] {
  const value = reader.get('onDeadLetter')
  if (value === undefined) return undefined
  if (typeof value !== 'function') {
    reader.problem(`option "onDeadLetter" of ${of} is ${value === null ? 'null' : typeof value}; it must be a function`)
    return undefined
  }
  // Any function may be called so; one that takes something else is the user's to mend.
  const listener = value as DeadLetterListener
  return async (dead, signal) => void (await listener(deadLetter(dead), { signal }))
}

/**
 * Checks the options of a client.
 *
 * @throws `ConfigurationError` with every problem.
 */
export function readClientConfig(options: unknown): {
  readonly database: DatabaseSettings
  readonly telemetry: Telemetry | undefined
} {
  const problems: string[] = []
  const of = 'createClient'
  const reader = optionReader({ value: options, of, names: CLIENT_NAMES, problems })
  const database = readDatabaseOptions({ reader, options, of, problems })
  const telemetry = readTelemetry(reader, of)
  if (problems.length > 0) throw new ConfigurationError(problems, { of })
  return { database, telemetry }
}

interface DatabaseReading {
  readonly reader: OptionReader
  /** As the caller gave them: whether an option is there at all matters. */
  readonly options: unknown
  readonly of: string
  readonly problems: string[]
}

function readDatabaseOptions({ reader, options, of, problems }: DatabaseReading): DatabaseSettings {
  const given = typeof options === 'object' && options !== null && Object.hasOwn(options, 'database')
  const database = reader.get('database')
  if (given && database === undefined && isProduction()) {
    problems.push(
      `option "database" of ${of} is given but undefined while NODE_ENV is "production"; set the variable it comes from, or write "sqlite:./millrace.db" to mean the embedded file`,
    )
  }
  const durability = readChoice(reader, 'durability', ['disk', 'process'], of)
  const migrate = readBoolean(reader, 'migrate', of)
  const environmentUrl = environmentDatabaseUrl()
  return readDatabase({ of, database, schema: reader.get('schema'), durability, migrate, environmentUrl }, problems)
}

function readQueues(reader: OptionReader, problems: string[], later: string[]): Map<string, QueueSettings> {
  const value = reader.get('queues')
  const queues = new Map<string, QueueSettings>()
  if (value === undefined) return queues
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    problems.push(
      'option "queues" of createRunner must be an object of settings by queue, such as { email: { concurrency: 5 } }',
    )
    return queues
  }
  for (const [queue, options] of Object.entries(value)) {
    const problem = queueNameProblem(queue, `the name of a queue`)
    if (problem === undefined) queues.set(queue, readQueue(queue, options, problems, later))
    else problems.push(problem)
  }
  return queues
}

function readQueue(queue: string, value: unknown, problems: string[], later: string[]): QueueSettings {
  const of = `queue "${queue}"`
  const reader = optionReader({ value, of, names: [...QUEUE_NAMES, ...LATER_QUEUE_NAMES], problems })
  for (const name of LATER_QUEUE_NAMES) if (reader.get(name) !== undefined) later.push(`option "${name}" of ${of}`)
  const isAuto = reader.get('prefetch') === 'auto'
  return Object.freeze({
    concurrency: readConcurrency(reader.get('concurrency'), of, problems) ?? DEFAULT_QUEUE.concurrency,
    maxDemand: reader.integer('maxDemand', 1, MOST) ?? DEFAULT_QUEUE.maxDemand,
    prefetch: isAuto ? 'auto' : (reader.integer('prefetch', 0, MOST) ?? DEFAULT_QUEUE.prefetch),
    timeoutMs: reader.duration('timeout', { isZeroAllowed: false }) ?? DEFAULT_QUEUE.timeoutMs,
    keep: readKeep(reader.get('keep'), of, problems),
    breaker: readBreaker(reader.get('breaker'), of, problems),
  })
}

function readKeep(value: unknown, of: string, problems: string[]): KeepSettings {
  const defaults = DEFAULT_QUEUE.keep
  if (value === undefined) return defaults
  if (typeof value !== 'object' || value === null) {
    const ms = readMs(value, `option "keep" of ${of}`, problems) ?? defaults.completedMs
    return { ...defaults, completedMs: ms, cancelledMs: ms }
  }
  const reader = optionReader({ value, of: `keep of ${of}`, names: KEEP_NAMES, problems })
  const failedMs = reader.duration('failed') ?? defaults.failedMs
  if (failedMs < SHORTEST_FAILED_KEEP_MS) {
    problems.push(`option "failed" of keep of ${of} is ${failedMs} ms; dead letters are kept for at least a minute`)
  }
  return {
    completedMs: reader.duration('completed') ?? defaults.completedMs,
    cancelledMs: reader.duration('cancelled') ?? defaults.cancelledMs,
    failedMs,
  }
}

function readMs(value: unknown, option: string, problems: string[]): number | undefined {
  const problem = durationProblem(value, option)
  if (problem === undefined) return parseDuration(value, option)
  problems.push(problem)
  return undefined
}

function readBoolean(reader: OptionReader, name: string, of: string): boolean | undefined {
  const value = reader.get(name)
  if (value === undefined || typeof value === 'boolean') return value
  reader.problem(`option "${name}" of ${of} is ${typeof value}; it must be true or false`)
  return undefined
}

function readChoice<Choice extends string>(
  reader: OptionReader,
  name: string,
  choices: readonly Choice[],
  of: string,
): Choice | undefined {
  const value = reader.get(name)
  if (value === undefined) return undefined
  const choice = choices.find((one) => one === value)
  if (choice === undefined) {
    const shown = typeof value === 'string' ? JSON.stringify(value) : typeof value
    reader.problem(
      `option "${name}" of ${of} is ${shown}; it must be one of ${choices.map((one) => `"${one}"`).join(', ')}`,
    )
  }
  return choice
}
