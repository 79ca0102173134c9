/**
 * How a job that kills its process is told from those that were only there. Pure.
 *
 * Nobody sees who ended a process. So every job that may have been running is a suspect at first; from then on its start is
 * written down before its handler runs, and a later crash counts only for those that had really begun. When one crash more
 * would set a job aside, it runs apart: while it runs no other suspect does on that node. Then the next crash is its own.
 *
 *     0 crashes ──crash──▶ 1: marked first ──crash──▶ 2: marked first, and apart ──crash──▶ 3: set aside
 *         ▲                       │                              │
 *         └──── an attempt that ends in order, whatever its end ─┘
 */

/** With so many crashes in a row a job is set aside as failed. */
export const QUARANTINE_AFTER = 3

/** What these rules look at. */
export interface CrashFacts {
  /** How often in a row its process died while it may have been running. */
  readonly crashes: number
  /** 1 in the first attempt. */
  readonly attempt: number
  readonly maxAttempts: number
}

/**
 * Whether the start of a job is written down before its handler runs, so that after a crash it is marked if and only if it had
 * begun: for suspects, and on the last attempt, which a crash would otherwise forgive once too often.
 */
export function isMarkedFirst(job: CrashFacts): boolean {
  return isSuspect(job) || job.attempt >= job.maxAttempts
}

/** Whether a job was in a crash of which nobody knows whose it was. */
export function isSuspect({ crashes }: Pick<CrashFacts, 'crashes'>): boolean {
  return crashes > 0
}

/** Whether no other suspect runs on a node while this one does, because its next crash would be its last. */
export function runsApart({ crashes }: Pick<CrashFacts, 'crashes'>): boolean {
  return crashes >= QUARANTINE_AFTER - 1
}
