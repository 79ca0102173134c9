/** The words of a job's life, and what is stored of it. */

import type { BreakerId } from './breaker.ts'

/** Every state a job can be in. `failed` is the dead-letter state. */
export const JOB_STATES = ['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled'] as const

/** One of {@link JOB_STATES}. */
export type JobState = (typeof JOB_STATES)[number]

/** The states a job leaves only by an operator's hand. */
export type EndedState = Extract<JobState, 'completed' | 'failed' | 'cancelled'>

/** A value in its stored form. */
export interface EncodedValue {
  /** `json`: plain JSON text, searchable. `devalue`: the tagged text of the devalue library, for what JSON cannot keep. */
  readonly codec: 'json' | 'devalue'
  readonly text: string
}

/** An error in its stored form: always plain text, always small enough to be kept. */
export interface ErrorRecord {
  readonly name: string
  readonly message: string
  readonly stack?: string | undefined
  /** The `code` of a Node.js or millrace error. */
  readonly code?: string | undefined
  readonly cause?: ErrorRecord | undefined
}

/** Exponential backoff: attempt n waits about `baseMs * factor ** (n - 1)`, at most `maxMs`, with jitter. */
export interface BackoffSettings {
  readonly baseMs: number
  readonly factor: number
  readonly maxMs: number
}

/** A job as it is handed to the store. */
export interface NewJob {
  /** A UUID, made by the client. */
  readonly id: string
  /** Whether the caller chose the id: then ended jobs are searched for it too. */
  readonly isIdChosen: boolean
  /** The registered name, such as `mailer.sendWelcome`. */
  readonly name: string
  readonly queue: string
  /** The encoded tuple of the function's arguments. */
  readonly args: EncodedValue
  /** -100 to 100; lower is earlier. */
  readonly priority: number
  readonly maxAttempts: number
  /** Null: the default backoff, or the function of the job's own code. */
  readonly backoff: BackoffSettings | null
  /** Null: the default timeout. */
  readonly timeoutMs: number | null
  /** The tenant or entity the job belongs to. */
  readonly key: string | null
  readonly tags: readonly string[]
  /** The trace that it goes on with, as the text of whoever traces; null where nobody does. */
  readonly trace: string | null
  /** When it may run: `delayMs` from now by the store's clock, or `at` in milliseconds since 1970; null is at once. */
  readonly due: { readonly delayMs: number } | { readonly at: number } | null
}

/** A job that a node holds under a lease. */
export interface ClaimedJob {
  readonly id: string
  /** The lease that every later write about this attempt must carry: a random UUID made for the claim. */
  readonly lease: string
  readonly name: string
  readonly queue: string
  readonly args: EncodedValue
  readonly priority: number
  /** Counted by the claim: 1 in the first attempt. */
  readonly attempt: number
  readonly maxAttempts: number
  readonly backoff: BackoffSettings | null
  readonly timeoutMs: number | null
  readonly key: string | null
  readonly tags: readonly string[]
  /** As it was enqueued, see {@link NewJob}. */
  readonly trace: string | null
  /** How often a process died while it ran this job. */
  readonly crashes: number
  /** Milliseconds since 1970, by the store's clock. */
  readonly createdAt: number
  readonly dueAt: number
  readonly claimedAt: number
  /** The breaker for which it was let through as a probe; absent for every other job. */
  readonly probeOf?: BreakerId | undefined
}

/** One attempt that ended, or the one that runs. */
export interface AttemptRecord {
  readonly attempt: number
  /** The id of the node that ran it. */
  readonly node: string | null
  readonly startedAt: number | null
  readonly endedAt: number | null
  readonly error: ErrorRecord | null
  readonly logs: readonly string[]
}

/** Everything the store knows of a job. Times are milliseconds since 1970 by the store's clock. */
export interface JobRecord {
  readonly id: string
  readonly name: string
  readonly queue: string
  readonly state: JobState
  readonly args: EncodedValue
  readonly key: string | null
  readonly tags: readonly string[]
  readonly priority: number
  readonly attempt: number
  readonly maxAttempts: number
  readonly crashes: number
  readonly result: EncodedValue | null
  /** Why it failed, why the waiting retry is needed, why it was cancelled, or why its result could not be kept. */
  readonly error: ErrorRecord | null
  readonly progress: number | null
  readonly createdAt: number
  readonly dueAt: number
  /** Null while the job sits in a buffer and for the first moments of its run. */
  readonly startedAt: number | null
  readonly endedAt: number | null
  /** The node that holds it or ended it. */
  readonly node: string | null
  /** Why a queued job cannot be claimed by anybody now. */
  readonly parked: ParkReason | null
  /** Whether a running job was asked to stop. */
  readonly isCancelRequested: boolean
  /** As it was enqueued, see {@link NewJob}. */
  readonly trace: string | null
}

/** Why a queued job is kept out of the ready index: no live node that serves its queue knows its name, or a breaker is open. */
export type ParkReason = 'no-worker' | 'breaker'
