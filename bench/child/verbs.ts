/** What the harness asks of a child process, and what the child says unasked. Times are nanoseconds of the monotonic clock. */

/** A paced run: when each job was enqueued, by its id. */
export interface PacedTimes {
  readonly called: readonly number[]
  /** 0 where the call had not returned when the run was given up. */
  readonly returned: readonly number[]
}

/** How many jobs in how long. */
export interface Amount {
  readonly jobs: number
  readonly seconds: number
}

export interface Verbs {
  prepare(): Promise<void>
  /** Enqueues this many, 2,000 a call. */
  preload(options: { readonly jobs: number; readonly delaySeconds?: number }): Promise<Amount>
  /** Starts the worker; answers when the library says that it has started. */
  start(options: { readonly queues: readonly string[]; readonly remembersStarts?: boolean }): Promise<void>
  /** When each job started, by its id; 0 for those that did not. Only with `remembersStarts`. */
  starts(): Promise<readonly number[]>
  /** Callers that enqueue one job after the other for this long. */
  callers(options: { readonly callers: number; readonly seconds: number }): Promise<Amount>
  /** One caller that enqueues in bulk for this long. */
  bulk(options: { readonly size: number; readonly seconds: number }): Promise<Amount>
  /** Enqueues at this rate, whether or not earlier calls have returned; gives up waiting for them after `patienceSeconds`. */
  paced(options: {
    readonly perSecond: number
    readonly seconds: number
    readonly patienceSeconds: number
  }): Promise<PacedTimes>
  /** Enqueues one batch; answers when the call returned. */
  batch(options: { readonly firstId: number; readonly jobs: number }): Promise<number>
  /** Enqueues in bulk until `endFeed`, at most `ahead` jobs more than were handled. */
  feed(options: { readonly size: number; readonly ahead: number; readonly limitSeconds: number }): Promise<number>
  endFeed(): Promise<void>
  close(): Promise<void>
}

export type Verb = keyof Verbs

/** From the harness: a call, or news of how many jobs the workers have handled. */
export type ToChild =
  | { readonly call: number; readonly verb: Verb; readonly options: unknown }
  | { readonly handledElsewhere: number }

/** From the child: an answer, or news of how many jobs it has handled. */
export type FromChild =
  | { readonly call: number; readonly value: unknown }
  | { readonly call: number; readonly error: string }
  | { readonly handled: number; readonly lastStart: number }
  | { readonly isReady: true }
