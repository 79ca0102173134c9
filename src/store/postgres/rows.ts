/** One decoder per kind of row. What the database and its driver do differently ends here. */

import type { AttemptRecord, ClaimedJob, EncodedValue, ErrorRecord, JobRecord, JobState } from '../../job/job.ts'
import { brokenRow, decodeError, decodeValue, parkReason, parseBackoff } from '../stored-values.ts'
import { parseTextArray } from './array-literal.ts'

/** The lease and the node of a job that nobody holds. */
export const NO_UUID = '00000000-0000-0000-0000-000000000000'

/**
 * The jobs `j` under a lease `l`, for a join: those of its range of the ready index. `offset 0` is a fence, without which the
 * server may take all leases at once and read the whole index, or the whole table, for a few of them.
 */
export const UNDER_LEASE: string = `lateral (
    select * from /* schema */.job j
    where j.queue = l.queue and j.priority = l.priority and j.seq between l.lo_seq and l.hi_seq and j.lease = l.id offset 0) j`

/** The state of a row of `job`. */
export const LIVE_STATE: string = `
  case when lease <> '${NO_UUID}' then 'running' when seq is not null or parked is not null then 'queued' else 'scheduled' end`

/** The columns of a job that has not ended, as {@link decodeJob} reads them. One that waits shows the lease of its last attempt. */
export const LIVE_COLUMNS: string = `id, name, queue, ${LIVE_STATE} as state, args, args_codec, priority, due_at, created_at, attempt, max_attempts,
  crashes, key, tags, nullif(case lease when '${NO_UUID}' then last_lease else lease end, '${NO_UUID}') as lease,
  (select l.node from /* schema */.lease l where l.id = job.lease and l.queue = job.queue and l.priority = job.priority) as node,
  nullif(started_at, 0) as started_at, null::bigint as ended_at, progress, error, null::text as result, null::text as result_codec, parked,
  cancel_requested, trace`

/** The columns of an ended job, as {@link decodeJob} reads them. */
export const ENDED_COLUMNS: string = `id, name, queue, state, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, key, tags,
  lease, node, nullif(started_at, 0) as started_at, ended_at, progress, error, result, result_codec, null::text as parked,
  false as cancel_requested, trace`

/** A row with {@link LIVE_COLUMNS} or {@link ENDED_COLUMNS}. */
export type JobRow = readonly [
  id: string,
  name: string,
  queue: string,
  state: JobState,
  args: string,
  argsCodec: EncodedValue['codec'],
  priority: number,
  dueAt: number,
  createdAt: number,
  attempt: number,
  maxAttempts: number,
  crashes: number,
  key: string | null,
  tags: string,
  lease: string | null,
  node: string | null,
  startedAt: number | null,
  endedAt: number | null,
  progress: number | null,
  error: string | null,
  result: string | null,
  resultCodec: EncodedValue['codec'] | null,
  parked: string | null,
  isCancelRequested: boolean,
  trace: string | null,
]

/** A row of a claim. The first columns are null where the row is no job that was claimed. */
export type ClaimRow = readonly [
  seq: number,
  /** Where the row lies now, until somebody touches it. */
  place: string | null,
  id: string | null,
  name: string | null,
  args: string,
  argsCodec: EncodedValue['codec'],
  attempt: number,
  maxAttempts: number,
  createdAt: number,
  dueAt: number,
  /** What hardly any job has: crashes, backoff, timeout, key, tags and trace, as a JSON array. */
  rest: string | null,
  queue: string,
  priority: number,
]

/** What a claim knows of all its jobs. */
export interface ClaimFacts {
  readonly queue: string
  readonly priority: number
  readonly lease: string
  readonly claimedAt: number
}

/** A claimed job, or the reason why its row cannot be read. */
export function decodeClaimed(row: ClaimRow, id: string, name: string, facts: ClaimFacts): ClaimedJob | ErrorRecord {
  // Built by the claim of columns whose types are ours.
  const rest = row[10] === null ? NO_REST : (JSON.parse(row[10]) as ClaimRest)
  const backoff = rest[1] === null ? null : parseBackoff(rest[1])
  if (backoff === undefined) return brokenRow('backoff', rest[1])
  return {
    id,
    lease: facts.lease,
    name,
    queue: facts.queue,
    args: { codec: row[5], text: row[4] },
    priority: facts.priority,
    attempt: row[6],
    maxAttempts: row[7],
    backoff,
    timeoutMs: rest[2],
    key: rest[3],
    tags: rest[4],
    trace: rest[5],
    crashes: rest[0],
    createdAt: row[8],
    dueAt: row[9],
    claimedAt: facts.claimedAt,
  }
}

type ClaimRest = readonly [
  crashes: number,
  backoff: string | null,
  timeoutMs: number | null,
  key: string | null,
  tags: readonly string[],
  trace: string | null,
]

const NO_REST: ClaimRest = [0, null, null, null, [], null]

/** Everything known of a job. */
export function decodeJob(row: JobRow): JobRecord {
  const [id, name, queue, state, args, codec, priority, dueAt, createdAt, attempt, maxAttempts, crashes, key, tags] =
    row
  const [node, startedAt, endedAt, progress, error, result, resultCodec, parked, isCancelRequested, trace] = [
    row[15],
    row[16],
    row[17],
    row[18],
    row[19],
    row[20],
    row[21],
    row[22],
    row[23],
    row[24],
  ]
  return {
    id,
    name,
    queue,
    state,
    args: { codec, text: args },
    key,
    tags: parseTextArray(tags),
    priority,
    attempt,
    maxAttempts,
    crashes,
    result: decodeValue(resultCodec, result),
    error: decodeError(error),
    progress,
    createdAt,
    dueAt,
    startedAt,
    endedAt,
    node,
    parked: parkReason(parked),
    isCancelRequested,
    trace,
  }
}

/** A row of attempts: attempt, lease, node, started_at, ended_at, error. */
export type AttemptRow = readonly [
  attempt: number,
  lease: string | null,
  node: string | null,
  startedAt: number | null,
  endedAt: number | null,
  error: string | null,
]

/** An attempt with its log. */
export function decodeAttempt(
  [attempt, , node, startedAt, endedAt, error]: AttemptRow,
  logs: readonly string[],
): AttemptRecord {
  return { attempt, node, startedAt, endedAt, error: decodeError(error), logs }
}
