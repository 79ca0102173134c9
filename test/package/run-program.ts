/** Runs a program to its end. */

import { execFile } from 'node:child_process'

/** How a program ended. */
export interface Ended {
  /** The exit code; `'killed'` when it took too long. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** Options of {@link runProgram}. */
export interface RunOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv | undefined
  /** Default: 60 seconds. */
  readonly timeoutMs?: number | undefined
}

/** Never rejects: a program that fails is an answer. */
export function runProgram(command: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const { cwd, env = process.env, timeoutMs = 60_000 } = options
  return new Promise((resolve) => {
    const settings = { cwd, env, timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 2 ** 26 } as const
    execFile(command, args, settings, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? 'killed'), stdout, stderr })
    })
  })
}
