/** The package as a user gets it: installed from the tarball into an empty folder, without install scripts. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startProgram, type RunningProgram } from '../support/running-program.ts'
import { runProgram, type Ended } from './run-program.ts'

/** A user's folder. */
export interface UserFolder {
  readonly path: string
  /** Writes files into it. */
  write(files: Readonly<Record<string, string>>): void
  run(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Ended>
  /** Starts a program that runs until it is told to end. */
  start(command: string, args: readonly string[], env?: NodeJS.ProcessEnv): RunningProgram
  remove(): void
}

/** Installs the tarball, and other packages beside it. */
export async function installedPackage(tarball: string, ...others: readonly string[]): Promise<UserFolder> {
  const path = mkdtempSync(join(tmpdir(), 'millrace-user-'))
  const folder: UserFolder = {
    path,
    write: (files) => {
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
    },
    run: (command, args, env) => runProgram(command, args, { cwd: path, env: { ...userEnv(), ...env } }),
    start: (command, args, env) => startProgram(command, args, { cwd: path, env: { ...userEnv(), ...env } }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
  await must(folder, ['init', '-y'])
  await must(folder, ['pkg', 'set', 'type=module'])
  await must(folder, ['install', tarball, ...others, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'])
  return folder
}

async function must(folder: UserFolder, args: readonly string[]): Promise<void> {
  const { code, stdout, stderr } = await folder.run('npm', args)
  if (code !== 0) throw new Error(`npm ${args.join(' ')} failed (${code}):\n${stdout}${stderr}`)
}

/** Without what npm and vitest put into the environment of a script of this repository. */
function userEnv(): NodeJS.ProcessEnv {
  const foreign =
    /^(npm_(?!config_(registry|cache|userconfig|globalconfig))|VITEST|NODE_ENV$|NODE_OPTIONS$|INIT_CWD$|TEST$|MODE$|DEV$|PROD$|SSR$|BASE_URL$)/i
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name)))
}
