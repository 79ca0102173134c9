/**
 * Whether what a source tells agrees with the events. Pure.
 *
 * Of nodes that lived to the end it must be exact. Of one that was killed a source may lack the last of what it did: so every
 * count lies between what the source surely has and that with all it perhaps has, and the two are the same without such a node.
 * A percentile may be off by what the buckets of the source are wide.
 */

import { OUTCOMES } from '../../../src/metrics/attempt-totals.ts'
import { jobKey, type EventFigures, type JobEvents } from './events.ts'
import type { EndedAttempt, JobFigures, Loss, MsRange, Reading } from './figures.ts'

/** One figure of one source, held against the events. */
export interface Comparison {
  /** Such as `attempts completed`. */
  readonly figure: string
  /** The queue and the job name; empty for a figure of all. */
  readonly of: string
  readonly source: string
  /** What all the events tell. */
  readonly events: number
  /** What the source tells; of a percentile, the end of its bucket. */
  readonly told: number
  /** Of a percentile: where its bucket begins. */
  readonly toldFrom?: number
  /** What it must lie in. */
  readonly allowed: MsRange
  readonly agrees: boolean
}

/** What a rounding of sums may come to, as a share and in milliseconds. */
const ROUNDING = { share: 1e-6, ms: 0.01 }

/** Holds a reading against the events. A figure that the source does not tell is left out. */
export function compare(events: EventFigures, { source, jobs, depth, losses }: Reading): readonly Comparison[] {
  const told = new Map(jobs.map((job) => [jobKey(job.queue, job.name), job]))
  const known = new Set(events.jobs.map(({ queue, name }) => jobKey(queue, name)))
  const unheard = jobs.filter(({ queue, name }) => !known.has(jobKey(queue, name)))
  const all: readonly JobEvents[] = [
    ...events.jobs,
    ...unheard.map(({ queue, name }) => ({ queue, name, enqueued: 0, ended: [], deadLetters: 0 })),
  ]
  return [
    ...all.flatMap((job) => compareJob(job, told.get(jobKey(job.queue, job.name)), source, losses)),
    comparison({ figure: 'depth at the end', of: '', source, events: events.depth, told: depth }),
  ]
}

function compareJob(
  job: JobEvents,
  told: JobFigures | undefined,
  source: string,
  losses: readonly Loss[],
): readonly Comparison[] {
  if (told === undefined) {
    return [comparison({ figure: 'is told of', of: jobKey(job.queue, job.name), source, events: 1, told: 0 })]
  }
  const about = { of: jobKey(job.queue, job.name), source }
  const comparisons: Comparison[] = []
  if (told.enqueued !== null) {
    comparisons.push(comparison({ ...about, figure: 'enqueued', events: job.enqueued, told: told.enqueued }))
  }
  const sure = job.ended.filter((attempt) => isSure(attempt, losses))
  const possible = job.ended.filter((attempt) => isPossible(attempt, losses))
  for (const outcome of told.attempts === null ? [] : OUTCOMES) {
    const count = (ended: readonly EndedAttempt[]) => ended.filter((one) => one.outcome === outcome).length
    const [events, value] = [count(job.ended), told.attempts?.[outcome] ?? 0]
    if (events === 0 && value === 0) continue
    const allowed = { from: count(sure), to: count(possible) }
    comparisons.push(comparison({ ...about, figure: `attempts ${outcome}`, events, told: value, allowed }))
  }
  if (told.deadLetters !== null) {
    comparisons.push(comparison({ ...about, figure: 'dead letters', events: job.deadLetters, told: told.deadLetters }))
  }
  if (told.run !== null) comparisons.push(...compareRuns(job, told.run, about, { sure, possible }))
  return comparisons
}

function compareRuns(
  job: JobEvents,
  told: NonNullable<JobFigures['run']>,
  about: { readonly of: string; readonly source: string },
  { sure, possible }: { readonly sure: readonly EndedAttempt[]; readonly possible: readonly EndedAttempt[] },
): readonly Comparison[] {
  const [all, least, most] = [runsOf(job.ended), runsOf(sure), runsOf(possible)]
  if (all.length === 0 || told.count === 0) {
    return [comparison({ ...about, figure: 'runs', events: all.length, told: told.count })]
  }
  const sum = (runs: readonly number[]) => runs.reduce((total, ms) => total + ms, 0)
  const slack = ROUNDING.ms + sum(most) * ROUNDING.share
  // Between the means with as many runs as it tells of, of which only some are sure.
  const means = { from: (sum(least) - slack) / told.count, to: (sum(most) + slack) / told.count }
  const exact = percentileBounds(most, most.length - least.length)
  const overlaps = told.p95.from <= exact.to && exact.from <= told.p95.to
  return [
    comparison({
      ...about,
      figure: 'mean run ms',
      events: sum(all) / all.length,
      told: told.sumMs / told.count,
      allowed: means,
    }),
    {
      ...about,
      figure: 'p95 run ms',
      events: percentileBounds(all, 0).from,
      told: told.p95.to,
      toldFrom: told.p95.from,
      allowed: exact,
      agrees: overlaps,
    },
  ]
}

/** Where the 95th percentile (nearest rank) lies when any `missing` of these values are not there. */
export function percentileBounds(values: readonly number[], missing: number): MsRange {
  const sorted = values.toSorted((one, other) => one - other)
  const rank = (count: number) => Math.max(1, Math.ceil(0.95 * count))
  const at = (position: number) => sorted[Math.min(sorted.length, position) - 1] ?? 0
  return { from: at(rank(Math.max(1, sorted.length - missing))), to: at(rank(sorted.length) + missing) }
}

function runsOf(ended: readonly EndedAttempt[]): readonly number[] {
  return ended.flatMap(({ runMs }) => (runMs === null ? [] : [runMs]))
}

function isSure({ node, at }: EndedAttempt, losses: readonly Loss[]): boolean {
  return losses.every((loss) => loss.node !== node || at < loss.surelyUntil)
}

function isPossible({ node, at }: EndedAttempt, losses: readonly Loss[]): boolean {
  return losses.every((loss) => loss.node !== node || at <= loss.perhapsUntil)
}

function comparison(parts: Omit<Comparison, 'allowed' | 'agrees'> & { readonly allowed?: MsRange }): Comparison {
  const allowed = parts.allowed ?? { from: parts.events, to: parts.events }
  return { ...parts, allowed, agrees: parts.told >= allowed.from && parts.told <= allowed.to }
}
