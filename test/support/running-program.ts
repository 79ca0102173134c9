/** A program of a test that runs in a process of its own. */

import { spawn, type ChildProcessWithoutNullStreams, type SpawnOptionsWithoutStdio } from 'node:child_process'

import { eventually } from './eventually.ts'

/** How a program ended. */
export interface Ended {
  readonly code: number | null
  /** The signal that ended it. */
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

/** A program that runs. */
export interface RunningProgram {
  /** Its standard input is open. */
  readonly child: ChildProcessWithoutNullStreams
  /** What it has printed so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves when it has ended. */
  readonly ended: Promise<Ended>
  /**
   * Waits until what it printed, to either side, matches; answers the match. Throws when it ends without.
   *
   * @param withinMs Default: 20 s, which is longer than any start on a busy machine.
   */
  saw(pattern: string | RegExp, withinMs?: number): Promise<RegExpExecArray>
}

/** Starts a program. */
export function startProgram(
  command: string,
  args: readonly string[],
  options: SpawnOptionsWithoutStdio,
): RunningProgram {
  const child = spawn(command, args, options)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // It may have ended before it reads what is written to it.
  child.stdin.on('error', () => {})
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }))
  })
  const saw: RunningProgram['saw'] = (pattern, withinMs = 20_000) => {
    const wanted = typeof pattern === 'string' ? new RegExp(escaped(pattern)) : pattern
    const look = (): RegExpExecArray | null => {
      const found = wanted.exec(`${stdout}${stderr}`)
      if (found === null && (child.exitCode !== null || child.signalCode !== null))
        throw new Error(`ended without ${wanted}:\n${stdout}${stderr}`)
      return found
    }
    return eventually(look, { withinMs })
  }
  return { child, ended, saw, stdout: () => stdout, stderr: () => stderr }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}
