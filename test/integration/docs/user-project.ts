/** A folder as a user of the package has it: millrace is found in node_modules, as it was built. */

import type { SpawnOptionsWithoutStdio } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

import { root } from '../../package/package-files.ts'
import { startProgram, type Ended, type RunningProgram } from '../../support/running-program.ts'

export type { Ended, RunningProgram } from '../../support/running-program.ts'

/** A project of a user. */
export interface UserProject {
  readonly path: string
  write(name: string, text: string): void
  /** Runs a program to its end; it is killed after `timeoutMs`. */
  run(command: string, args: readonly string[], timeoutMs?: number): Promise<Ended>
  /** Runs a TypeScript program. */
  tsx(file: string, args?: readonly string[]): Promise<Ended>
  /** Starts a program that runs until it is told to end. */
  start(command: string, args: readonly string[], env?: Readonly<Record<string, string>>): RunningProgram
  /** Runs a line of shell, in which `millrace` and `npx millrace` are the built command. */
  sh(line: string): Promise<Ended>
  remove(): void
}

/** Packages that documents import besides millrace: of this package, or of the tests. */
const PACKAGES = [
  'zod',
  '@photostructure/sqlite',
  '@types/node',
  'express',
  '@types/express',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/platform-express',
  'reflect-metadata',
  'better-sqlite3',
  '@types/better-sqlite3',
  'pg',
  '@opentelemetry/api',
  '@opentelemetry/sdk-trace-node',
  '@types/pg',
  'postgres',
  'drizzle-orm',
  'kysely',
  'knex',
]

/** As a project with decorators has it; tsx reads it too. */
const TSCONFIG = {
  compilerOptions: {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    exactOptionalPropertyTypes: true,
    experimentalDecorators: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
    types: ['node'],
  },
}

/** Makes a project with nothing in it but its dependencies. */
export function userProject(): UserProject {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist/ is missing; run `npm run build` first')
  const path = mkdtempSync(join(tmpdir(), 'millrace-docs-'))
  const link = (name: string, target: string): void => {
    mkdirSync(dirname(join(path, 'node_modules', name)), { recursive: true })
    symlinkSync(target, join(path, 'node_modules', name), 'junction')
  }
  link('millrace', root)
  for (const name of PACKAGES) {
    // One that is not installed is missed by the program that imports it, and by no other.
    const folder = ['node_modules', 'test/node_modules'].map((one) => join(root, one, name)).find(existsSync)
    if (folder !== undefined) link(name, folder)
  }
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  write('package.json', '{ "type": "module" }\n')
  write('tsconfig.json', JSON.stringify(TSCONFIG))
  const bin = join(path, 'node_modules/.bin')
  mkdirSync(bin)
  const command = (name: string, text: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  command('millrace', `exec "${process.execPath}" "${join(root, 'dist/cli/main.js')}" "$@"`)
  command('npx', 'exec "$@"')

  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1' }
  delete (env as NodeJS.ProcessEnv)['NODE_ENV']
  const start = (program: string, args: readonly string[], options: SpawnOptionsWithoutStdio): RunningProgram => {
    const running = startProgram(program, args, { cwd: path, ...options })
    running.child.stdin.end()
    return running
  }
  const run: UserProject['run'] = (program, args, timeout = 25_000) => start(program, args, { env, timeout }).ended
  return {
    path,
    write,
    run,
    start: (program, args, more = {}) => start(program, args, { env: { ...env, ...more } }),
    tsx: (file, args = []) => run(join(root, 'node_modules/.bin/tsx'), [file, ...args]),
    sh: (line) => run('/bin/sh', ['-c', line]),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** What was printed, line by line. */
export function linesOf(stdout: string): string[] {
  return stdout.split('\n').slice(0, -1)
}
