/** What Linux knows of a process. Everything is 0 elsewhere, and for a process that is gone. */

import { readFileSync } from 'node:fs'

const TICK_MS = 10
const MIB = 1_024

/** CPU time of a process, all its threads included, in milliseconds. */
export function cpuMs(pid: number): number {
  const [user = 0, system = 0] = statFields(pid)
  return (user + system) * TICK_MS
}

/** CPU time of a process, its children, and those of its children that have ended, in milliseconds. */
export function treeCpuMs(pid: number): number {
  const own = statFields(pid).reduce((sum, ticks) => sum + ticks, 0) * TICK_MS
  return childrenOf(pid).reduce((sum, child) => sum + cpuMs(child), own)
}

/** Resident memory of a process now, and the most it ever was, in MiB. */
export function memoryMib(pid: number): { readonly now: number; readonly most: number } {
  const status = read(`/proc/${pid}/status`)
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0)
  return { now: kib('VmRSS') / MIB, most: kib('VmHWM') / MIB }
}

/** utime, stime, cutime, cstime in ticks. */
function statFields(pid: number): number[] {
  const text = read(`/proc/${pid}/stat`)
  // The name in the second field may hold spaces; it ends with the last parenthesis. Field 14 is the 12th after it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return fields.slice(11, 15).map(Number)
}

function childrenOf(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
