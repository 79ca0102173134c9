/**
 * `ackJobs`: ends attempts. Each statement carries the lease, so an ack whose lease no longer holds changes nothing.
 *
 *     completed ─▶ history        retry, snoozed ─▶ scheduled, or history (cancelled) when a stop was asked for
 *     cancelled ─▶ history        failed         ─▶ dead
 *
 * Completed jobs, which are nearly all, take one statement for the whole batch. An ack may come twice, when the answer to
 * the first was lost. What it did is known again by the lease, which stays on the record that it made, so the second one is
 * answered like the first and changes nothing.
 */

import { unreachable } from '../../../host/errors.ts'
import type { Ack, AckAnswer, HeldJob } from '../../store.ts'
import { encodeError, plainText, wholeNumber } from '../../stored-values.ts'
import { parseTextArray, plainArray, textArray } from '../array-literal.ts'
import type { Db, Row } from '../database.ts'
import type { HeldPlace } from '../held-leases.ts'
import { NO_UUID } from '../rows.ts'
import { endProbes } from './breakers.ts'
import {
  CANCELLED_BY_OPERATOR,
  countEnded,
  dropLeases,
  moveToCancelled,
  moveToDead,
  recordAttempts,
  removeTraces,
  removeWithTraces,
  withLogs,
  writeLogs,
  type EndedAttempt,
  type EndedJob,
} from './end-jobs.ts'

// Most acks of a batch are under a few leases, so each names its lease by number: reading a UUID is dear. All arrays go
// through one call: two that are joined would be compared row by row.
const ACKS = {
  arrays: '$2::integer[], $3::bigint[], $4::bigint[]',
  columns: 'ack_lease_number, ack_run_ms, ack_ended_ago_ms',
}
const MORE = {
  arrays: '$11::text[], $12::text[], $13::text[], $14::double precision[]',
  columns: 'ack_result, ack_codec, ack_error, ack_progress',
}

// A row that nobody has touched since its claim still lies where the claim has left it, and is found there in less than half
// the time of a look into the index. Its number in the ready index tells whether it is still that row, in fewer characters
// than its id.
const BY_PLACE = {
  arrays: '$8::tid[], $9::bigint[]',
  columns: 'ack_place, ack_seq',
  join: 'j.ctid = a.ack_place and j.seq = a.ack_seq',
}
const BY_ID = { arrays: '$8::uuid[], $9::bigint[]', columns: 'ack_id, ack_seq', join: 'j.id = a.ack_id' }

type Way = typeof BY_PLACE

const doneBy = (
  { arrays, columns, join }: Way,
  more: { arrays: string; columns: string } | null,
  returned: string,
): string => `
  with a as (
    select u.*, ($1::uuid[])[u.ack_lease_number] as ack_lease
    from unnest(${ACKS.arrays}, ${arrays}${more === null ? '' : `, ${more.arrays}`})
      u (${ACKS.columns}, ${columns}${more === null ? '' : `, ${more.columns}`})),
  done as (
    delete from /* schema */.job j using a where ${join} and j.lease = a.ack_lease
    returning j.has_traces, (select /* schema */.now_ms()) - ack_ended_ago_ms as ack_ended_at, ${returned}),`

// Which of them were applied is told only when not all of them were.
const ANSWER = `
  counted as (
    insert into /* schema */.rollup (queue, second, node, ended)
    select queue, ack_ended_at / 1000, $5::uuid, count(*) from done group by 1, 2
    on conflict (queue, second, node) do update set ended = rollup.ended + excluded.ended),
  dropped as (delete from /* schema */.lease where id = any($6::uuid[]))
  select case when count(*) <> $7::integer then coalesce(array_agg(id), '{}')::text end, (array_agg(id) filter (where has_traces))::text from done`

// What only an operator's retry needs stays behind: completed jobs are never retried.
const SHOWN_COLUMNS =
  'id, priority, max_attempts, created_at, queue, name, args, args_codec, key, tags, trace, due_at, attempt, crashes, lease'

const SHOWN_VALUES = SHOWN_COLUMNS.split(', ')
  .map((column) => `j.${column}`)
  .join(', ')

const KEPT_COLUMNS = `state, node, started_at, ended_at, ${SHOWN_COLUMNS}, progress`

const KEPT_VALUES = `'completed', $10::uuid, coalesce(ack_ended_at - ack_run_ms, started_at), ack_ended_at, ${SHOWN_COLUMNS}`

// The row is deleted and appended in one statement; nothing else is looked at.
const completePlain = (way: Way): string => `
  ${doneBy(way, null, `${SHOWN_VALUES}, j.started_at, j.progress, ack_run_ms`)}
  kept as (insert into /* schema */.history (${KEPT_COLUMNS}) select ${KEPT_VALUES}, progress from done),
  ${ANSWER}`

const completeWithMore = (way: Way): string => `
  ${doneBy(way, MORE, `${SHOWN_VALUES}, j.started_at, j.progress, ack_run_ms, ${MORE.columns}`)}
  kept as (
    insert into /* schema */.history (${KEPT_COLUMNS}, error, result, result_codec)
    select ${KEPT_VALUES}, coalesce(ack_progress, progress), ack_error, ack_result, ack_codec from done),
  ${ANSWER}`

const completeUnkept = (way: Way): string => `
  ${doneBy(way, null, 'j.id, j.queue')}
  ${ANSWER}`

const COMPLETE = {
  byPlace: { plain: completePlain(BY_PLACE), withMore: completeWithMore(BY_PLACE), unkept: completeUnkept(BY_PLACE) },
  byId: { plain: completePlain(BY_ID), withMore: completeWithMore(BY_ID), unkept: completeUnkept(BY_ID) },
} as const

const READ_HELD = `
  select j.id, j.queue, j.attempt, j.crashes, j.started_at, j.cancel_requested, (select /* schema */.now_ms())
  from unnest($1::uuid[], $2::uuid[]) a (id, lease) join /* schema */.job j on j.id = a.id and j.lease = a.lease
  for update of j`

const SCHEDULE_AGAIN = `
  update /* schema */.job j set seq = null, due_at = a.due_at, attempt = a.attempt, error = coalesce(a.error, j.error),
    progress = coalesce(a.progress, j.progress), started_at = coalesce(a.started_at, 0), claimed_at = 0, last_lease = j.lease,
    lease = '${NO_UUID}', crashes = 0
  from unnest($1::uuid[], $2::bigint[], $3::integer[], $4::text[], $5::double precision[], $6::bigint[])
    a (id, due_at, attempt, error, progress, started_at)
  where j.id = a.id`

const WHERE_THEY_WENT = `
  select a.id, coalesce(
    (select case when j.seq is null and j.parked is null then 'scheduled' else 'queued' end
      from /* schema */.job j where j.id = a.id and j.last_lease = a.lease and j.lease = '${NO_UUID}'),
    (select h.state from /* schema */.history h where h.id = a.id and h.lease = a.lease limit 1),
    (select d.state from /* schema */.dead d where d.id = a.id and d.lease = a.lease))
  from unnest($1::uuid[], $2::uuid[]) a (id, lease)`

type HeldRow = readonly [
  id: string,
  queue: string,
  attempt: number,
  crashes: number,
  startedAt: number,
  isCancelRequested: boolean,
  now: number,
]

/** Who acks, and which leases end with these acks because no other job is held under them. */
export interface AckContext {
  readonly node: string | null
  readonly endedLeases: readonly string[]
  /** Under which id the ends are counted: two transactions that count under the same one wait for each other. */
  readonly counter: string
  /** Where the claim has left the row of a job; null when that is unknown, or somebody has touched it since. */
  readonly placeOf: (held: HeldJob) => HeldPlace | null
}

/** Whether the acks need no transaction of several statements. */
export function isOneStatement(acks: readonly Ack[]): boolean {
  return acks.every(
    ({ ending, logs, isKept, probe }) =>
      ending.type === 'completed' && logs.length === 0 && isKept === acks[0]?.isKept && probe === undefined,
  )
}

/** Ends attempts, in the transaction of the caller unless {@link isOneStatement}. */
export async function ackJobs(db: Db, acks: readonly Ack[], context: AckContext): Promise<AckAnswer> {
  const groups = { kept: [] as Ack[], unkept: [] as Ack[], others: [] as Ack[] }
  for (const ack of acks) {
    if (ack.ending.type !== 'completed') groups.others.push(ack)
    else if (ack.isKept) groups.kept.push(ack)
    else groups.unkept.push(ack)
  }
  const applied = new Set<string>()
  const cancelled: string[] = []
  await complete(db, groups.kept, context, applied)
  await complete(db, groups.unkept, context, applied)
  await endOthers(db, groups.others, context, applied, cancelled)
  const missed = applied.size === acks.length ? [] : acks.filter(({ id }) => !applied.has(id))
  const stale = await recognise(db, missed, cancelled)
  await endProbes(db, acks)
  return { stale, cancelled }
}

/** Ends completed jobs, all of which are kept, or none. */
async function complete(db: Db, acks: readonly Ack[], context: AckContext, applied: Set<string>): Promise<void> {
  const [first] = acks
  if (first === undefined) return
  const places = acks.map(context.placeOf)
  const known = places.filter((place) => place !== null)
  const isPlaced = known.length === acks.length
  const traced = await run(db, acks, isPlaced ? known : null, context, applied)
  // A row that was touched meanwhile, by an operator for instance, lies elsewhere now.
  const missed = isPlaced && applied.size < acks.length ? acks.filter(({ id }) => !applied.has(id)) : []
  const later = missed.length === 0 ? [] : await run(db, missed, null, context, applied)
  if (acks.some(({ logs }) => logs.length > 0)) {
    await writeLogs(
      db,
      acks.filter(({ id }) => first.isKept && applied.has(id)),
    )
  }
  // Left behind by a crash between the statements they are pruned like all that belongs to no job.
  if (!first.isKept) await removeTraces(db, [...traced, ...later])
}

/** One statement for completed jobs, by their places or by their ids. Answers the ids of jobs of which more is kept elsewhere. */
async function run(
  db: Db,
  acks: readonly Ack[],
  places: readonly HeldPlace[] | null,
  context: AckContext,
  applied: Set<string>,
): Promise<readonly string[]> {
  const statements = places === null ? COMPLETE.byId : COMPLETE.byPlace
  const found =
    places === null
      ? [plainArray(acks.map(({ id }) => id)), plainArray(acks.map(() => null))]
      : [textArray(places.map(({ place }) => place)), plainArray(places.map(({ seq }) => seq))]
  const parameters = [...ackParameters(acks, context), ...found]
  if (acks[0]?.isKept === false) return noteApplied(await db.repeat(statements.unkept, parameters), acks, applied)
  if (!acks.some(hasMore)) {
    return noteApplied(await db.repeat(statements.plain, [...parameters, context.node]), acks, applied)
  }
  const rows = await db.repeat(statements.withMore, [
    ...parameters,
    context.node,
    textArray(acks.map(({ ending }) => resultOf(ending)?.text ?? null)),
    textArray(acks.map(({ ending }) => resultOf(ending)?.codec ?? null)),
    textArray(acks.map(({ ending }) => encodeError('error' in ending ? ending.error : null))),
    plainArray(acks.map(({ progress }) => progress)),
  ])
  return noteApplied(rows, acks, applied)
}

function hasMore({ ending, progress }: Ack): boolean {
  return progress !== null || (ending.type === 'completed' && (ending.result !== null || ending.error !== null))
}

/** Reads the one row of an answer; answers the ids of jobs of which more is kept elsewhere. */
function noteApplied(rows: readonly Row[], acks: readonly Ack[], applied: Set<string>): readonly string[] {
  // The two columns of the statements, which always answer one row.
  const [some, traced] = rows[0] as readonly [string | null, string | null]
  if (some === null) for (const { id } of acks) applied.add(id)
  else for (const id of parseTextArray(some)) applied.add(id)
  return parseTextArray(traced ?? '{}')
}

/** Retries, snoozes, cancellations and failures. */
async function endOthers(
  db: Db,
  acks: readonly Ack[],
  context: AckContext,
  applied: Set<string>,
  cancelled: string[],
): Promise<void> {
  if (acks.length === 0) return
  const rows = await db.query(READ_HELD, [
    plainArray(acks.map(({ id }) => id)),
    plainArray(acks.map(({ lease }) => lease)),
  ])
  // The columns of the statement.
  const held = new Map((rows as unknown as readonly HeldRow[]).map((row) => [row[0], row]))
  const taken = acks.filter(({ id }) => held.has(id))
  for (const { id } of taken) applied.add(id)
  await writeLogs(db, taken)
  const logged = await withLogs(
    db,
    taken.filter(({ ending }) => !('error' in ending)),
  )
  const attempts: EndedAttempt[] = []
  const again: { readonly ack: Ack; readonly row: HeldRow; readonly startedAt: number | null }[] = []
  const toCancel: EndedJob[] = []
  const toFail: EndedJob[] = []
  const toRemove: EndedJob[] = []
  for (const ack of taken) {
    const row = held.get(ack.id)
    if (row === undefined) continue
    const [, queue, attempt, , storedStart, isCancelRequested, now] = row
    const endedAt = Math.floor(now - Math.max(0, ack.endedAgoMs))
    const startedAt = ack.runMs === null ? storedStart : Math.floor(endedAt - Math.max(0, ack.runMs))
    const { id, lease, ending, progress } = ack
    const error = 'error' in ending ? ending.error : null
    if (error !== null || logged.has(id)) {
      const isFailure = ending.type === 'retry' || ending.type === 'failed'
      attempts.push({ id, attempt, lease, node: context.node, startedAt, endedAt, error, isFailure })
    }
    const ended = { id, queue, lease, node: context.node, crashes: null, startedAt, endedAt, progress }
    switch (ending.type) {
      case 'retry':
      case 'snoozed':
        if (!isCancelRequested) {
          again.push({ ack, row, startedAt })
          break
        }
        cancelled.push(id)
        ;(ack.isKept ? toCancel : toRemove).push({ ...ended, error: CANCELLED_BY_OPERATOR })
        break
      case 'cancelled':
        ;(ack.isKept ? toCancel : toRemove).push({ ...ended, error: ending.error })
        break
      case 'failed':
        toFail.push({ ...ended, error: ending.error, forensics: ending.forensics })
        break
      case 'completed':
        break
      default:
        unreachable(ending)
    }
  }
  await recordAttempts(db, attempts)
  await scheduleAgain(db, again)
  await moveToCancelled(db, toCancel)
  await moveToDead(db, toFail)
  await removeWithTraces(
    db,
    toRemove.map(({ id }) => id),
  )
  await countEnded(db, [...toCancel, ...toFail, ...toRemove], context.counter)
  await dropLeases(db, context.endedLeases)
}

async function scheduleAgain(
  db: Db,
  jobs: readonly { readonly ack: Ack; readonly row: HeldRow; readonly startedAt: number | null }[],
): Promise<void> {
  if (jobs.length === 0) return
  const delayOf = ({ ending }: Ack): number => ('delayMs' in ending ? Math.max(0, ending.delayMs) : 0)
  await db.query(SCHEDULE_AGAIN, [
    plainArray(jobs.map(({ ack }) => ack.id)),
    plainArray(jobs.map(({ ack, row }) => wholeNumber(row[6] + delayOf(ack)))),
    // A snooze gives the attempt back.
    plainArray(jobs.map(({ ack, row }) => (ack.ending.type === 'snoozed' ? Math.max(0, row[2] - 1) : row[2]))),
    textArray(jobs.map(({ ack }) => encodeError('error' in ack.ending ? ack.ending.error : null))),
    plainArray(jobs.map(({ ack }) => ack.progress)),
    plainArray(jobs.map(({ startedAt }) => startedAt)),
  ])
}

/** Those whose lease did not hold, but for acks that were applied before; the kinds must match. */
async function recognise(db: Db, acks: readonly Ack[], cancelled: string[]): Promise<readonly string[]> {
  if (acks.length === 0) return []
  const rows = await db.query(WHERE_THEY_WENT, [
    plainArray(acks.map(({ id }) => id)),
    plainArray(acks.map(({ lease }) => lease)),
  ])
  // The two columns of the statement.
  const states = new Map(rows as readonly (readonly [string, string | null])[])
  const stale: string[] = []
  for (const { id, ending } of acks) {
    const state = states.get(id) ?? null
    const isAgain = ending.type === 'retry' || ending.type === 'snoozed'
    if (isAgain && state === 'cancelled') cancelled.push(id)
    else if (isAgain ? state !== 'scheduled' && state !== 'queued' : state !== ending.type) stale.push(id)
  }
  return stale
}

function ackParameters(acks: readonly Ack[], context: AckContext): readonly (string | number)[] {
  const leases = new Map<string, number>()
  for (const { lease } of acks) if (!leases.has(lease)) leases.set(lease, leases.size + 1)
  return [
    plainArray([...leases.keys()]),
    plainArray(acks.map(({ lease }) => leases.get(lease) ?? null)),
    plainArray(acks.map(({ runMs }) => (runMs === null ? null : milliseconds(runMs)))),
    plainArray(acks.map(({ endedAgoMs }) => milliseconds(endedAgoMs))),
    context.counter,
    plainArray(context.endedLeases),
    acks.length,
  ]
}

function milliseconds(duration: number): number {
  return Math.min(Math.max(0, Math.round(duration)), Number.MAX_SAFE_INTEGER)
}

function resultOf(ending: Ack['ending']): { readonly codec: string; readonly text: string } | null {
  if (ending.type !== 'completed' || ending.result === null) return null
  return { codec: ending.result.codec, text: plainText(ending.result.text) }
}
