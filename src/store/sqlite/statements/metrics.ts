/**
 * `recordMetrics`, `readMetrics`, `rollUpMetrics`.
 *
 * An hour or a day that is listed as due is not added up, or no longer right: whoever reads takes what it is made of instead.
 */

import {
  DAY_MS,
  HOUR_MS,
  KEPT_MS,
  METRIC_PRUNE_LIMIT,
  MINUTE_MS,
  SETTLED_AFTER_MS,
  spanFor,
  TAKEN_FOR_MS,
} from '../../metric-spans.ts'
import type { MetricGroup, MetricQuery, MetricRow } from '../../store.ts'
import { parseJson, plainText, wholeNumber } from '../../stored-values.ts'
import type { Db } from '../connection.ts'

const COUNTS = 'completed, snoozed, cancelled, discarded, retried, failed'

const RECORD = `
  insert or replace into millrace_metric (span, at, queue, name, source, ${COUNTS}, wait_ms, run_ms, wait, run)
  values (${MINUTE_MS}, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

const SET_DUE = 'insert or ignore into millrace_metric_due (span, at) values (?, ?)'

const DUE = 'select at from millrace_metric_due where span ='

// Rows that count: of each hour and day either itself or, while it is due, its parts.
const COUNTED = `
  select * from millrace_metric where span = ${MINUTE_MS} and at < ?2
    and at >= case when ?3 = ${MINUTE_MS} then ?1 else max(?1, coalesce((select min(at) from millrace_metric_due where span = ${HOUR_MS}), ?2)) end
    and (?3 = ${MINUTE_MS} or at / ${HOUR_MS} * ${HOUR_MS} in (${DUE} ${HOUR_MS}))
  union all
  select * from millrace_metric where span = ${HOUR_MS} and at >= ?1 and at < ?2 and ?3 >= ${HOUR_MS}
    and at not in (${DUE} ${HOUR_MS}) and (?3 = ${HOUR_MS} or at / ${DAY_MS} * ${DAY_MS} in (${DUE} ${DAY_MS}))
  union all
  select * from millrace_metric where span = ${DAY_MS} and at >= ?1 and at < ?2 and ?3 = ${DAY_MS}
    and at not in (${DUE} ${DAY_MS})`

/** Adds up the rows of `keyed`, which has the columns of the table and \`step\`. */
const added = (keyed: string): string => `
  with keyed as (${keyed}),
  sums as (
    select step, queue, name, sum(completed) as completed, sum(snoozed) as snoozed, sum(cancelled) as cancelled,
      sum(discarded) as discarded, sum(retried) as retried, sum(failed) as failed, sum(wait_ms) as wait_ms, sum(run_ms) as run_ms
    from keyed group by step, queue, name),
  waits as (
    select step, queue, name, json_group_object(bucket, jobs) as wait from (
      select step, queue, name, bucket.key as bucket, sum(bucket.value) as jobs from keyed, json_each(keyed.wait) bucket
      group by 1, 2, 3, 4) group by 1, 2, 3),
  runs as (
    select step, queue, name, json_group_object(bucket, jobs) as run from (
      select step, queue, name, bucket.key as bucket, sum(bucket.value) as jobs from keyed, json_each(keyed.run) bucket
      group by 1, 2, 3, 4) group by 1, 2, 3)
  select step, queue, name, ${COUNTS}, wait_ms, run_ms, coalesce(wait, '{}') as wait, coalesce(run, '{}') as run
  from sums left join waits using (step, queue, name) left join runs using (step, queue, name)`

const READ = `
  ${added(`
    select at / cast(?6 as integer) * cast(?6 as integer) as step, '' as queue, '' as name, ${COUNTS}, wait_ms, run_ms, wait, run from (${COUNTED})
    where (?4 is null or queue = ?4) and (?5 is null or name = ?5)`)}
  order by step`

const READ_BY_JOB = `
  ${added(`
    select ?1 as step, queue, name, ${COUNTS}, wait_ms, run_ms, wait, run from (${COUNTED})
    where (?4 is null or queue = ?4) and (?5 is null or name = ?5)`)}
  order by queue, name`

// A day waits for its last hour.
const NEXT_DUE = `
  select span, at from millrace_metric_due d where at + span <= ?1 and (span = ${HOUR_MS} or not exists (
    select 1 from millrace_metric_due h where h.span = ${HOUR_MS} and h.at >= d.at and h.at < d.at + ${DAY_MS}))
  order by span, at limit 1`

const TAKE_DUE = 'delete from millrace_metric_due where span = ? and at = ?'

const ADD_UP = `
  insert or replace into millrace_metric (span, at, queue, name, source, ${COUNTS}, wait_ms, run_ms, wait, run)
  select ?1, step, queue, name, '', ${COUNTS}, wait_ms, run_ms, wait, run from (
    ${added('select ?2 as step, * from millrace_metric where span = ?3 and at >= ?2 and at < ?2 + ?1')})`

const PRUNE = `
  delete from millrace_metric where (span, at, queue, name, source) in (
    select span, at, queue, name, source from millrace_metric where span = ? and at < ? limit ${METRIC_PRUNE_LIMIT})`

interface Row {
  readonly step: number
  readonly queue: string
  readonly name: string
  readonly completed: number
  readonly snoozed: number
  readonly cancelled: number
  readonly discarded: number
  readonly retried: number
  readonly failed: number
  readonly wait_ms: number
  readonly run_ms: number
  readonly wait: string
  readonly run: string
}

/** See {@link Store.recordMetrics}. */
export function recordMetrics(db: Db, rows: readonly MetricRow[]): void {
  const record = db.prepare(RECORD)
  const setDue = db.prepare(SET_DUE)
  for (const { at, queue, name, source, counts, waitMs, runMs, wait, run } of rows) {
    if (at < db.now - TAKEN_FOR_MS) continue
    const { completed, snoozed, cancelled, discarded, retry, failed } = counts
    const start = wholeNumber(at)
    record.run(
      start,
      plainText(queue),
      plainText(name),
      source,
      completed,
      snoozed,
      cancelled,
      discarded,
      retry,
      failed,
      waitMs,
      runMs,
      JSON.stringify(wait),
      JSON.stringify(run),
    )
    for (const span of [HOUR_MS, DAY_MS]) setDue.run(span, start - (start % span))
  }
}

/** See {@link Store.readMetrics}. */
export function readMetrics(db: Db, { since, until, queue, name, by, stepMs }: MetricQuery): readonly MetricGroup[] {
  const parameters = [since, until, spanFor(stepMs), queue ?? null, name ?? null]
  const rows = by === 'step' ? db.prepare(READ).all(...parameters, stepMs) : db.prepare(READ_BY_JOB).all(...parameters)
  // The columns of the statements, in a strict table.
  return (rows as readonly Row[]).map(decode)
}

/** See {@link Store.rollUpMetrics}. */
export function rollUpMetrics(db: Db): { readonly isDone: boolean } {
  // The columns of the statement.
  const due = db.prepare(NEXT_DUE).get(db.now - SETTLED_AFTER_MS) as
    | { readonly span: number; readonly at: number }
    | undefined
  if (due !== undefined) {
    db.prepare(TAKE_DUE).run(due.span, due.at)
    db.prepare(ADD_UP).run(due.span, due.at, due.span === HOUR_MS ? MINUTE_MS : HOUR_MS)
    return { isDone: false }
  }
  const kept = [
    [MINUTE_MS, KEPT_MS.minutes],
    [HOUR_MS, KEPT_MS.hours],
    [DAY_MS, KEPT_MS.days],
  ] as const
  const deleted = kept.map(([span, ms]) => Number(db.prepare(PRUNE).run(span, db.now - ms).changes))
  return { isDone: deleted.every((count) => count < METRIC_PRUNE_LIMIT) }
}

function decode(row: Row): MetricGroup {
  const { step, queue, name, completed, snoozed, cancelled, discarded, retried, failed } = row
  return {
    at: step,
    queue,
    name,
    counts: { completed, snoozed, cancelled, discarded, retry: retried, failed },
    waitMs: row.wait_ms,
    runMs: row.run_ms,
    // Made of stored counts by the statement.
    wait: parseJson(row.wait) as MetricGroup['wait'],
    run: parseJson(row.run) as MetricGroup['run'],
  }
}
