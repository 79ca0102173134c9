/** A folder as a user of the package has it: millrace is found in node_modules, as it was built. */

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

import { root } from '../../package/package-files.ts'

/** How a program ended. */
export interface Ended {
  readonly code: number | null
  /** The signal that ended it. */
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** A project of a user. */
export interface UserProject {
  readonly path: string
  write(name: string, text: string): void
  /** Runs a program to its end; it is killed after `timeoutMs`. */
  run(command: string, args: readonly string[], timeoutMs?: number): Promise<Ended>
  /** Runs a TypeScript program. */
  tsx(file: string): Promise<Ended>
  /** Runs a line of shell, in which `millrace` and `npx millrace` are the built command. */
  sh(line: string): Promise<Ended>
  remove(): void
}

/** Packages that documents import besides millrace. */
const PACKAGES = ['zod', '@photostructure/sqlite', '@types/node']

/** Makes a project with nothing in it but its dependencies. */
export function userProject(): UserProject {
  if (!existsSync(join(root, 'dist/index.js'))) throw new Error('dist/ is missing; run `npm run build` first')
  const path = mkdtempSync(join(tmpdir(), 'millrace-docs-'))
  const link = (name: string, target: string): void => {
    mkdirSync(dirname(join(path, 'node_modules', name)), { recursive: true })
    symlinkSync(target, join(path, 'node_modules', name), 'junction')
  }
  link('millrace', root)
  for (const name of PACKAGES) link(name, join(root, 'node_modules', name))
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(path, name)), { recursive: true })
    writeFileSync(join(path, name), text)
  }
  write('package.json', '{ "type": "module" }\n')
  const bin = join(path, 'node_modules/.bin')
  mkdirSync(bin)
  const command = (name: string, text: string): void =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  command('millrace', `exec "${process.execPath}" "${join(root, 'dist/cli/main.js')}" "$@"`)
  command('npx', 'exec "$@"')

  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}`, NO_COLOR: '1' }
  delete (env as NodeJS.ProcessEnv)['NODE_ENV']
  const run: UserProject['run'] = (program, args, timeoutMs = 25_000) =>
    new Promise((resolve, reject) => {
      const child = spawn(program, args, { cwd: path, env, timeout: timeoutMs, stdio: ['ignore', 'pipe', 'pipe'] })
      let stdout = ''
      let stderr = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
      child.on('error', reject)
      child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
    })
  return {
    path,
    write,
    run,
    tsx: (file) => run(join(root, 'node_modules/.bin/tsx'), [file]),
    sh: (line) => run('/bin/sh', ['-c', line]),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** What was printed, line by line. */
export function linesOf(stdout: string): string[] {
  return stdout.split('\n').slice(0, -1)
}
