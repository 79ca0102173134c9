/**
 * How many processes a queue could use: the number for scalers outside, such as KEDA or a platform's own. Pure.
 *
 * Wanted are so many that what waits is worked off within half a minute, at the pace of the last minute, on top of what comes:
 *
 *     slots in use now × (jobs ended per second + jobs waiting / 30 s) / jobs ended per second,  divided by the slots of a process
 *
 * rounded up, but for a tenth of a process.
 *
 * Short jobs are claimed ahead, so many more may be claimed than there are slots: those in use are never more than there are.
 * A queue of which nothing ended in that minute says nothing of its pace: then it is a slot for each job that waits or runs. A
 * queue with nothing to do wants none, one that is paused only what still runs. Jobs that are parked, such as behind an open
 * breaker, would not run any sooner with more processes: they want one, which takes them up when they can run. There is no upper
 * bound and no memory: how many there may be, and how quickly they go, is for the scaler to say.
 */

/** What the number is made from. */
export interface ReplicaFacts {
  readonly depth: number
  /** Those of `depth` that nobody can run at present. */
  readonly parked: number
  /** Claimed, which is more than runs where jobs are claimed ahead. */
  readonly running: number
  /** The most jobs of the queue that all processes run at the same time now; null when there is no process. */
  readonly slots: number | null
  readonly endedPerSecond: number
  readonly isPaused: boolean
  /** The most jobs of the queue that one process runs at the same time: 1 or more. */
  readonly slotsPerReplica: number
}

/** The number, and why it is that. */
export interface WantedReplicas {
  readonly count: number
  /** A sentence without a full stop, with the figures. */
  readonly reason: string
}

/** What waits is to be worked off within this time. */
const WITHIN_S = 30
/** So much of a process may be missing at the known pace: a queue that is served well has something waiting now and then, too. */
const TOLERATED = 0.1

/** See the head of this file. */
export function wantedReplicas(facts: ReplicaFacts): WantedReplicas {
  const { depth, parked, running, endedPerSecond, isPaused, slotsPerReplica } = facts
  const inUse = Math.max(1, Math.min(running, facts.slots ?? running))
  const waiting = isPaused ? 0 : Math.max(0, depth - parked)
  const most = waiting + running
  if (most === 0) return nothingToRun(facts)
  const slots = endedPerSecond === 0 ? most : Math.min(most, inUse * (1 + waiting / (WITHIN_S * endedPerSecond)))
  const tolerated = endedPerSecond === 0 ? 0 : TOLERATED
  const count = Math.max(1, Math.ceil(slots / slotsPerReplica - tolerated))
  return { count, reason: `${load(facts, waiting)}: ${slotsText(Math.ceil(slots), slotsPerReplica)}` }
}

function nothingToRun({ parked, isPaused }: ReplicaFacts): WantedReplicas {
  if (isPaused) return { count: 0, reason: 'it is paused, and nothing runs' }
  if (parked === 0) return { count: 0, reason: 'nothing waits, and nothing runs' }
  return {
    count: 1,
    reason: `${jobs(parked, 'waits', 'wait')} that nobody can run at present: one, for when that changes`,
  }
}

function load({ running, endedPerSecond, isPaused }: ReplicaFacts, waiting: number): string {
  if (isPaused) return `it is paused, and ${jobs(running, 'still runs', 'still run')}`
  const pace = endedPerSecond === 0 ? 'none ended' : `${Math.round(endedPerSecond * 60)} ended`
  return `${jobs(waiting, 'waits', 'wait')}, ${running} ${running === 1 ? 'runs' : 'run'}, and ${pace} in the last minute`
}

function slotsText(slots: number, perReplica: number): string {
  return `${slots} at the same time would do, and a process runs ${perReplica}`
}

function jobs(count: number, one: string, many: string): string {
  return count === 1 ? `1 job ${one}` : `${count} jobs ${many}`
}
