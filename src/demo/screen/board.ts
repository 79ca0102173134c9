/** Where the jobs of each queue are at this moment: what back-pressure looks like. */

import type { Inspection, QueueInfo } from '../../index.ts'
import type { RunStatistics } from '../statistics.ts'
import { inColumns, number } from './text.ts'

/** A queue as it stands. */
export interface QueueStanding {
  readonly queue: string
  readonly concurrency: number
  /** An operator paused it: nothing of it is claimed until it is resumed. */
  readonly isPaused: boolean
  /** What its consumers asked for and have not got yet. */
  readonly demand: number
  /** Jobs held by its stages that no handler has begun. */
  readonly buffered: number
  readonly running: number
  /** Jobs that wait in the store, due or not. */
  readonly waiting: number
  readonly ended: number
  /** Jobs ended per second over the last seconds. */
  readonly rate: number
}

/** Reads the standing of all queues. */
export function standingsOf(
  inspection: Inspection,
  queues: readonly QueueInfo[],
  statistics: RunStatistics,
): QueueStanding[] {
  const stages = inspection.worker?.stages ?? []
  return queues.map(({ name, depth, scheduled, paused }) => {
    const consumers = stages.filter((stage) => stage.name?.startsWith(`${name}/consumer-`) === true)
    const producer = stages.find((stage) => stage.name === `${name}/producer`)
    const received = consumers.flatMap((stage) => stage.subscriptions).reduce((sum, one) => sum + one.received, 0)
    const { ended, endedBefore } = statistics.of(name)
    const begun = consumers.reduce((sum, stage) => sum + stage.eventsIn, 0)
    return {
      queue: name,
      concurrency: inspection.worker?.scaling[name]?.target ?? 0,
      isPaused: paused,
      demand: inspection.worker?.demand[name] ?? 0,
      buffered: (producer?.buffered ?? 0) + Math.max(0, received - begun),
      running: consumers.filter((stage) => stage.busy).length,
      waiting: depth + scheduled,
      ended: ended + endedBefore,
      rate: statistics.rateOf(name),
    }
  })
}

/** The table for a terminal. */
export function boardLines(standings: readonly QueueStanding[]): string[] {
  const heads = ['queue', 'at a time', 'demand', 'buffered', 'running', 'waiting', 'ended', 'per second']
  const rows = standings.map((one) => [
    nameOf(one),
    number(one.concurrency),
    number(one.demand),
    number(one.buffered),
    number(one.running),
    number(one.waiting),
    number(one.ended),
    one.rate.toFixed(1),
  ])
  return [...inColumns([heads, ...rows]), explanation(standings)]
}

/** The same in one line, for logs: in full for the queues that have work. */
export function boardLine(standings: readonly QueueStanding[], elapsedMs: number): string {
  const queues = standings.map((standing) => {
    const { demand, buffered, running, waiting, ended, rate } = standing
    const queue = nameOf(standing)
    if (running + waiting + buffered === 0) return `${queue}: ${number(ended)} ended`
    const held = `demand ${number(demand)}, ${number(buffered)} buffered, ${number(running)} running`
    return `${queue}: ${number(ended)} ended, ${held}, ${number(waiting)} waiting, ${rate.toFixed(1)}/s`
  })
  return `${(elapsedMs / 1_000).toFixed(1).padStart(6)} s  ${queues.join(' | ')}`
}

/** What the table shows, said for the queue in which most jobs wait. */
export function explanation(standings: readonly QueueStanding[]): string {
  const [slowest] = standings.toSorted((a, b) => b.waiting - a.waiting)
  if (slowest === undefined || slowest.waiting === 0) return 'No queue has more work than it can run at once.'
  const { queue, concurrency, isPaused, buffered, waiting } = slowest
  if (isPaused) return `${queue} is paused: ${number(waiting)} jobs wait in the store until somebody resumes it.`
  return `${queue} takes ${concurrency} at a time; its producer asks the store for no more than it can run: ${number(buffered)} jobs are held ahead, ${number(waiting)} wait in the store.`
}

function nameOf({ queue, isPaused }: QueueStanding): string {
  return isPaused ? `${queue} (paused)` : queue
}
