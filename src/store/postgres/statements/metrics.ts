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
import type { Db } from '../database.ts'
import { NO_UUID } from '../rows.ts'

const COUNTS = 'completed, snoozed, cancelled, discarded, retried, failed'

const COLUMNS = `span, at, queue, name, source, ${COUNTS}, wait_ms, run_ms, wait, run`

const TAKE_OVER = [...COUNTS.split(', '), 'wait_ms', 'run_ms', 'wait', 'run']
  .map((column) => `${column} = excluded.${column}`)
  .join(', ')

// What is due is written first, and stays locked until the counts are committed. In order, so that two who count wait for each
// other and never in a circle. Counts may be lost in a crash of the server: nobody waits for the disk.
const RECORD = `
  with soft as materialized (select set_config('synchronous_commit', 'off', true)),
  input as materialized (
    select (e->>0)::bigint as at, e->>1 as queue, e->>2 as name, (e->>3)::uuid as source, (e->>4)::bigint as completed,
      (e->>5)::bigint as snoozed, (e->>6)::bigint as cancelled, (e->>7)::bigint as discarded, (e->>8)::bigint as retried,
      (e->>9)::bigint as failed, (e->>10)::double precision as wait_ms, (e->>11)::double precision as run_ms, e->12 as wait, e->13 as run
    from soft, jsonb_array_elements($1::jsonb) e
    where (e->>0)::bigint >= (select /* schema */.now_ms()) - ${TAKEN_FOR_MS}),
  due as (
    insert into /* schema */.metric_due (span, at)
    select span, at / span * span from (select distinct at / ${HOUR_MS} * ${HOUR_MS} as at from input) i, (values (${HOUR_MS}), (${DAY_MS})) s (span)
    group by 1, 2 order by 1, 2
    on conflict (span, at) do update set touched = metric_due.touched + 1)
  insert into /* schema */.metric (${COLUMNS})
  select ${MINUTE_MS}, at, queue, name, source, ${COUNTS}, wait_ms, run_ms, wait, run from input
  on conflict (span, at, queue, name, source) do update set ${TAKE_OVER}`

const DUE = 'select at from /* schema */.metric_due where span ='

// Rows that count: of each hour and day either itself or, while it is due, its parts.
const COUNTED = `
  select * from /* schema */.metric where span = ${MINUTE_MS} and at < $2::bigint
    and at >= case when $3::integer = ${MINUTE_MS} then $1::bigint
      else greatest($1::bigint, coalesce((select min(at) from /* schema */.metric_due where span = ${HOUR_MS}), $2::bigint)) end
    and ($3::integer = ${MINUTE_MS} or at / ${HOUR_MS} * ${HOUR_MS} in (${DUE} ${HOUR_MS}))
  union all
  select * from /* schema */.metric where span = ${HOUR_MS} and at >= $1::bigint and at < $2::bigint and $3::integer >= ${HOUR_MS}
    and at not in (${DUE} ${HOUR_MS}) and ($3::integer = ${HOUR_MS} or at / ${DAY_MS} * ${DAY_MS} in (${DUE} ${DAY_MS}))
  union all
  select * from /* schema */.metric where span = ${DAY_MS} and at >= $1::bigint and at < $2::bigint and $3::integer = ${DAY_MS}
    and at not in (${DUE} ${DAY_MS})`

const buckets = (column: 'wait' | 'run'): string => `
    select step, queue, name, jsonb_object_agg(bucket, jobs) as ${column} from (
      select step, queue, name, b.key as bucket, sum(b.value::bigint)::bigint as jobs from keyed, jsonb_each_text(keyed.${column}) b
      group by 1, 2, 3, 4) b group by 1, 2, 3`

/** Adds up the rows of `keyed`, which has the columns of the table and `step`. */
const added = (keyed: string): string => `
  with keyed as materialized (${keyed}),
  sums as (
    select step, queue, name, ${COUNTS.split(', ')
      .map((column) => `sum(${column})::bigint as ${column}`)
      .join(', ')}, sum(wait_ms) as wait_ms, sum(run_ms) as run_ms
    from keyed group by 1, 2, 3),
  waits as (${buckets('wait')}),
  runs as (${buckets('run')})
  select step, queue, name, ${COUNTS}, wait_ms, run_ms, coalesce(wait, '{}') as wait, coalesce(run, '{}') as run
  from sums left join waits using (step, queue, name) left join runs using (step, queue, name)`

const SHOWN = `step, queue, name, ${COUNTS}, wait_ms, run_ms, wait::text, run::text`

const CHOSEN = `($4::text is null or queue = $4::text) and ($5::text is null or name = $5::text)`

const READ = `
  select ${SHOWN} from (${added(`
    select at / $6::bigint * $6::bigint as step, ''::text as queue, ''::text as name, ${COUNTS}, wait_ms, run_ms, wait, run
    from (${COUNTED}) c where ${CHOSEN}`)}) a
  order by step`

const READ_BY_JOB = `
  select ${SHOWN} from (${added(`
    select $1::bigint as step, queue, name, ${COUNTS}, wait_ms, run_ms, wait, run from (${COUNTED}) c where ${CHOSEN}`)}) a
  order by queue collate "C", name collate "C"`

// A day waits for its last hour. What somebody counts for at this moment, or adds up, is left for another time.
const TAKE_DUE = `
  delete from /* schema */.metric_due where (span, at) = (
    select span, at from /* schema */.metric_due d
    where at + span <= (select /* schema */.now_ms()) - ${SETTLED_AFTER_MS} and (span = ${HOUR_MS} or not exists (
      select 1 from /* schema */.metric_due h where h.span = ${HOUR_MS} and h.at >= d.at and h.at < d.at + ${DAY_MS}))
    order by span, at limit 1 for update skip locked)
  returning span, at`

const ADD_UP = `
  insert into /* schema */.metric (${COLUMNS})
  select $1::integer, step, queue, name, '${NO_UUID}', ${COUNTS}, wait_ms, run_ms, wait, run from (${added(`
    select $2::bigint as step, m.* from /* schema */.metric m
    where span = $3::integer and at >= $2::bigint and at < $2::bigint + $1::integer`)}) a
  on conflict (span, at, queue, name, source) do update set ${TAKE_OVER}`

const PRUNE = `
  delete from /* schema */.metric where ctid = any(array(
    select ctid from /* schema */.metric where span = $1::integer and at < (select /* schema */.now_ms()) - $2::bigint
    limit ${METRIC_PRUNE_LIMIT} for update skip locked))
  returning 1`

type Row = readonly [
  step: number,
  queue: string,
  name: string,
  completed: number,
  snoozed: number,
  cancelled: number,
  discarded: number,
  retried: number,
  failed: number,
  waitMs: number,
  runMs: number,
  wait: string,
  run: string,
]

/** See {@link Store.recordMetrics}. */
export async function recordMetrics(db: Db, rows: readonly MetricRow[]): Promise<void> {
  const input = rows.map(({ at, queue, name, source, counts, waitMs, runMs, wait, run }) => {
    const { completed, snoozed, cancelled, discarded, retry, failed } = counts
    const numbers = [completed, snoozed, cancelled, discarded, retry, failed, waitMs, runMs]
    return [wholeNumber(at), plainText(queue), plainText(name), source, ...numbers, wait, run]
  })
  await db.query(RECORD, [JSON.stringify(input)])
}

/** See {@link Store.readMetrics}. */
export async function readMetrics(db: Db, query: MetricQuery): Promise<readonly MetricGroup[]> {
  const { since, until, queue, name, by, stepMs } = query
  const parameters = [since, until, spanFor(stepMs), queue ?? null, name ?? null]
  const rows = await (by === 'step' ? db.query(READ, [...parameters, stepMs]) : db.query(READ_BY_JOB, parameters))
  // The columns of the statements.
  return (rows as unknown as readonly Row[]).map(decode)
}

/** See {@link Store.rollUpMetrics}. In a transaction: what is taken from the list is added up, or stays there. */
export async function rollUpMetrics(db: Db): Promise<{ readonly isDone: boolean }> {
  const [due] = await db.query(TAKE_DUE)
  if (due !== undefined) {
    const [span, at] = due.map(Number)
    await db.query(ADD_UP, [span ?? 0, at ?? 0, span === HOUR_MS ? MINUTE_MS : HOUR_MS])
    return { isDone: false }
  }
  let isDone = true
  for (const [span, keptMs] of [
    [MINUTE_MS, KEPT_MS.minutes],
    [HOUR_MS, KEPT_MS.hours],
    [DAY_MS, KEPT_MS.days],
  ] as const) {
    const deleted = await db.query(PRUNE, [span, keptMs])
    if (deleted.length >= METRIC_PRUNE_LIMIT) isDone = false
  }
  return { isDone }
}

function decode([
  at,
  queue,
  name,
  completed,
  snoozed,
  cancelled,
  discarded,
  retried,
  failed,
  ...rest
]: Row): MetricGroup {
  const [waitMs, runMs, wait, run] = rest
  return {
    at,
    queue,
    name,
    counts: { completed, snoozed, cancelled, discarded, retry: retried, failed },
    waitMs,
    runMs,
    // Made of stored counts by the statement.
    wait: parseJson(wait) as MetricGroup['wait'],
    run: parseJson(run) as MetricGroup['run'],
  }
}
