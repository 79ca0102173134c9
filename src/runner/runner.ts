/** The runner's public face: what `createRunner` answers. */

import type { EnqueueOptions } from '../job/enqueue-options.ts'
import type { JobHandle, ResultOptions } from '../job/job-handle.ts'
import type { JobState } from '../job/job.ts'
import type { ArgsOf, EnqueuedHandles, EnqueueEntries, JobModules, JobTarget, ResultOf } from '../job/typed-jobs.ts'
import type { Explanation } from '../queue/explain.ts'
import type { MigrationReport } from '../store/store.ts'
import type { Duration } from '../job/duration.ts'
import type { Listener } from '../telemetry/bus.ts'
import type { RunnerEvents } from './events.ts'
import type { JobInfo, JobSummary } from './job-view.ts'
import type { NodeInspection } from './worker-node.ts'

/** Which jobs are meant; all conditions must hold. */
export interface JobFilterOptions {
  readonly state?: JobState | readonly JobState[] | undefined
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly key?: string | undefined
  /** A tag that the job must have. */
  readonly tag?: string | undefined
}

/** What `list` is asked for. */
export interface ListOptions extends JobFilterOptions {
  /** Text that the stored args must contain, whatever its case. At most the newest 10,000 matching jobs are looked at. */
  readonly search?: string | undefined
  /** 1 to 1,000. Default: 50. */
  readonly limit?: number | undefined
  /** The `next` of the page before. */
  readonly after?: string | undefined
}

/** What `list` answers, newest id first. */
export interface JobList<Job = JobSummary> {
  readonly jobs: readonly Job[]
  /** Pass it as `after` for the next page; absent on the last. */
  readonly next?: string | undefined
  /** With `search`: how many jobs were looked at, and whether those were all. */
  readonly searched?: { readonly jobs: number; readonly complete: boolean } | undefined
}

/** Jobs that a bulk verb left as they are. */
export interface SkippedJob {
  readonly id: string
  /** `unknown`, or the state that the verb does not apply to. */
  readonly reason: 'unknown' | JobState
}

/** A queue in numbers. */
export interface QueueInfo {
  readonly name: string
  /** Due and waiting; counts stop at 100,000. */
  readonly depth: number
  readonly scheduled: number
  readonly running: number
  /** How long the oldest due job has waited, in milliseconds. */
  readonly oldestAgeMs: number | null
  /** Jobs ended per second over the last minute. */
  readonly rate: number
  readonly paused: boolean
  /** How many of its jobs this process would run at the same time. */
  readonly concurrency: number
}

/** Options of `start`. */
export interface StartOptions {
  /** The queues to serve. Default: all, also those that appear later. */
  readonly queues?: readonly string[] | undefined
  /** Whether SIGINT and SIGTERM stop the runner: the first gracefully, a second sooner, a third ends the process. Default: false. */
  readonly signals?: boolean | undefined
}

/** Options of `stop`. */
export interface StopOptions {
  /** How long running jobs may go on before their signal fires. Default: `'25s'`. */
  readonly timeout?: Duration | undefined
}

/** What `inspect` answers: plain data. */
export interface Inspection {
  readonly state: 'idle' | 'starting' | 'running' | 'stopping' | 'closed'
  /** The running worker: its supervision tree, its stages with their demand and buffers; null when it is not started. */
  readonly worker: NodeInspection | null
}

/** Dead letters: jobs whose attempts are used up, or that were discarded. */
export interface DeadLetters {
  /** Like `list`, for failed jobs, with their attempts. */
  list(filter?: Omit<ListOptions, 'state'>): Promise<JobList<JobInfo>>
  /** Planned; throws `ERR_NOT_AVAILABLE`. */
  groups(): never
}

/** Enqueues jobs, runs them, and answers for them. */
export interface Runner<Jobs extends JobModules = JobModules> extends AsyncDisposable {
  /**
   * Stores a job that calls `target` with `args` later, elsewhere or again. Resolves when it is stored.
   *
   * @param target A function of a registered module, or its name.
   * @param args The array of its arguments.
   * @throws Before anything is stored: `ERR_UNREGISTERED_FUNCTION`, `ERR_UNKNOWN_JOB`, `ERR_BAD_OPTIONS`, `ERR_ARGS_INVALID`,
   *   `ERR_VALUE_UNSUPPORTED`, `ERR_ARGS_TOO_LARGE`, `ERR_BAD_KEY`, `ERR_NOT_AVAILABLE`. When the store fails:
   *   `ERR_STORE_UNAVAILABLE` and its kin; with an `id` of your own the same call can then be repeated safely.
   */
  enqueue<const Target extends JobTarget<Jobs>>(
    target: Target,
    args: ArgsOf<Jobs, Target>,
    options?: EnqueueOptions,
  ): Promise<JobHandle<ResultOf<Jobs, Target>>>
  /** Stores several jobs, all or none, in one round trip. Answers their handles in the same order. */
  enqueueAll<const Targets extends readonly JobTarget<Jobs>[]>(
    entries: EnqueueEntries<Jobs, Targets>,
  ): Promise<EnqueuedHandles<Jobs, Targets>>
  /** Waits for the end of a job; like `handle.result()` for an id. */
  result(id: string, options?: ResultOptions): Promise<unknown>

  /**
   * Begins to run jobs in this process. Resolves when all queues are served.
   *
   * @throws Whatever keeps the store from opening; `ERR_RUNNER_CLOSED`; `ERR_BAD_OPTIONS`.
   */
  start(options?: StartOptions): Promise<void>
  /** Ends running jobs in good order: see {@link StopOptions}. What has not finished is handed back with no attempt charged. */
  stop(options?: StopOptions): Promise<void>
  /** Stops, then lets go of the store; the runner cannot be used afterwards. `await using` calls it. */
  close(): Promise<void>

  /** Everything that is known of a job, or null. */
  job(id: string): Promise<JobInfo | null>
  list(filter?: ListOptions): Promise<JobList>
  /** Failed and cancelled jobs live again: same id, attempt 0, earlier errors kept. */
  retry(
    target: string | JobFilterOptions,
  ): Promise<{ readonly retried: number; readonly skipped: readonly SkippedJob[] }>
  /** Waiting jobs are cancelled at once; the signal of running ones fires, in whichever process they run. */
  cancel(
    target: string | JobFilterOptions,
  ): Promise<{ readonly cancelled: number; readonly skipped: readonly SkippedJob[] }>
  /** Removes jobs and all that is kept of them; running ones are skipped. */
  delete(
    target: string | JobFilterOptions,
  ): Promise<{ readonly deleted: number; readonly skipped: readonly SkippedJob[] }>
  /** Why a job is not running, or null for an unknown id. */
  explain(id: string): Promise<Explanation | null>
  /** No process claims jobs of the queue until it is resumed; stored, so it survives restarts. */
  pause(queue: string): Promise<void>
  resume(queue: string): Promise<void>
  queues(): Promise<readonly QueueInfo[]>
  readonly dead: DeadLetters

  /** The worker's tree and stages as they stand now. */
  inspect(): Inspection
  /** Creates or upgrades the schema. */
  migrate(): Promise<MigrationReport>
  /** Calls `listener` for each event of this process until the returned function is called. */
  on<Name extends keyof RunnerEvents>(name: Name, listener: Listener<RunnerEvents[Name]>): () => void

  /** Planned; throws `ERR_NOT_AVAILABLE`. */
  enqueueSync(...args: unknown[]): never
  /** Planned; throws `ERR_NOT_AVAILABLE`. */
  scale(queue: string, range: { readonly min: number; readonly max: number }): never
  /** Planned; throws `ERR_NOT_AVAILABLE`. */
  nodes(filter?: { readonly queue?: string | undefined }): never
  /** Planned; throws `ERR_NOT_AVAILABLE`. */
  errors(filter?: { readonly name?: string | undefined; readonly since?: Duration | undefined }): never
}
