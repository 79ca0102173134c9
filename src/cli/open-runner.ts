/**
 * Which runner a command works with.
 *
 *     commands that need code       --config, else millrace.config.* of the folder
 *     commands that only need data  --database, else --config, else MILLRACE_DATABASE, else millrace.config.*, else DATABASE_URL,
 *                                   else ./millrace.db
 *
 * DATABASE_URL comes late because it is anybody's word, and counts only where it is a URL that millrace understands: a
 * configuration says what it means to millrace. One that names no database means DATABASE_URL too.
 */

import type { JobModules, Runner } from '../index.ts'
import type { RunnerConfig } from '../runner/config.ts'
import { DEFAULT_DATABASE, ignoredUrlMessage, isDatabaseUrl } from '../runner/database.ts'
import { CliError, usageError } from './cli-error.ts'
import { missingFile, shownUrl } from './config/database-url.ts'
import { configIn, describeMissingConfig, namedConfig } from './config/find-config.ts'
import { loadConfig } from './config/load-config.ts'
import { EXIT } from './exit-codes.ts'
import type { Session } from './session.ts'

/** A runner to work with. Close it. */
export interface OpenRunner {
  readonly runner: Runner<JobModules>
  /** What the configuration said; undefined without one. */
  readonly configuration: RunnerConfig | undefined
  /** The database, as it may be shown; undefined when it is not known. */
  readonly database: string | undefined
}

/** Options of the commands that need no code. */
export interface DataOptions {
  /** `--database`. */
  readonly database?: string | undefined
  /** `--schema`. */
  readonly schema?: string | undefined
}

/** Calls `work` with the runner of the configuration, and closes it. */
export async function withConfiguredRunner<Result>(
  session: Session,
  work: (open: OpenRunner) => Promise<Result>,
): Promise<Result> {
  return closing(session, await openConfigured(session), work)
}

/** Calls `work` with a runner on the database that is meant, and closes it. Creates no database. */
export async function withDataRunner<Result>(
  session: Session,
  options: DataOptions,
  work: (open: OpenRunner) => Promise<Result>,
): Promise<Result> {
  return closing(session, await openForData(session, options, 'use'), work)
}

/** The same for a command whose purpose is the schema: it creates what is not there. */
export async function withSchemaRunner<Result>(
  session: Session,
  options: DataOptions,
  work: (open: OpenRunner) => Promise<Result>,
): Promise<Result> {
  return closing(session, await openForData(session, options, 'create'), work)
}

/** The same for a command that looks for what is wrong: also where a database that was named is not there. Creates none. */
export async function withRunnerToDiagnose<Result>(
  session: Session,
  options: DataOptions,
  work: (open: OpenRunner) => Promise<Result>,
): Promise<Result> {
  return closing(session, await openForData(session, options, 'diagnose'), work)
}

/** What a command wants with the database: to use the one that is there, to create or upgrade it, or to find its faults. */
type Purpose = 'use' | 'create' | 'diagnose'

async function closing<Result>(
  session: Session,
  open: OpenRunner,
  work: (open: OpenRunner) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(open)
  } finally {
    // What was asked for is done or has failed by now: a store that cannot be closed changes neither.
    await open.runner.close().catch((error: unknown) => session.terminal.sayVerbose(`closing failed: ${String(error)}`))
  }
}

/** The runner of the configuration. Throws when there is none. */
export async function openConfigured(session: Session): Promise<OpenRunner> {
  const { folder, configFile } = session
  const file = configFile === undefined ? configIn(folder) : namedConfig(folder, configFile)
  if (file !== undefined) return openFile(session, file)
  const { message, hint } = describeMissingConfig(folder)
  throw usageError(message, hint)
}

async function openFile(session: Session, file: string): Promise<OpenRunner> {
  const { runner, configuration } = await loadConfig(file, session.folder)
  session.terminal.sayVerbose(`loaded ${file}`)
  const database = configuration === undefined ? undefined : shownUrl(configuration.database.url, session.folder)
  return { runner, configuration, database }
}

async function openForData(session: Session, data: DataOptions, purpose: Purpose): Promise<OpenRunner> {
  const { database, schema } = data
  const { folder, configFile, env } = session
  if (database !== undefined && configFile !== undefined) {
    throw usageError('--database and --config both say where jobs are', 'give one of them')
  }
  const url = database ?? (configFile === undefined ? env['MILLRACE_DATABASE'] || undefined : undefined)
  if (url !== undefined) return openUrl(session, { ...data, database: url }, purpose)

  const file = configFile === undefined ? configIn(folder) : namedConfig(folder, configFile)
  if (file === undefined) return openShared(session, data, purpose)
  if (schema !== undefined) throw usageError('--schema goes with --database; a configuration names its own schema')
  const open = await openFile(session, file)
  if (purpose === 'use' && open.configuration !== undefined)
    assertExists(session, open.configuration.database.url, true)
  return open
}

/** Neither an option nor a configuration says where jobs are. */
async function openShared(session: Session, data: DataOptions, purpose: Purpose): Promise<OpenRunner> {
  const shared = session.env['DATABASE_URL'] ?? ''
  if (isDatabaseUrl(shared)) return openUrl(session, { ...data, database: shared }, purpose)
  if (shared !== '') {
    const { wordColors } = session.terminal
    const message = ignoredUrlMessage(shared, 'say where they are with --database or MILLRACE_DATABASE')
    session.terminal.say(`${wordColors.yellow('warning:')} ${message}`)
  }
  // Only an explicit word creates a database, and nobody named one.
  return openUrl(session, { ...data, database: DEFAULT_DATABASE }, 'use')
}

interface NamedDatabase extends DataOptions {
  readonly database: string
}

async function openUrl(session: Session, named: NamedDatabase, purpose: Purpose): Promise<OpenRunner> {
  const { database: url, schema } = named
  if (purpose === 'use') assertExists(session, url, false)
  const { createRunner } = await import('../index.ts')
  const runner = createRunner({ jobs: {}, database: url, schema, migrate: purpose === 'create' })
  return { runner: runner as Runner<JobModules>, configuration: undefined, database: shownUrl(url, session.folder) }
}

function assertExists(session: Session, url: string, hasConfig: boolean): void {
  const file = missingFile(url, session.folder)
  if (file === undefined) return
  const isDefault = url === DEFAULT_DATABASE && !hasConfig
  throw new CliError(
    isDefault
      ? `there is no database: no config file and no millrace.db in ${session.folder}`
      : `there is no database at ${file}`,
    {
      exitCode: EXIT.store,
      hint: hasConfig
        ? 'it is made by the first `millrace start`, `millrace enqueue` or `millrace migrate`'
        : 'name one with --database or MILLRACE_DATABASE, or go to the folder of your millrace.config.ts',
    },
  )
}
