/** The figures that every source is asked for, and what a source is. */

import type { AttemptOutcome, OutcomeCounts } from '../../../src/metrics/attempt-totals.ts'
import type { ToldEvent } from '../told.ts'

/** A duration as exact as a source tells it: it is at least one and at most the other. */
export interface MsRange {
  readonly from: number
  readonly to: number
}

/** The run times of the attempts of a job name. */
export interface RunFigures {
  readonly count: number
  readonly sumMs: number
  readonly p95: MsRange
}

/** The figures of a job name in a queue. */
export interface JobFigures {
  readonly queue: string
  readonly name: string
  /** Null where the source does not tell it; so with all that follow. */
  readonly enqueued: number | null
  readonly attempts: OutcomeCounts | null
  readonly run: RunFigures | null
  /** Dead letters that are there at the end. */
  readonly deadLetters: number | null
}

/** What of a killed node a source has: surely what ended before the one time, and nothing that ended after the other. */
export interface Loss {
  readonly node: string
  readonly surelyUntil: number
  readonly perhapsUntil: number
}

/** What a source told. */
export interface Reading {
  readonly source: string
  readonly jobs: readonly JobFigures[]
  /** Jobs that wait, are scheduled or run at the end, over all queues. */
  readonly depth: number
  readonly losses: readonly Loss[]
}

/** Where figures are read. */
export interface FiguresSource {
  readonly name: string
  /** Reads them when all jobs have ended. `when`: while the worker nodes live, or after they were ended in order. */
  readonly when: 'nodes-live' | 'nodes-ended'
  read(): Promise<Reading>
}

/** An attempt that ended, as its node told it. */
export interface EndedAttempt {
  readonly node: string
  readonly at: number
  readonly id: string
  readonly queue: string
  readonly name: string
  readonly outcome: AttemptOutcome
  readonly runMs: number | null
}

/** The ended attempt of an event, or null. */
export function endedAttempt(node: string, { at, event, payload }: ToldEvent): EndedAttempt | null {
  if (event !== 'job:stop' && event !== 'job:exception') return null
  const { id, queue, name, outcome, runMs } = payload
  return { node, at, id, queue, name, outcome, runMs }
}
