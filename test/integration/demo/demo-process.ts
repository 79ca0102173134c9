/** The demo as a child process, in a folder with copies of a few real packages. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import type { Summary } from '../../../src/demo/screen/summary.ts'

const PROGRAM = fileURLToPath(new URL('run-demo.mjs', import.meta.url))
const MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url))
/** Small packages with READMEs; those of yaml and jiti link to files that are not published. */
const PACKAGES = ['yaml', 'jiti', 'commander', 'picocolors', 'marked', 'devalue']

/** What a run is started with. */
export interface DemoProcessOptions {
  readonly once?: boolean
  readonly json?: boolean
  readonly limit?: number
  readonly database?: string | undefined
}

/** A run of the demo. */
export interface DemoProcess {
  readonly child: ChildProcess
  /** What it has written so far. */
  readonly output: { stdout: string; stderr: string }
  /** Resolves with its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string | null>
}

/** Copies real packages, and adds a manifest that is no JSON. */
export function makeProject(folder: string): void {
  for (const name of PACKAGES) cpSync(join(MODULES, name), join(folder, 'node_modules', name), { recursive: true })
  const broken = join(folder, 'node_modules', 'broken')
  mkdirSync(broken)
  writeFileSync(join(broken, 'package.json'), '{ name: "broken" }')
  writeFileSync(
    join(broken, 'README.md'),
    '# <script>alert(1)</script> Broken\n\n[x](javascript:alert(1)) [y](gone.md)',
  )
}

/** Starts the demo with `folder` as its working folder. */
export function startDemo(folder: string, options: DemoProcessOptions = {}): DemoProcess {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], { cwd: folder, stdio: 'pipe' })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()))
  const ended = once(child, 'close').then(([code, signal]: (number | string | null)[]) => code ?? signal ?? null)
  return { child, output, ended }
}

/** How many jobs there are in these states. */
export function sumOf(counts: Summary['jobs']): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

/** How many jobs ended in the run itself. */
export function endedHere({ queues }: Summary): number {
  return queues.reduce((sum, queue) => sum + queue.endedHere, 0)
}

/** The output that must be the same however a run went: names and content. */
export function outputOf(folder: string): Record<string, string> {
  const output = join(folder, '.millrace/demo')
  const names = readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(html|js|json)$/.test(name),
  )
  const same = names.filter((name) => name !== 'workload.json').sort()
  return Object.fromEntries(same.map((name) => [name, readFileSync(join(output, name), 'utf8')]))
}
