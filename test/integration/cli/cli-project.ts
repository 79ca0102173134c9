/** A folder with a configuration, and the built command run in it as a process of its own. */

import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
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

/** How a command ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command that runs. */
export interface RunningCli {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>
  /** Waits until standard output or standard error holds the text. */
  saw(text: string): Promise<void>
}

/** Options of a run. */
export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** The folder to run in, below that of the project. */
  readonly in?: string
}

/** See {@link cliProject}. */
export interface CliProject {
  readonly folder: string
  write(name: string, text: string): void
  start(args: readonly string[], options?: CliOptions): RunningCli
  /** Runs a command to its end. */
  run(args: readonly string[], options?: CliOptions): Promise<Ended>
  /** Runs a command with `--json` to its end; answers the only document that it printed. */
  json(args: readonly string[], options?: CliOptions): Promise<Ended & { readonly document: JsonDocument }>
  /** Starts a worker and waits until it works. */
  worker(...args: string[]): Promise<RunningCli>
}

/** What `--json` prints; tests look into it as deep as they like. */
// oxlint-disable-next-line typescript/no-explicit-any -- the shapes are what the tests check
export type JsonDocument = any

/** An empty folder, that goes with its test. */
export function emptyProject(): CliProject {
  if (!existsSync(MAIN)) throw new Error(`${MAIN} is missing; run npm run build first`)
  const folder = tempFolder()
  const start = (args: readonly string[], options: CliOptions = {}): RunningCli => startCli(folder, args, options)
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
export function cliProject(): CliProject {
  const project = emptyProject()
  project.write('work.ts', JOBS)
  project.write('millrace.config.ts', CONFIG)
  return project
}

/** The environment without what would change the outcome. */
function cleanEnv(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env, ...extra }
  for (const name of ['MILLRACE_DATABASE', 'NODE_ENV', 'DEBUG', 'NO_COLOR', 'FORCE_COLOR', 'NODE_OPTIONS']) {
    if (!(name in extra)) delete env[name]
  }
  return env
}

function startCli(folder: string, args: readonly string[], options: CliOptions): RunningCli {
  const cwd = join(folder, options.in ?? '.')
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: cleanEnv(options.env), stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdin.end(options.input ?? '')
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const saw = async (text: string): Promise<void> => {
    await eventually(() => {
      if (`${stdout}${stderr}`.includes(text)) return true
      if (child.exitCode !== null) throw new Error(`ended without "${text}":\n${stdout}\n${stderr}`)
      return false
    })
  }
  return { child, ended, saw, stdout: () => stdout, stderr: () => stderr }
}
