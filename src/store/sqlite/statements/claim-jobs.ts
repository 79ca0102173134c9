/**
 * `claimJobs`: promotes what has become due, then walks the ready index of each queue in order and takes what the node can
 * run.
 *
 * The walk is bounded. Rows that nobody alive can run are parked as it meets them, which takes them out of the index, so a
 * million of them are met once and never again; so are the rows of an open breaker. Rows that only other nodes can run are stepped over; when a walk ends at its
 * bound, the next one goes on from there. At the end the search is finished, and the next one begins at the start.
 */

import type { BreakerId } from '../../../job/breaker.ts'
import type { ClaimedJob, ErrorRecord } from '../../../job/job.ts'
import type { ClaimAnswer, ClaimRequest } from '../../store.ts'
import type { Db } from '../connection.ts'
import type { NodeNames } from '../node-names.ts'
import { CLAIM_COLUMNS, decodeClaimed, type ClaimRow } from '../rows.ts'
import { openBreakers, type ClaimBreakers } from './claim-breakers.ts'
import { EndedCounter, moveToDead } from './end-job.ts'
import { unparkSome } from './park-jobs.ts'

const IS_PAUSED = 'select is_paused from millrace_queue where name = ?'

const NEXT_DUE = `select min(due_at) as due_at from millrace_job where queue = ? and state = 'scheduled'`

const PROMOTE = `
  update millrace_job set state = 'queued' where seq in (
    select seq from millrace_job where queue = ? and state = 'scheduled' and due_at <= ? order by due_at limit ?)`

// `indexed by`: a plan without this index would read the whole table, so it is better refused when the index changes.
const READY = `
  select ${CLAIM_COLUMNS} from millrace_job indexed by millrace_job_ready
  where queue = ?1 and state = 'queued' and parked is null
  order by priority, due_at, seq limit ?2`

const READY_AFTER = `
  select ${CLAIM_COLUMNS} from millrace_job indexed by millrace_job_ready
  where queue = ?1 and state = 'queued' and parked is null and (priority, due_at, seq) > (?3, ?4, ?5)
  order by priority, due_at, seq limit ?2`

// One call for the whole claim: crossing into the engine costs more than the update itself.
const CLAIM = `
  update millrace_job set state = 'running', lease = ?, node = ?, attempt = attempt + 1, claimed_at = ?, started_at = null, progress = null
  where seq in (select value from json_each(?))`

const PARK = `update millrace_job set parked = 'no-worker' where seq in (select value from json_each(?))`

/** At most so many scheduled jobs of a queue are promoted by one claim. */
const PROMOTE_LIMIT = 1_000

/** At most so many rows that this node cannot run are met by one claim in one queue. */
const WALK_LIMIT = 2_000

/** The answer to a node that was declared dead. */
const FENCED: ClaimAnswer = {
  jobs: [],
  broken: [],
  nextDueInMs: null,
  lookAgainInMs: null,
  unfinished: [],
  isFenced: true,
}

/** A place in the ready index of a queue. */
interface Place {
  readonly priority: number
  readonly due_at: number
  readonly seq: number
}

/** Where the walks of a node go on, by queue; absent is at the start. Lost with the process, which only costs a walk. */
export type WalkPlaces = Map<string, Place>

interface Taken {
  readonly jobs: ClaimedJob[]
  readonly seqs: number[]
  readonly broken: {
    readonly id: string
    readonly queue: string
    readonly crashes: number
    readonly error: ErrorRecord
  }[]
  readonly unknown: number[]
}

/** What a claim took, and the numbers of the rows, in the order of the jobs. */
export interface Claimed {
  readonly answer: ClaimAnswer
  readonly seqs: readonly number[]
}

/** See {@link Store.claimJobs}. */
export function claimJobs(db: Db, request: ClaimRequest, names: NodeNames, places: WalkPlaces): Claimed {
  const own = names.of(db, request.node)
  if (own === null) return { answer: FENCED, seqs: [] }
  const lease = db.uuid()
  const taken: Taken = { jobs: [], seqs: [], broken: [], unknown: [] }
  const unfinished: string[] = []
  const breakers = openBreakers(db)
  let nextDue: number | null = null
  for (const { queue, count } of request.wants) {
    if (isPaused(db, queue)) continue
    const due = promoteDue(db, queue)
    const closing = breakers?.prepare(queue) ?? NOTHING_DUE
    nextDue = earliest(nextDue, due.at, closing.dueAt)
    const isUnparking = unparkSome(db, names, request.node, queue)
    // First, so that a stream of other jobs does not keep a breaker from closing.
    const probes = breakers === null ? 0 : takeProbes(db, { queue, count, lease, own }, breakers, taken)
    const end = walkQueue(db, { queue, count: count - probes, lease, own }, { names, places, breakers }, taken)
    const mayProbe = breakers?.park(queue) ?? false
    const isMore = due.isLimited || closing.isLimited || isUnparking || mayProbe
    if (end === 'bound' || (end === 'last' && isMore)) unfinished.push(queue)
  }
  breakers?.unparkTaken()
  if (taken.seqs.length > 0) db.prepare(CLAIM).run(lease, request.node, db.now, JSON.stringify(taken.seqs))
  if (taken.unknown.length > 0) db.prepare(PARK).run(JSON.stringify(taken.unknown))
  endBroken(db, taken.broken)
  const answer: ClaimAnswer = {
    jobs: taken.jobs,
    broken: taken.broken.map(({ id, queue, error }) => ({ id, queue, error })),
    nextDueInMs: nextDue === null ? null : Math.max(0, nextDue - db.now),
    lookAgainInMs: null,
    unfinished,
    isFenced: false,
  }
  return { answer, seqs: taken.seqs }
}

const NOTHING_DUE = { dueAt: null, isLimited: false } as const

function earliest(...times: readonly (number | null)[]): number | null {
  const known = times.filter((at) => at !== null)
  return known.length === 0 ? null : Math.min(...known)
}

/** Takes jobs as probes of half-open breakers; answers how many. */
function takeProbes(db: Db, walk: Walk, breakers: ClaimBreakers, taken: Taken): number {
  const { queue, count, lease, own } = walk
  const admitted = new Map<BreakerId, ClaimRow[]>()
  for (const { row, of } of breakers.probes(queue, own, count)) {
    if (takeRow(row, lease, db.now, taken, of) === 0) continue
    const rows = admitted.get(of)
    if (rows === undefined) admitted.set(of, [row])
    else rows.push(row)
  }
  let probes = 0
  for (const [of, rows] of admitted) {
    breakers.admit(of, rows, lease)
    probes += rows.length
  }
  return probes
}

function isPaused(db: Db, queue: string): boolean {
  // The one column of the statement.
  const row = db.prepare(IS_PAUSED).get(queue) as { is_paused: number } | undefined
  return row?.is_paused === 1
}

/** Makes due jobs ready; answers when the next one is due, and whether more are due already. */
function promoteDue(db: Db, queue: string): { readonly at: number | null; readonly isLimited: boolean } {
  const first = nextDue(db, queue)
  if (first === null || first > db.now) return { at: first, isLimited: false }
  const { changes } = db.prepare(PROMOTE).run(queue, db.now, PROMOTE_LIMIT)
  return { at: nextDue(db, queue), isLimited: Number(changes) === PROMOTE_LIMIT }
}

function nextDue(db: Db, queue: string): number | null {
  // An aggregate always answers one row.
  return (db.prepare(NEXT_DUE).get(queue) as { due_at: number | null }).due_at
}

interface Walk {
  readonly queue: string
  readonly count: number
  readonly lease: string
  readonly own: ReadonlySet<string>
}

/** Where a walk ended: all asked for was taken, the last ready row was met, or so many rows were of no use. */
type WalkEnd = 'enough' | 'last' | 'bound'

/** What a walk heeds. */
interface WalkContext {
  readonly names: NodeNames
  readonly places: WalkPlaces
  readonly breakers: ClaimBreakers | null
}

/** Takes up to `count` jobs of one queue. */
function walkQueue(db: Db, walk: Walk, { names, places, breakers }: WalkContext, taken: Taken): WalkEnd {
  let wanted = walk.count
  let met = 0
  let place = places.get(walk.queue)
  while (wanted > 0) {
    // After rows of no use a longer step, so that stepping over them costs few statements.
    const step = met === 0 ? wanted : Math.max(wanted, 200)
    const rows = readReady(db, walk.queue, step, place)
    for (const row of rows) {
      if (wanted === 0) break
      place = row
      if (breakers?.meet(row) === true) {
        met += 1
      } else if (walk.own.has(row.name)) {
        wanted -= takeRow(row, walk.lease, db.now, taken)
      } else {
        met += 1
        if (!names.isKnown(db, walk.queue, row.name)) taken.unknown.push(row.seq)
      }
    }
    if (wanted > 0 && rows.length < step) {
      // Finished even when this walk began at a place: the walks before it met what comes earlier. To begin again at once
      // would never end while other nodes leave more than a bound of their jobs here.
      places.delete(walk.queue)
      return 'last'
    }
    if (wanted > 0 && met >= WALK_LIMIT && place !== undefined) {
      places.set(walk.queue, { priority: place.priority, due_at: place.due_at, seq: place.seq })
      return 'bound'
    }
  }
  places.delete(walk.queue)
  return 'enough'
}

function readReady(db: Db, queue: string, limit: number, after: Place | undefined): readonly ClaimRow[] {
  // The columns are `CLAIM_COLUMNS`, and the table is strict.
  if (after === undefined) return db.prepare(READY).all(queue, limit) as ClaimRow[]
  return db.prepare(READY_AFTER).all(queue, limit, after.priority, after.due_at, after.seq) as ClaimRow[]
}

/** Answers how many jobs were taken: one, or none when the row is broken. */
function takeRow(row: ClaimRow, lease: string, now: number, taken: Taken, probeOf?: BreakerId): 0 | 1 {
  const job = decodeClaimed(row, lease, now)
  if ('message' in job) {
    taken.broken.push({ id: row.id, queue: row.queue, crashes: row.crashes, error: job })
    return 0
  }
  taken.jobs.push(probeOf === undefined ? job : { ...job, probeOf })
  taken.seqs.push(row.seq)
  return 1
}

function endBroken(db: Db, broken: Taken['broken']): void {
  if (broken.length === 0) return
  const counter = new EndedCounter()
  for (const row of broken) {
    moveToDead(db, { ...row, lease: null, endedAt: db.now, forensics: null })
    counter.add(row.queue, db.now)
  }
  counter.write(db)
}
