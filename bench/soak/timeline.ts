/** The timeline: what the events tell, each as a line with time, node and words. Events of single jobs are only counted. Pure. */

import type { NodeEvent } from './told.ts'

/** The line of an event, or null for one that is only counted. `startedAt`: what the times count from. */
export function lineOf(told: NodeEvent, startedAt: number): string | null {
  const words = wordsOf(told)
  return words === null ? null : timelineLine(told.at - startedAt, told.node, words)
}

/** A line of the timeline. */
export function timelineLine(ms: number, node: string, words: string): string {
  return `${`+${(ms / 1_000).toFixed(1)}`.padStart(7)} s  ${node.padEnd(6)}  ${words}`
}

/** How often each event came that has no line. */
export function countsOf(events: readonly NodeEvent[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const told of events) {
    if (wordsOf(told) === null) counts[told.event] = (counts[told.event] ?? 0) + 1
  }
  return counts
}

function wordsOf({ event, payload }: NodeEvent): string | null {
  switch (event) {
    case 'job:enqueue':
    case 'job:start':
    case 'job:stop':
    case 'job:exception':
    case 'job:stale':
    case 'job:interrupt':
    case 'queue:depth':
      return null
    case 'job:stuck':
      return `${event}: ${payload.name} goes on after ${Math.round(payload.runMs)} ms`
    case 'job:unknown':
      return `${event}: of ${payload.jobs} jobs nobody knows whether they are stored`
    case 'breaker:open':
    case 'breaker:half-open':
    case 'breaker:close':
      return `${event}: ${payload.subject}: ${payload.reason}`
    case 'queue:scale':
      return `${event}: ${payload.queue} ${payload.from} → ${payload.to}: ${payload.detail}`
    case 'queue:crash':
      return `${event}: ${payload.queue}: ${String(payload.reason)}`
    case 'notice:stop':
      return `${event}: told of ${payload.name} in ${Math.round(payload.runMs)} ms`
    case 'notice:exception':
      return `${event}: ${payload.name}: ${payload.error.message} (${payload.outcome})`
    case 'node:rescue':
      return `${event}: ${payload.node.slice(0, 8)} is dead; ${payload.requeued.length} jobs run again, ${payload.failed.length} failed`
    case 'node:fenced':
      return `${event}: ${payload.reason}`
    case 'node:start':
      return `${event}: ${payload.node.slice(0, 8)} serves ${payload.queues.join(', ')}`
    case 'node:stop':
      return `${event}: ${payload.node.slice(0, 8)}`
    case 'node:order':
      return `${event}: ${payload.wanted ?? 'go on'}`
    case 'node:stuck':
      return `${event}: ${payload.stuck} handlers`
    case 'node:give-back':
    case 'node:surplus':
      return `${event}: ${payload.jobs} jobs`
    case 'node:clock':
      return `${event}: by ${payload.jumpMs} ms`
    case 'store:error':
      return `${event}: ${String(payload.error)}`
  }
}
