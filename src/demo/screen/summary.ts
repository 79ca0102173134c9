/** What is said at the end. */

import { JOB_STATES } from '../../index.ts'
import type { PlaceName } from '../jobs-place.ts'
import type { ReportCounts } from '../reports/reports.ts'
import { percentile, type RunStatistics } from '../statistics.ts'
import { endedOf, noJobs, sumOf, type StateCounts, type Tally } from '../tally.ts'
import { duration, inColumns, number, printable } from './text.ts'

/** All that the summary is made of; also what `--json` prints. */
export interface Summary extends PlaceName {
  /** Whether every job has ended. */
  readonly isFinished: boolean
  /** Whether this run went on with one that was killed or stopped. */
  readonly isContinued: boolean
  readonly elapsedMs: number
  readonly inputs: Readonly<Record<string, number>>
  readonly jobs: StateCounts
  readonly queues: readonly QueueSummary[]
  readonly failures: Tally['failures']
  readonly reports: ReportCounts | null
  readonly output: string
}

/** A queue at the end. Jobs are those in the store; rate and times are those of this process. */
export interface QueueSummary extends StateCounts {
  readonly queue: string
  /** Jobs that ended in this process. */
  readonly endedHere: number
  readonly ratePerSecond: number
  readonly waitMs: { readonly p50: number | null; readonly p95: number | null }
  readonly runMs: { readonly p50: number | null; readonly p95: number | null }
}

/** The lines of the queues, in the order of `queues`. */
export function queueSummaries(queues: readonly string[], tally: Tally, statistics: RunStatistics): QueueSummary[] {
  return queues.map((queue) => {
    const { ended, waits, runs } = statistics.of(queue)
    return {
      queue,
      ...(tally.byQueue.get(queue) ?? noJobs()),
      endedHere: ended,
      ratePerSecond: (ended * 1_000) / Math.max(1, statistics.elapsedMs),
      waitMs: { p50: percentile(waits, 0.5), p95: percentile(waits, 0.95) },
      runMs: { p50: percentile(runs, 0.5), p95: percentile(runs, 0.95) },
    }
  })
}

/** The summary for people. */
export function summaryLines(summary: Summary): string[] {
  return [...jobLines(summary), '', ...queueLines(summary), '', ...failureLines(summary), ...outputLines(summary)]
}

function jobLines({ isFinished, elapsedMs, jobs }: Summary): string[] {
  const states = JOB_STATES.filter((state) => jobs[state] > 0).map((state) => `${number(jobs[state])} ${state}`)
  const what = isFinished ? 'Done' : 'Stopped'
  return [`${what} after ${duration(elapsedMs)}. ${number(sumOf(jobs))} jobs: ${states.join(', ')}.`]
}

function queueLines({ queues }: Summary): string[] {
  const heads = ['queue', 'ended', 'failed', 'per second', 'wait p50', 'p95', 'run p50', 'p95']
  const rows = queues.map((one) => [
    one.queue,
    number(endedOf(one)),
    number(one.failed),
    one.ratePerSecond.toFixed(1),
    duration(one.waitMs.p50),
    duration(one.waitMs.p95),
    duration(one.runMs.p50),
    duration(one.runMs.p95),
  ])
  return inColumns([heads, ...rows])
}

function failureLines({ failures, database, schema }: Summary): string[] {
  if (failures.length === 0) return []
  const groups = failures.flatMap(({ count, name, pattern, examples }) => [
    `  ${number(count)} × ${name}: ${printable(pattern)}`,
    ...examples.map(({ message, attempts }) => `      ${printable(message)} (${attempts} attempts)`),
  ])
  const look = `  Look at them: ${command('dead', { database, schema })}`
  return ['What failed, and why (dead letters; what was wrong is in the files themselves):', ...groups, look, '']
}

function outputLines({ output, reports, isFinished, schema }: Summary): string[] {
  if (!isFinished) return ['The rest is done when the demo is started again.']
  const counts = `${number(reports?.manifests ?? 0)} manifests, ${number(reports?.duplicateGroups ?? 0)} groups of files that are almost the same`
  return [
    `Open ${output}/index.html (search), ${output}/duplicates.html. ${counts}.`,
    ...(schema === null
      ? []
      : [`The jobs stay on the server until the next run; to remove them: drop schema ${schema} cascade`]),
  ]
}

/** Where the jobs are, for people. */
export function placeText({ database, schema }: PlaceName): string {
  return schema === null ? database : `${database}, in its own schema ${schema}`
}

/** A command of the CLI on the demo's jobs, as one would type it. */
export function command(verb: string, { database, schema }: PlaceName): string {
  const quoted = /^[\w:./@\\-]+$/.test(database) ? database : `"${database}"`
  return `npx millrace ${verb} --database ${quoted}${schema === null ? '' : ` --schema ${schema}`}`
}
