/** What the demo asks of the process it runs in: where it is, and whether another demo is alive. */

import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join, relative, resolve, sep } from 'node:path'
import process from 'node:process'

/** The folder that the user works in. */
export function workingFolder(): string {
  return process.cwd()
}

/** A path as one would type it here. */
export function shortPath(path: string): string {
  const short = relative(workingFolder(), path)
  return short === '' || short.startsWith(`..${sep}`) || short === '..' ? path : short
}

/** What this machine is called among others. */
export function machineName(): string {
  return hostname()
}

/** Whether this is Windows, where a folder cannot be opened to sync it. */
export const isWindows: boolean = process.platform === 'win32'

/** Where the npm that came with this Node lies, on Unix and on Windows; its documentation is there to read too. */
export function npmFolders(): string[] {
  const beside = dirname(process.execPath)
  return [resolve(beside, '../lib/node_modules/npm'), join(beside, 'node_modules/npm')]
}

/** A process as it is written into a lock file. */
export interface ProcessMark {
  readonly pid: number
  /** Tells a process from a later one with the same pid; empty where the system does not say. */
  readonly startedAt: string
}

/** The mark of this process. */
export async function ownMark(): Promise<ProcessMark> {
  return { pid: process.pid, startedAt: await startOf(process.pid) }
}

/** Whether the process with this mark is alive, and is not this one. */
export async function isOtherAlive(mark: ProcessMark): Promise<boolean> {
  if (mark.pid === process.pid) return false
  try {
    process.kill(mark.pid, 0)
  } catch (error) {
    // A process of another user is alive too.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
  return (await startOf(mark.pid)) === mark.startedAt
}

/** The start time that Linux keeps for a process: field 22 of its `stat`, counted after the name in parentheses. */
async function startOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 1).split(' ')[20] ?? ''
}
