/**
 * How many processes a queue could use: the number for scalers outside, such as KEDA or a platform's own. Pure.
 *
 * Wanted are so many that what waits is worked off within half a minute, at the pace of the last minute, on top of what comes:
 *
 *     slots in use now × (jobs ended per second + jobs waiting / 30 s) / jobs ended per second,  divided by the slots of a process
 *
 * A queue of which nothing ended in that minute says nothing of its pace: then it is a slot for each job that waits or runs. A
 * queue with nothing to do wants none, one that is paused only what still runs. Jobs that are parked, such as behind an open
 * breaker, would not run any sooner with more processes: they want one, which takes them up when they can run. There is no upper bound and no memory: how many
 * there may be, and how quickly they go, is for the scaler to say.
 */

/** What the number is made from. */
export interface ReplicaFacts {
  readonly depth: number
  /** Those of `depth` that nobody can run at present. */
  readonly parked: number
  readonly running: number
  readonly endedPerSecond: number
  readonly isPaused: boolean
  /** The most jobs of the queue that one process runs at the same time: 1 or more. */
  readonly slotsPerReplica: number
}

/** What waits is to be worked off within this time. */
const WITHIN_S = 30

/** See the head of this file. */
export function wantedReplicas({
  depth,
  parked,
  running,
  endedPerSecond,
  isPaused,
  slotsPerReplica,
}: ReplicaFacts): number {
  const waiting = isPaused ? 0 : Math.max(0, depth - parked)
  const most = waiting + running
  if (most === 0) return parked > 0 && !isPaused ? 1 : 0
  const slots =
    endedPerSecond === 0 ? most : Math.min(most, Math.max(1, running) * (1 + waiting / (WITHIN_S * endedPerSecond)))
  return Math.max(1, Math.ceil(slots / slotsPerReplica))
}
