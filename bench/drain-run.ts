/**
 * Filling a place, then draining it. The clock starts when the worker processes, with their library loaded, are told to start,
 * and stops when the store holds no unfinished job.
 */

import { setTimeout as sleep } from 'node:timers/promises'

import type { Child } from './child/child.ts'
import { QUEUE } from './contender.ts'
import type { Run } from './scenario.ts'
import { cpuMs, memoryMib } from './servers/process-usage.ts'

const LOOK_EVERY_MS = 3

export interface DrainOptions {
  readonly jobs: number
  readonly workers: number
  /** A drain that takes longer is given up and has no figures. */
  readonly limitSeconds: number
}

export interface Drained {
  readonly preloadedPerSecond: number
  readonly perSecond: number
  /** CPU time per 1,000 jobs in milliseconds. */
  readonly workerCpuMs: number
  readonly serverCpuMs: number
  readonly cpuMs: number
  /** Resident memory of the first worker in MiB: before it was told to start, the most, and at the end. */
  readonly memoryAtStart: number
  readonly memoryMost: number
  readonly memoryAtEnd: number
}

export async function drain(run: Run, { jobs, workers, limitSeconds }: DrainOptions): Promise<Drained> {
  const preloaded = await preload(run, jobs)
  await run.place.settle()
  const children = await spawnAll(run, workers)
  const [first] = children
  if (first === undefined) throw new Error('a drain needs at least one worker')
  const before = usage(run, children)
  const memoryAtStart = memoryMib(first.pid).now
  const startedAt = performance.now()
  await Promise.all(children.map((child) => child.call('start', { queues: [QUEUE] })))
  const endedAt = await drained(run, children, { jobs, deadline: startedAt + limitSeconds * 1_000 })
  if (endedAt === null) {
    throw new Error(`not drained within ${limitSeconds} s: ${handledBy(children)} of ${jobs} jobs were handled`)
  }
  const after = usage(run, children)
  const perThousand = (ms: number) => (ms / jobs) * 1_000
  const memory = memoryMib(first.pid)
  return {
    preloadedPerSecond: preloaded.jobs / preloaded.seconds,
    perSecond: (jobs / (endedAt - startedAt)) * 1_000,
    workerCpuMs: perThousand(after.workers - before.workers),
    serverCpuMs: perThousand(after.server - before.server),
    cpuMs: perThousand(after.workers + after.server - before.workers - before.server),
    memoryAtStart,
    memoryMost: memory.most,
    memoryAtEnd: memory.now,
  }
}

/** Creates the schema and stores that many jobs, from a process of its own. */
export async function preload(run: Run, jobs: number, delaySeconds = 0): Promise<{ jobs: number; seconds: number }> {
  const producer = await run.spawn()
  await producer.call('prepare')
  const amount = await producer.call('preload', { jobs, delaySeconds })
  await producer.end()
  return amount
}

export function spawnAll(run: Run, count: number): Promise<Child[]> {
  return Promise.all(Array.from({ length: count }, () => run.spawn()))
}

export function handledBy(children: readonly Child[]): number {
  return children.reduce((sum, child) => sum + child.handled, 0)
}

/** Answers when the store was asked the question whose answer was that nothing is unfinished; null after the deadline. */
async function drained(
  run: Run,
  children: readonly Child[],
  { jobs, deadline }: { readonly jobs: number; readonly deadline: number },
): Promise<number | null> {
  while (performance.now() < deadline) {
    const askedAt = performance.now()
    if (handledBy(children) >= jobs && (await run.place.count(run.contender.unfinished)) === 0) return askedAt
    await sleep(LOOK_EVERY_MS)
  }
  return null
}

function usage(run: Run, children: readonly Child[]): { readonly workers: number; readonly server: number } {
  return { workers: children.reduce((sum, { pid }) => sum + cpuMs(pid), 0), server: run.place.cpuMs() }
}
