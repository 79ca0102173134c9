/** A folder with a configuration, and the built command run in it as a process of its own. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import { postgresDatabase } from '../../support/postgres-database.ts'
import { startProgram, type Ended, type RunningProgram } from '../../support/running-program.ts'
import { tempFolder } from '../../support/temp-database.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const MAIN = join(ROOT, 'dist/cli/main.js')

/** Jobs for every test. */
const JOBS = `
import { existsSync, writeFileSync } from 'node:fs'
import { currentJob } from 'millrace'
export async function echo(...args: unknown[]) { return args }
export async function fail(message = 'boom') { throw new TypeError(message) }
export async function variables(...names: string[]) { return names.map((name) => process.env[name] ?? null) }
export async function untilAborted() {
  const { signal } = currentJob()
  await new Promise((_, reject) => {
    const timer = setInterval(() => {}, 1000)
    signal.addEventListener('abort', () => { clearInterval(timer); reject(signal.reason) })
  })
}
/** Ends when the file named open is in the folder. */
export async function untilOpen() { while (!existsSync('open')) await new Promise((resolve) => setTimeout(resolve, 20)); return 'opened' }
`

/** A configuration with an enum, so that it must be compiled. */
const CONFIG = `
import { createRunner } from 'millrace'
import * as work from './work.ts'
enum Many { Two = 2 }
export default createRunner({ jobs: { work }, queues: { default: { concurrency: Many.Two }, email: {} } })
`

/** Variables that a command has besides those of the tests. */
export type Environment = Readonly<Record<string, string>>

/** The databases on which commands do the same, each with the variables that name a new one of it. */
export const DATABASES: readonly (readonly [string, () => Promise<Environment>])[] = [
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ DATABASE_URL: (await postgresDatabase()).url })],
]

/** Options of a run. */
export interface CliOptions {
  readonly env?: Environment
  readonly input?: string
  /** The folder to run in, below that of the project. */
  readonly in?: string
  /** The user to run as, where the test may choose one. */
  readonly uid?: number | undefined
}

/** See {@link cliProject}. */
export interface CliProject {
  readonly folder: string
  write(name: string, text: string): void
  start(args: readonly string[], options?: CliOptions): RunningProgram
  /** Runs a command to its end. */
  run(args: readonly string[], options?: CliOptions): Promise<Ended>
  /** Runs a command with `--json` to its end; answers the only document that it printed. */
  json(args: readonly string[], options?: CliOptions): Promise<Ended & { readonly document: JsonDocument }>
  /** Starts a worker and waits until it works. */
  worker(...args: string[]): Promise<RunningProgram>
}

/** What `--json` prints; tests look into it as deep as they like. */
// oxlint-disable-next-line typescript/no-explicit-any -- the shapes are what the tests check
export type JsonDocument = any

/** An empty folder, that goes with its test. */
export function emptyProject(env?: Environment): CliProject {
  return cliIn(tempFolder(), env)
}

/** The command in a folder of the test. */
export function cliIn(folder: string, env: Environment = {}): CliProject {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing; run npm run build first`)
  const start: CliProject['start'] = (args, options = {}) =>
    startCli(folder, args, { ...options, env: { ...env, ...options.env } })
  const run = (args: readonly string[], options?: CliOptions): Promise<Ended> => start(args, options).ended
  return {
    folder,
    start,
    run,
    write: (name, text) => {
      mkdirSync(dirname(join(folder, name)), { recursive: true })
      writeFileSync(join(folder, name), text)
    },
    json: async (args, options) => {
      const ended = await run([...args, '--json'], options)
      return { ...ended, document: JSON.parse(ended.stdout) }
    },
    worker: async (...args) => {
      const worker = start(['start', ...args])
      await worker.saw('queues')
      return worker
    },
  }
}

/** The same with a configuration in TypeScript and some jobs. */
export function cliProject(env?: Environment): CliProject {
  const project = emptyProject(env)
  project.write('work.ts', JOBS)
  project.write('millrace.config.ts', CONFIG)
  return project
}

/** The environment without what would change the outcome. */
function cleanEnv(extra: Environment = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ...extra }
  for (const name of [
    'MILLRACE_DATABASE',
    'DATABASE_URL',
    'NODE_ENV',
    'DEBUG',
    'NO_COLOR',
    'FORCE_COLOR',
    'NODE_OPTIONS',
  ]) {
    if (!(name in extra)) delete env[name]
  }
  return env
}

function startCli(folder: string, args: readonly string[], options: CliOptions): RunningProgram {
  const cwd = join(folder, options.in ?? '.')
  const { uid } = options
  const as = uid === undefined ? {} : { uid }
  const running = startProgram(process.execPath, [MAIN, ...args], { cwd, env: cleanEnv(options.env), ...as })
  const { child, ended } = running
  child.stdin.end(options.input ?? '')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return running
}
