/** The figures that the events tell: what the other sources are held against. Pure. */

import type { NodeEvent } from '../told.ts'
import { endedAttempt, type EndedAttempt } from './figures.ts'

/** All that the events tell of one job name in one queue. */
export interface JobEvents {
  readonly queue: string
  readonly name: string
  readonly enqueued: number
  readonly ended: readonly EndedAttempt[]
  /** Dead letters that are there at the end. */
  readonly deadLetters: number
}

/** All that the events tell. */
export interface EventFigures {
  readonly jobs: readonly JobEvents[]
  /** What `queue:depth` told last of each queue, added up. */
  readonly depth: number
}

/**
 * Adds up events.
 *
 * @param retried how many dead letters an operator has brought back, by queue and name
 */
export function figuresOfEvents(events: readonly NodeEvent[], retried: ReadonlyMap<string, number>): EventFigures {
  const jobs = new Map<string, { queue: string; name: string; enqueued: number; ended: EndedAttempt[] }>()
  const entry = (queue: string, name: string) => {
    const key = jobKey(queue, name)
    const found = jobs.get(key) ?? { queue, name, enqueued: 0, ended: [] }
    jobs.set(key, found)
    return found
  }
  const depths = new Map<string, { readonly at: number; readonly jobs: number }>()
  for (const told of events) {
    if (told.event === 'job:enqueue') entry(told.payload.queue, told.payload.name).enqueued += 1
    if (told.event === 'queue:depth' && told.at >= (depths.get(told.payload.queue)?.at ?? 0)) {
      const { queue, depth, scheduled, running } = told.payload
      depths.set(queue, { at: told.at, jobs: depth + scheduled + running })
    }
    const ended = endedAttempt(told.node, told)
    if (ended !== null) entry(ended.queue, ended.name).ended.push(ended)
  }
  return {
    jobs: [...jobs.values()]
      .map((job) => ({
        ...job,
        deadLetters:
          job.ended.filter(({ outcome }) => outcome === 'failed' || outcome === 'discarded').length -
          (retried.get(jobKey(job.queue, job.name)) ?? 0),
      }))
      .sort((one, other) => (jobKey(one.queue, one.name) < jobKey(other.queue, other.name) ? -1 : 1)),
    depth: [...depths.values()].reduce((sum, { jobs: count }) => sum + count, 0),
  }
}

/** The key of a job name in a queue. */
export function jobKey(queue: string, name: string): string {
  return `${queue} ${name}`
}
