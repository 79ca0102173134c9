/** What a node knew in the moment in which a job failed for good. */

/** Kept with a dead letter; only plain JSON, and of bounded size. Nothing of it was asked of the store. */
export interface Forensics {
  readonly node: {
    readonly id: string
    readonly host: string
    readonly pid: number
    /** Of millrace. */
    readonly version: string
    readonly nodeVersion: string
    /** How long the process had been running. */
    readonly uptimeMs: number
  }
  readonly load: {
    /** Over the last 1, 5 and 15 minutes; zeros where the operating system has none. */
    readonly averages: readonly number[]
    readonly cpus: number
    /** How late timers of the process were, when that was measured last. */
    readonly loopLagMs: number
  }
  readonly memory: {
    /** Of the process. */
    readonly residentBytes: number
    readonly heapUsedBytes: number
    readonly heapLimitBytes: number
    /** Of the machine. */
    readonly freeBytes: number
    readonly totalBytes: number
  }
  /** What the node had in its hands. */
  readonly held: {
    /** Under lease, whatever becomes of them. */
    readonly jobs: number
    readonly handlers: number
    /** Handlers that went on although their attempt had ended. */
    readonly stuck: number
    /** Ends of attempts that were not written yet. */
    readonly outbox: number
  }
  /** The job's own queue first, then others that the node serves, at most 20. */
  readonly queues: readonly QueueForensics[]
  /** Errors of the same job name on this node before this one, newest first, at most 5. */
  readonly recentErrors: readonly RecentError[]
  readonly timing: {
    /** From due to start. */
    readonly waitMs: number
    /** Null when the handler never began. */
    readonly runMs: number | null
    /** From its creation to the claim of this attempt. */
    readonly ageMs: number
  }
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
