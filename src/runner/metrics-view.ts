/** The history of metrics as the API shows it. */

import { toDate } from '../host/time.ts'
import type { Duration } from '../job/duration.ts'
import { jobError, listProblems } from '../job/errors.ts'
import { optionReader, type OptionReader } from '../job/option-reader.ts'
import { AttemptTotals } from '../metrics/attempt-totals.ts'
import type { Histogram } from '../metrics/histogram.ts'
import { DAY_MS, HOUR_MS, KEPT_MS, MINUTE_MS } from '../store/metric-spans.ts'
import type { MetricGroup, MetricQuery, Store } from '../store/store.ts'

/** What `metrics` is asked for. */
export interface MetricsOptions {
  readonly queue?: string | undefined
  /** The name of a job: `mailer.sendWelcome`. */
  readonly name?: string | undefined
  /** From when on: so long ago, or a point in time. Default: `'1h'`. Minutes are kept for two days, hours for five weeks, days for 400 days. */
  readonly since?: Duration | Date | undefined
  /** Until when. Default: now. */
  readonly until?: Date | undefined
  /**
   * What one of the `points` covers: a multiple of a minute, or of an hour where `since` is more than two days ago, or of a day
   * (of UTC) where it is more than five weeks ago; anything finer is refused. Default: what makes a few dozen points.
   */
  readonly step?: Duration | undefined
}

/** How long attempts took, in milliseconds, to 1/32; null where there were none. */
export interface LatencyFigures {
  readonly mean: number | null
  readonly p50: number | null
  readonly p95: number | null
  readonly p99: number | null
}

/** What attempts came to. */
export interface MetricsFigures {
  /** How many ended: the sum of the next six, which are the outcomes of `job:stop` and `job:exception`. */
  readonly attempts: number
  readonly completed: number
  readonly snoozed: number
  readonly cancelled: number
  readonly discarded: number
  /** Ended with an error, to be tried again. */
  readonly retry: number
  /** Ended with an error for the last time. */
  readonly failed: number
  /** Attempts that ended in a second, on average. */
  readonly perSecond: number
  /** From due to start. */
  readonly wait: LatencyFigures
  /** How long handlers ran. */
  readonly run: LatencyFigures
}

/** What attempts that ended in one step came to. */
export interface MetricsPoint extends MetricsFigures {
  /** When the step began. */
  readonly at: Date
}

/** What attempts of one job name in one queue came to. */
export interface JobMetrics extends MetricsFigures {
  readonly queue: string
  readonly name: string
}

/** What `metrics` answers. */
export interface Metrics {
  /** What is counted: from here, to just before `until`. A multiple of `stepMs`. */
  readonly since: Date
  readonly until: Date
  readonly stepMs: number
  readonly total: MetricsFigures
  /** One for each step, oldest first, those without attempts included. */
  readonly points: readonly MetricsPoint[]
  /** One for each queue and job name, by queue, then by name. */
  readonly jobs: readonly JobMetrics[]
}

/** What is asked, read. */
interface Question {
  readonly queue: string | undefined
  readonly name: string | undefined
  readonly since: number
  readonly until: number
  readonly stepMs: number
}

/** From how long a time on which step is taken, where nobody says. */
const DEFAULT_STEPS: readonly (readonly [longestMs: number, stepMs: number])[] = [
  [2 * HOUR_MS, MINUTE_MS],
  [12 * HOUR_MS, 5 * MINUTE_MS],
  [3 * DAY_MS, HOUR_MS],
  [14 * DAY_MS, 6 * HOUR_MS],
]
const MOST_POINTS = 1_500

/** Reads the history of a store. `now` is the present time. */
export async function readMetrics(store: Pick<Store, 'readMetrics'>, options: unknown, now: number): Promise<Metrics> {
  const question = readMetricsOptions(options, now)
  const { since, until, stepMs, ...which } = question
  // A step that has begun is asked for as a whole.
  const query: Omit<MetricQuery, 'by'> = { ...which, since, until: upTo(until, stepMs), stepMs }
  const [bySteps, byJob] = await Promise.all([
    store.readMetrics({ ...query, by: 'step' }),
    store.readMetrics({ ...query, by: 'job' }),
  ])
  const steps = new Map(bySteps.map((group) => [group.at, group]))
  const points: MetricsPoint[] = []
  for (let at = since; at < until; at += stepMs) {
    const group = steps.get(at)
    const figures = figuresOf(group === undefined ? [] : [group], Math.min(stepMs, until - at))
    points.push({ at: toDate(at), ...figures })
  }
  return {
    since: toDate(since),
    until: toDate(until),
    stepMs,
    total: figuresOf(byJob, until - since),
    points,
    jobs: byJob.map((group) => ({ queue: group.queue, name: group.name, ...figuresOf([group], until - since) })),
  }
}

function figuresOf(groups: readonly MetricGroup[], ms: number): MetricsFigures {
  const totals = new AttemptTotals()
  for (const group of groups) totals.add(group)
  const { counts, wait, run, waitMs, runMs } = totals
  const attempts = Object.values(counts).reduce((sum, count) => sum + count, 0)
  return {
    attempts,
    ...counts,
    perSecond: (attempts * 1_000) / ms,
    wait: latencyOf(wait, waitMs),
    run: latencyOf(run, runMs),
  }
}

function latencyOf(histogram: Histogram, sumMs: number): LatencyFigures {
  return {
    mean: histogram.count === 0 ? null : sumMs / histogram.count,
    p50: histogram.quantile(0.5),
    p95: histogram.quantile(0.95),
    p99: histogram.quantile(0.99),
  }
}

function readMetricsOptions(options: unknown, now: number): Question {
  const problems: string[] = []
  const names = ['queue', 'name', 'since', 'until', 'step']
  const reader = optionReader({ value: options ?? {}, of: 'metrics', names, problems })
  const queue = readText(reader, 'queue')
  const name = readText(reader, 'name')
  const until = readTime(reader, 'until') ?? now
  const since = readSince(reader, until, now)
  if (since >= until) reader.problem('option "since" of metrics is not before option "until"')
  const kept = keptOf(now - since)
  const stepMs = reader.duration('step', { isZeroAllowed: false }) ?? Math.max(defaultStep(until - since), kept.spanMs)
  if (stepMs % MINUTE_MS !== 0) {
    reader.problem(`option "step" of metrics is ${stepMs} ms; it must be a multiple of a minute`)
  } else if (stepMs % kept.spanMs !== 0) {
    reader.problem(
      `option "step" of metrics is ${stepMs} ms; ${kept.why}: take a multiple of "${kept.text}", or a later "since"`,
    )
  } else if ((until - since) / stepMs > MOST_POINTS) {
    reader.problem(`option "step" of metrics makes more than ${MOST_POINTS} points; take a longer one`)
  }
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('metrics', problems))
  return { queue, name, since: since - (since % stepMs), until, stepMs }
}

function readSince(reader: OptionReader, until: number, now: number): number {
  const value = reader.get('since')
  if (typeof value === 'object') return readTime(reader, 'since') ?? until
  const ago = reader.duration('since', { isZeroAllowed: false })
  return (value === undefined ? until : now) - (ago ?? HOUR_MS)
}

function readTime(reader: OptionReader, option: string): number | undefined {
  const value = reader.get(option)
  if (value === undefined) return undefined
  const ms = typeof value === 'object' && value !== null && 'getTime' in value ? Number(value.valueOf()) : Number.NaN
  if (Number.isSafeInteger(ms) && ms >= 0) return ms
  reader.problem(`option "${option}" of metrics is ${typeof value}; it must be a Date`)
  return undefined
}

function readText(reader: OptionReader, option: string): string | undefined {
  const value = reader.get(option)
  if (value === undefined || typeof value === 'string') return value
  reader.problem(`option "${option}" of metrics is ${typeof value}; it must be a string`)
  return undefined
}

/** The finest that is kept of all that is as old. A finer step would show nothing where there was something. */
function keptOf(ageMs: number): { readonly spanMs: number; readonly text: string; readonly why: string } {
  const older = (keptMs: number, by: string): string =>
    `what is older than ${keptMs / DAY_MS} days is kept by the ${by}`
  if (ageMs <= KEPT_MS.minutes) return { spanMs: MINUTE_MS, text: '1m', why: '' }
  if (ageMs <= KEPT_MS.hours) return { spanMs: HOUR_MS, text: '1h', why: older(KEPT_MS.minutes, 'hour') }
  return { spanMs: DAY_MS, text: '1d', why: older(KEPT_MS.hours, 'day') }
}

function defaultStep(ms: number): number {
  return DEFAULT_STEPS.find(([longestMs]) => ms <= longestMs)?.[1] ?? DAY_MS
}

function upTo(ms: number, stepMs: number): number {
  return Math.ceil(ms / stepMs) * stepMs
}
