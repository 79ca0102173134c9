/**
 * The protocol of a job, written down once more without any database: what each write of the store contract does to the row of
 * a job, and when it does nothing. It is the specification that the search and the stores are both held to, so it imports
 * nothing of what it judges.
 *
 *     scheduled ──due──▶ queued ──claim──▶ running ──ack──▶ completed, failed, cancelled, or scheduled again
 *                          ▲                  │
 *                          └── give back ─────┤
 *                          └── rescue ────────┘ also failed, when its attempts or crashes are used up
 */

/** Where a job is in its life. */
export type State = 'scheduled' | 'queued' | 'running' | 'completed' | 'failed' | 'cancelled'

/** What the store knows of a job. */
export interface Row {
  readonly state: State
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashes: number
  /** The claim that holds it; null when nobody does. */
  readonly lease: string | null
  /** The claim whose ack brought it where it is, by which a repeated ack is known again. */
  readonly ackedBy: string | null
  /** Whether its start was written down under this lease. */
  readonly isStarted: boolean
  readonly isStopAsked: boolean
}

/** What an ack says of the attempt. */
export type Ending = 'completed' | 'failed' | 'cancelled' | 'retry' | 'snoozed'

/** A job as a node holds it. */
export interface Held {
  readonly lease: string
  readonly attempt: number
}

/** What became of a fenced write. `repeated`: the same ack had been applied before. */
export type Answer = 'applied' | 'cancelled' | 'stale' | 'repeated' | 'repeated-cancelled'

/** What a write leaves behind, and what it answers. */
export interface Written {
  readonly row: Row
  readonly answer: Answer
}

/** Decides whether a write about a held job may change the row. The protocol has one; others are there to be found wanting. */
export type Fence = (row: Row, held: Held) => boolean

/** The fence of the protocol: the row is running under the very lease that the write carries. */
export const leaseFence: Fence = (row, held) => row.state === 'running' && row.lease === held.lease

/** A crash more than this sets a job aside. */
export const QUARANTINE_AFTER = 3

/** A new job. */
export function newRow(maxAttempts: number, state: 'queued' | 'scheduled' = 'queued'): Row {
  return {
    state,
    attempt: 0,
    maxAttempts,
    crashes: 0,
    lease: null,
    ackedBy: null,
    isStarted: false,
    isStopAsked: false,
  }
}

/** Whether the job has ended. */
export function isEnded({ state }: Row): boolean {
  return state === 'completed' || state === 'failed' || state === 'cancelled'
}

/** The job became due. */
export function promote(row: Row): Row {
  return { ...row, state: 'queued' }
}

/** A node takes a queued job; the attempt is counted. */
export function claim(row: Row, lease: string): Row {
  return { ...row, state: 'running', attempt: row.attempt + 1, lease, ackedBy: null, isStarted: false }
}

/** The handler is about to run, or has run for a while. */
export function markStarted(row: Row, held: Held, fence: Fence = leaseFence): Written {
  if (!fence(row, held)) return { row, answer: 'stale' }
  return { row: { ...row, isStarted: true }, answer: 'applied' }
}

/** The attempt ended. */
export function ack(row: Row, held: Held, ending: Ending, fence: Fence = leaseFence): Written {
  if (!fence(row, held)) return { row, answer: recognise(row, held, ending) }
  const ended = { ...row, lease: null, ackedBy: held.lease, isStarted: false, isStopAsked: false }
  if (ending !== 'retry' && ending !== 'snoozed') return { row: { ...ended, state: ending }, answer: 'applied' }
  if (row.isStopAsked) return { row: { ...ended, state: 'cancelled' }, answer: 'cancelled' }
  // It ended in order, so the crashes before it were not its own. A snooze gives the attempt back.
  const attempt = ending === 'snoozed' ? row.attempt - 1 : row.attempt
  return { row: { ...ended, state: 'scheduled', attempt, crashes: 0 }, answer: 'applied' }
}

/** The answer to an ack whose lease does not hold: the same ack may have been applied before, and its answer lost. */
function recognise(row: Row, held: Held, ending: Ending): Answer {
  if (row.ackedBy !== held.lease) return 'stale'
  if (ending !== 'retry' && ending !== 'snoozed') return row.state === ending ? 'repeated' : 'stale'
  if (row.state === 'cancelled') return 'repeated-cancelled'
  return row.state === 'scheduled' || row.state === 'queued' ? 'repeated' : 'stale'
}

/** The job returns unrun. */
export function giveBack(row: Row, held: Held, fence: Fence = leaseFence): Written {
  if (!fence(row, held)) return { row, answer: 'stale' }
  const freed = { ...row, lease: null, ackedBy: null, isStarted: false, isStopAsked: false }
  if (row.isStopAsked) return { row: { ...freed, state: 'cancelled' }, answer: 'applied' }
  return { row: { ...freed, state: 'queued', attempt: row.attempt - 1 }, answer: 'applied' }
}

/** The node that held the job is dead. Only for a row that is running under one of its leases. */
export function rescue(row: Row): Row {
  const freed = { ...row, lease: null, ackedBy: null, isStarted: false, isStopAsked: false }
  const isMarkedFirst = row.crashes > 0 || row.attempt >= row.maxAttempts
  // One that is marked before it begins, and is not marked, had not begun.
  const crashes = row.isStarted || !isMarkedFirst ? row.crashes + 1 : row.crashes
  if (row.isStopAsked) return { ...freed, state: 'cancelled', crashes }
  if (crashes > row.crashes && crashes >= QUARANTINE_AFTER) return { ...freed, state: 'failed', crashes }
  if (!row.isStarted) return { ...freed, state: 'queued', attempt: row.attempt - 1, crashes }
  return { ...freed, state: row.attempt >= row.maxAttempts ? 'failed' : 'queued', crashes }
}

/** An operator gives an ended job a new life; null for one that has none to get. */
export function retry(row: Row): Row | null {
  return row.state === 'failed' || row.state === 'cancelled' ? newRow(row.maxAttempts) : null
}

/** An operator wants the job stopped; null for one that has ended. */
export function cancel(row: Row): Row | null {
  if (isEnded(row)) return null
  return row.state === 'running' ? { ...row, isStopAsked: true } : { ...row, state: 'cancelled' }
}
