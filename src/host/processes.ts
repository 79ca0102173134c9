/**
 * The process port: who this process is on its host, and which others of the same host still live.
 *
 * A pid means something only inside one boot and one pid namespace, and a pid is used again. So a process is named by its
 * pid, the time it began, and the scope in which both hold. Where the operating system does not tell (outside Linux), the
 * scope is unknown and nothing is ever concluded from a pid.
 */

import { readFileSync, readlinkSync } from 'node:fs'
import { availableParallelism, freemem, hostname, loadavg, totalmem } from 'node:os'
import { getHeapStatistics } from 'node:v8'

/** A process by its place in the world. */
export interface ProcessIdentity {
  readonly host: string
  readonly pid: number
  readonly pidScope: string | null
  readonly pidStart: string | null
}

/** What is known of processes. */
export interface Processes {
  /** This process. */
  own(): ProcessIdentity
  /** When the process began that has this pid now, as in {@link ProcessIdentity}; null when there is none, or nobody knows. */
  startOf(pid: number): string | null
  /** The resident memory of this process, in bytes. */
  memoryBytes(): number
  /** How this process and its machine are. */
  vitals(): Vitals
}

/** How a process and its machine are; sizes in bytes. */
export interface Vitals {
  /** The version of Node.js. */
  readonly nodeVersion: string
  readonly uptimeMs: number
  /** The load of the machine over the last 1, 5 and 15 minutes; zeros where the operating system has none. */
  readonly loadAverages: readonly number[]
  readonly cpus: number
  readonly heapUsedBytes: number
  readonly heapLimitBytes: number
  readonly freeBytes: number
  readonly totalBytes: number
}

/** The processes of the operating system. */
export function nodeProcesses(): Processes {
  return {
    own: () => ({ host: hostname(), pid: process.pid, pidScope: ownPidScope(), pidStart: startOf(process.pid) }),
    startOf,
    memoryBytes: () => process.memoryUsage.rss(),
    vitals: nodeVitals,
  }
}

function nodeVitals(): Vitals {
  const heap = getHeapStatistics()
  return {
    nodeVersion: process.version,
    uptimeMs: Math.round(process.uptime() * 1_000),
    loadAverages: loadavg(),
    cpus: availableParallelism(),
    heapUsedBytes: heap.used_heap_size,
    heapLimitBytes: heap.heap_size_limit,
    freeBytes: freemem(),
    totalBytes: totalmem(),
  }
}

/**
 * Whether `other` is certainly gone: it ran in the same boot and pid namespace as this process, and no process has its pid
 * now, or a later one has.
 */
export function isCertainlyGone(other: ProcessIdentity, processes: Processes): boolean {
  return isNeighbour(other, processes.own()) && processes.startOf(other.pid) !== other.pidStart
}

/** Whether a look at the process table of this process tells of `other`. */
export function isNeighbour(other: ProcessIdentity, own: ProcessIdentity): boolean {
  return own.pidScope !== null && own.pidScope === other.pidScope && other.pidStart !== null
}

function ownPidScope(): string | null {
  const boot = orNull(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  const namespace = orNull(() => readlinkSync('/proc/self/ns/pid'))
  return boot === null || namespace === null ? null : `${boot} ${namespace}`
}

/** The start time of a process in clock ticks since boot; null when there is none, or when it is a zombie waiting for its parent. */
function startOf(pid: number): string | null {
  const stat = orNull(() => readFileSync(`/proc/${pid}/stat`, 'utf8'))
  if (stat === null) return null
  // The second field, the command, may hold spaces and parentheses; the fields after its last parenthesis are plain.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const state = fields[0]
  return state === 'Z' || state === 'X' ? null : (fields[19] ?? null)
}

/** What the operating system does not tell is unknown, not an error. */
function orNull<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
