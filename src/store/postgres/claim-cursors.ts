/**
 * Where in the ready index a node's claims begin, one place for each queue and priority. A claim walks the index from there,
 * so it never walks again over the entries of jobs that were claimed and ended, which the database may have to keep for as
 * long as some session holds an old snapshot.
 *
 * A job may become visible behind the cursor, because a transaction that took its `seq` early commits late, and because a
 * walk steps over rows that another claim has locked. Hence three tiers:
 *
 *     after a full claim     exactly where it ended
 *     after a short claim    where the cursor was a second ago
 *     from time to time      the start: at least 100 ms apart, and so seldom that it takes at most a twentieth of the time,
 *                            however much longer a claim from the start takes than others do
 *
 * What comes back on purpose (a job given back, rescued, or retried by an operator at its old place) raises the database's
 * generation, and the next claim after that begins at the start.
 *
 * Pure: times are passed in. Lost with the process, which only costs a walk.
 */

/** Late commits younger than this are found by the claim after a short one. */
const TRAIL_MS = 1_000
/** Between two entries of the trail. */
const TRAIL_STEP_MS = 100
const RESCAN_MIN_MS = 100
const RESCAN_MAX_MS = 60_000
/** A walk from the start is repeated after this many times what it takes. */
const RESCAN_SHARE = 20

interface Cursor {
  seq: number
  /** Where the cursor was, oldest first. */
  trail: { readonly at: number; readonly seq: number }[]
}

interface QueueCursors {
  readonly byPriority: Map<number, Cursor>
  wasShort: boolean
  rescannedAt: number
  rescanCostMs: number
  /** What the last claim took that did not begin at the start. */
  usualMs: number
}

/** Where a claim begins in one queue. */
export interface ClaimStart {
  readonly isRescan: boolean
  /** Levels that are not here begin at the start. */
  readonly levels: readonly { readonly priority: number; readonly seq: number }[]
}

/** What a claim took from one queue. */
export interface ClaimedFrom {
  readonly isFull: boolean
  readonly isRescan: boolean
  readonly now: number
  readonly tookMs: number
  /** The highest `seq` that was met at each priority, claimed or stepped over. */
  readonly met: ReadonlyMap<number, number>
}

/** The cursors of one node. */
export class ClaimCursors {
  readonly #queues = new Map<string, QueueCursors>()
  #generation: number | null = null

  /** Where the next claim of a queue begins. */
  start(queue: string, now: number): ClaimStart {
    const cursors = this.#queues.get(queue)
    if (cursors === undefined) return { isRescan: true, levels: [] }
    const pauseMs = Math.min(RESCAN_MAX_MS, Math.max(RESCAN_MIN_MS, RESCAN_SHARE * cursors.rescanCostMs))
    if (now - cursors.rescannedAt >= pauseMs) return { isRescan: true, levels: [] }
    const levels = [...cursors.byPriority].map(([priority, cursor]) => ({
      priority,
      seq: cursors.wasShort ? placeAt(cursor, now - TRAIL_MS) : cursor.seq,
    }))
    return { isRescan: false, levels }
  }

  /** Notes what a claim of a queue met. */
  advance(queue: string, claimed: ClaimedFrom): void {
    let cursors = this.#queues.get(queue)
    if (cursors === undefined) {
      cursors = { byPriority: new Map(), wasShort: false, rescannedAt: -Infinity, rescanCostMs: 0, usualMs: 0 }
      this.#queues.set(queue, cursors)
    }
    if (claimed.isRescan) {
      cursors.rescannedAt = claimed.now
      // Claiming the jobs, and getting through to the server, takes its time in either case.
      cursors.rescanCostMs = Math.max(0, claimed.tookMs - cursors.usualMs)
    } else {
      cursors.usualMs = claimed.tookMs
    }
    cursors.wasShort = !claimed.isFull
    for (const [priority, seq] of claimed.met) {
      const cursor = cursors.byPriority.get(priority)
      if (cursor === undefined) {
        cursors.byPriority.set(priority, { seq, trail: [{ at: claimed.now, seq: 0 }] })
        continue
      }
      // A full claim may have ended before where an earlier one was: what follows there was not looked at yet.
      move(cursor, claimed.isFull ? seq : Math.max(cursor.seq, seq), claimed.now)
    }
  }

  /** Notes the database's generation; answers whether it was raised, so that all claims begin at the start again. */
  see(generation: number): boolean {
    const isRaised = this.#generation !== null && this.#generation !== generation
    this.#generation = generation
    if (isRaised) this.#queues.clear()
    return isRaised
  }
}

function move(cursor: Cursor, seq: number, now: number): void {
  const last = cursor.trail.at(-1)
  if (last === undefined || now - last.at >= TRAIL_STEP_MS) cursor.trail.push({ at: now, seq: cursor.seq })
  cursor.seq = seq
  while ((cursor.trail[1]?.at ?? Infinity) <= now - TRAIL_MS) cursor.trail.shift()
}

/** Where the cursor was at a time, or a little before. */
function placeAt(cursor: Cursor, at: number): number {
  // Moves shortly after an entry are not in the trail.
  if ((cursor.trail.at(-1)?.at ?? Infinity) <= at - TRAIL_STEP_MS) return cursor.seq
  let place = 0
  for (const entry of cursor.trail) {
    if (entry.at > at) break
    place = entry.seq
  }
  return Math.min(place, cursor.seq)
}
