/** What was known in the moment in which a job failed for good: by its node, or by who found that its process had died. */

/**
 * Kept with a dead letter; only plain JSON, and of bounded size. Nothing of it was asked of the store. Where the process of the
 * job had died (`death`), everything is as the process had told last, and null where nobody can know it any more.
 */
export interface Forensics {
  /** Null: the job failed on a node that lived. */
  readonly death: DeathForensics | null
  readonly node: {
    readonly id: string
    readonly host: string
    readonly pid: number
    /** Of millrace. */
    readonly version: string | null
    readonly nodeVersion: string | null
    /** How long the process had been running. */
    readonly uptimeMs: number | null
  }
  readonly load: {
    /** Over the last 1, 5 and 15 minutes; zeros where the operating system has none. */
    readonly averages: readonly number[] | null
    readonly cpus: number | null
    /** How late timers of the process were, when that was measured last. */
    readonly loopLagMs: number | null
  }
  readonly memory: {
    /** Of the process. */
    readonly residentBytes: number | null
    readonly heapUsedBytes: number | null
    readonly heapLimitBytes: number | null
    /** Of the machine. */
    readonly freeBytes: number | null
    readonly totalBytes: number | null
  }
  /** What the node had in its hands. */
  readonly held: {
    /** Under lease, whatever becomes of them. */
    readonly jobs: number
    readonly handlers: number | null
    /** Handlers that went on although their attempt had ended. */
    readonly stuck: number | null
    /** Ends of attempts that were not written yet. */
    readonly outbox: number | null
  }
  /** The job's own queue first, then others that the node serves, at most 20. */
  readonly queues: readonly QueueForensics[]
  /** Errors of the same job name on this node before this one, newest first, at most 5. */
  readonly recentErrors: readonly RecentError[]
  readonly timing: {
    /** From due to start. */
    readonly waitMs: number
    /** Null when the handler never began. Of a process that died: until it was heard of last. */
    readonly runMs: number | null
    /** From its creation to the claim of this attempt. */
    readonly ageMs: number
  }
}

/** The death of the process in which a job was running. */
export interface DeathForensics {
  /** How long nothing had been heard of it when its jobs were freed. */
  readonly silentMs: number | null
  /** In how many crashes in a row the job was running, this one included. */
  readonly crashes: number
  /** The node that found it and freed its jobs; null where that is not known. */
  readonly foundBy: string | null
}

/** A queue as the node saw it. */
export interface QueueForensics {
  readonly queue: string
  readonly concurrency: number
  readonly running: number
  readonly buffered: number
  readonly demand: number
  /** Due and waiting when the node looked last; null when it never did. */
  readonly depth: number | null
  /** How long ago it looked. */
  readonly depthAgeMs: number | null
}

/** An error of another attempt. */
export interface RecentError {
  readonly id: string
  readonly attempt: number
  readonly agoMs: number
  readonly name: string
  readonly message: string
}
