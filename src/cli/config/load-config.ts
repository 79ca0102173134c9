/**
 * Loads a configuration file and the runner in it.
 *
 * TypeScript goes through jiti, and with it every file of the project that the configuration imports: enums, decorators and
 * the path aliases of tsconfig.json work. What they import as `millrace` is the project's copy of the package, or this one
 * where the project has none; always through one module, so that all of them see the same one.
 */

import { createRequire } from 'node:module'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { Runner } from '../../index.ts'
import type { RunnerConfig } from '../../runner/config.ts'
import { CliError, usageError } from '../cli-error.ts'
import { EXIT, exitCodeOf } from '../exit-codes.ts'
import { configurationOf, rememberingExports, type PackageExports } from './described-runners.ts'

/** A configuration that was loaded. */
export interface LoadedConfig {
  readonly file: string
  readonly runner: Runner
  /** What the file said, as far as it is known. */
  readonly configuration: RunnerConfig | undefined
}

/** Loads a file. Throws a {@link CliError} that says what is wrong with it. */
export async function loadConfig(file: string, folder: string): Promise<LoadedConfig> {
  const name = relative(folder, file) || file
  const runner = runnerOf(await importConfig(file, name), name)
  return { file, runner, configuration: configurationOf(runner) }
}

async function importConfig(file: string, name: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(file, {
    interopDefault: false,
    tsconfigPaths: true,
    virtualModules: await packageModules(file),
  })
  try {
    return await jiti.import(file)
  } catch (error) {
    throw importError(error, name, placeInProject(error, file))
  }
}

/** The modules of this package for the files of the project. */
async function packageModules(file: string): Promise<Record<string, unknown>> {
  const require = createRequire(file)
  const own = {
    millrace: () => import('../../index.ts'),
    'millrace/stage': () => import('../../stage/index.ts'),
    'millrace/telemetry': () => import('../../exporters/index.ts'),
  }
  const modules: Record<string, unknown> = {}
  for (const [specifier, importOwn] of Object.entries(own)) {
    const exports: unknown = await importFrom(require, specifier, importOwn)
    modules[specifier] = hasCreateRunner(exports) ? rememberingExports(exports) : exports
  }
  return modules
}

async function importFrom(
  require: NodeJS.Require,
  specifier: string,
  importOwn: () => Promise<unknown>,
): Promise<unknown> {
  let path: string
  try {
    path = require.resolve(specifier)
  } catch {
    // The project does not have the package: it is run by a copy from elsewhere, as `npx` does.
    return importOwn()
  }
  return import(pathToFileURL(path).href)
}

function hasCreateRunner(exports: unknown): exports is PackageExports {
  return typeof exports === 'object' && exports !== null && 'createRunner' in exports
}

/** The compiled files of this package. */
const OWN_FILES = new URL('../../', import.meta.url).href

/** The first place in the stack that is in a file of the user, such as `/app/src/jobs.ts:3:9`, unless the message has it. */
function placeInProject(error: unknown, file: string): string | undefined {
  if (!(error instanceof Error)) return undefined
  const places = (error.stack ?? '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line) && !/[\\/]node_modules[\\/]|\bnode:/.test(line))
    .flatMap((line) => /\(?((?:file:\/\/)?[^()\s]+:\d+:\d+)\)?$/.exec(line)?.[1] ?? [])
  const place = places.find((one) => !pathToUrl(one).startsWith(OWN_FILES))
  return place === undefined || place.startsWith(`${file}:`) ? undefined : place
}

function pathToUrl(place: string): string {
  return place.startsWith('file://') ? place : pathToFileURL(place).href
}

function importError(error: unknown, name: string, place: string | undefined): CliError {
  const message = error instanceof Error ? error.message : String(error)
  // Node.js adds the stack of requires to what it cannot find.
  const whole = message.split('\nRequire stack:')[0]?.trim() ?? message
  const reason = whole.replace(/\s*\n\s*(\S+:\d+:\d+)$/, ' at $1')
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  const where = place === undefined ? '' : ` (at ${place})`
  return new CliError(`${name} cannot be loaded: ${reason}${where}`, {
    exitCode: exitCodeOf(code) ?? EXIT.usage,
    hint: hintOf(code, message),
    cause: error,
  })
}

function hintOf(code: string, message: string): string {
  if (message.startsWith('ParseError')) return 'it is no valid TypeScript or JavaScript; correct the line that is named'
  if (code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    return 'correct the import, or install the package that it names'
  }
  return 'correct it; with --verbose the stack is shown'
}

/** A runner is known by what it can do, so that one of another copy of the package is one too. */
function isRunner(value: unknown): value is Runner {
  const verbs = ['enqueue', 'start', 'stop', 'close', 'job', 'list', 'queues'] as const
  if (typeof value !== 'object' || value === null) return false
  return verbs.every((verb) => verb in value && typeof (value as Record<string, unknown>)[verb] === 'function')
}

function runnerOf(exports: unknown, name: string): Runner {
  if (isRunner(exports)) return exports
  const all = typeof exports === 'object' && exports !== null ? (exports as Readonly<Record<string, unknown>>) : {}
  const found = all['default']
  if (isRunner(found)) return found
  const example = 'export default createRunner({ jobs: { … } })'
  if (found === undefined) {
    const named = Object.keys(all).find((key) => isRunner(all[key]))
    const hint =
      named === undefined ? `add: ${example}` : `it exports a runner as "${named}"; add: export default ${named}`
    throw usageError(`${name} has no default export; it must be a runner`, hint)
  }
  const isOptions = typeof found === 'object' && found !== null && 'jobs' in found
  throw usageError(
    `the default export of ${name} is ${kindOf(found)}, not a runner`,
    isOptions ? `pass it to createRunner: ${example}` : `write: ${example}`,
  )
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'function') return 'a function'
  if (value instanceof Promise) return 'a promise'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
