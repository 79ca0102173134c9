/** The runner's public face: what `createRunner` answers. */

import type { EnqueueOptions, EnqueueSyncOptions } from '../job/enqueue-options.ts'
import type { JobHandle, ResultOptions } from '../job/job-handle.ts'
import type { JobState } from '../job/job.ts'
import type {
  ArgsOf,
  EnqueuedHandles,
  EnqueueEntries,
  JobFunction,
  JobModules,
  JobName,
  JobTarget,
  ResultOf,
} from '../job/typed-jobs.ts'
import type { Explanation } from '../queue/explain.ts'
import type { Finding, MigrationReport, PendingMigrations } from '../store/store.ts'
import type { Duration } from '../job/duration.ts'
import type { Listener } from '../telemetry/bus.ts'
import type { Breakers } from './breaker-access.ts'
import type { RunnerEvents } from './events.ts'
import type { DeadLetter, ErrorGroup, JobInfo, JobSummary } from './job-view.ts'
import type { NodeInfo } from './node-view.ts'
import type { ConcurrencyOption } from './scale-options.ts'
import type { AuditEntry, AuditOptions, OperatorOptions } from './operators.ts'
import type { Metrics, MetricsOptions } from './metrics-view.ts'
import type { ReliabilityCounters } from './reliability-counters.ts'
import type { NodeInspection } from './worker-node.ts'

/** Which jobs are meant; all conditions must hold. */
export interface JobFilterOptions {
  readonly state?: JobState | readonly JobState[] | undefined
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly key?: string | undefined
  /** A tag that the job must have. */
  readonly tag?: string | undefined
  /** Of an error: only failed jobs have one. */
  readonly fingerprint?: string | undefined
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
  /** How many of its jobs this process would run at the same time: a number, or the range in which that is; 0 for a client. */
  readonly concurrency: ConcurrencyOption
  /** What {@link JobAdministration.scale} has stored; null where each process does as it is configured. */
  readonly scaled: ConcurrencyOption | null
  /**
   * How many processes the queue could use: enough to work off within half a minute what waits, at the pace of the last minute.
   * 0 with nothing to do. For scalers outside; see the guide on autoscaling for the rule.
   */
  readonly wantedReplicas: number
  /** Why so many: a sentence with the figures. */
  readonly wantedReason: string
}

/** Which nodes `nodes` is asked for. */
export interface NodesFilter {
  /** Only nodes that serve this queue, and of them only what has to do with it. */
  readonly queue?: string | undefined
  /**
   * Whether all nodes should write their picture of themselves every second, with their stages, for the next ten seconds: for
   * who asks again and again. A node knows within a second or three. Default: false, they write it with their beat.
   */
  readonly watch?: boolean | undefined
}

/** Options of `start`. */
export interface StartOptions {
  /** The queues to serve. Default: all, also those that appear later. */
  readonly queues?: readonly string[] | undefined
  /** Whether SIGINT and SIGTERM stop the runner: the first gracefully, a second sooner, a third ends the process. Default: false. */
  readonly signals?: boolean | undefined
  /**
   * Whether code of a job that would end the process is told from other code, as long as the runner runs: a rejection that
   * nobody handles fails its attempt and nothing else; of `process.exit()` and of an uncaught error only the job that caused it
   * is charged, and the other jobs of the process are free at once. What other code does is left to Node.js. Default: true.
   */
  readonly blame?: boolean | undefined
}

/** Options of `stop`. */
export interface StopOptions {
  /** How long running jobs may go on before their signal fires. Default: `'25s'`. */
  readonly timeout?: Duration | undefined
}

/** Options of `diagnose`. */
export interface DiagnoseOptions {
  /** Whether to make the checks that read the whole database too. Default: false. */
  readonly thorough?: boolean | undefined
}

/** What `inspect` answers: plain data. */
export interface Inspection {
  readonly state: 'idle' | 'starting' | 'running' | 'stopping' | 'closed'
  /** The running worker: its supervision tree, its stages with their demand and buffers; null when it is not started. */
  readonly worker: NodeInspection | null
  /** How often the guarantees were put to the test in this process. */
  readonly counters: ReliabilityCounters
}

/** Which dead letters are meant; all conditions must hold. */
export type DeadFilter = Omit<JobFilterOptions, 'state'>

/** What `dead.list` is asked for. */
export type DeadListOptions = Omit<ListOptions, 'state'>

/** Which errors `dead.groups` and `errors` count. */
export interface ErrorGroupOptions {
  /** Only errors of this job name. */
  readonly name?: string | undefined
  /** Only errors since so long ago, such as `'1h'`. */
  readonly since?: Duration | undefined
}

/** Options of what changes many dead letters. */
export interface DeadChangeOptions extends OperatorOptions {
  /** Ends the change between two chunks of 500; what was done stays. */
  readonly signal?: AbortSignal | undefined
}

/** Options of `dead.retry`. */
export interface DeadRetryOptions extends DeadChangeOptions {
  /** How many become due in which time, evenly: `{ limit: 50, per: '1s' }`. Default: all at once. */
  readonly rate?: { readonly limit: number; readonly per: Duration } | undefined
}

/** Dead letters: jobs whose attempts are used up, or that were discarded. */
export interface DeadLetters {
  /** Like `list`, for failed jobs, with their attempts and forensics. */
  list(filter?: DeadListOptions): Promise<JobList<DeadLetter>>
  /**
   * The dead letters by job name and fingerprint, the group that grew last first; at most 1,000 groups. It costs what the groups
   * cost, however many dead letters are in them.
   */
  groups(filter?: ErrorGroupOptions): Promise<readonly ErrorGroup[]>
  /**
   * Failed jobs live again: same id, attempt 0, earlier errors kept. With `rate` they become due one after the other, so that
   * what made them fail is not overrun again; `lastInMs` says when the last one is due.
   *
   * @param target An id, or a filter: `{ fingerprint }` is a group, `{}` all.
   */
  retry(
    target: string | DeadFilter,
    options?: DeadRetryOptions,
  ): Promise<{ readonly retried: number; readonly skipped: readonly SkippedJob[]; readonly lastInMs: number }>
  /** Removes dead letters with all that is kept of them. */
  drop(
    target: string | DeadFilter,
    options?: DeadChangeOptions,
  ): Promise<{ readonly dropped: number; readonly skipped: readonly SkippedJob[] }>
  /**
   * The dead letters as lines of JSON, each with its line end, newest id first. What JSON has no form for is written as near as
   * it can be.
   */
  export(filter?: Omit<DeadListOptions, 'limit'>): AsyncIterable<string>
}

/** What can be done with jobs without their code: by a runner, and by a client. */
export interface JobAdministration extends AsyncDisposable {
  /** Waits for the end of a job; like `handle.result()` for an id. */
  result(id: string, options?: ResultOptions): Promise<unknown>
  /** Everything that is known of a job, or null. */
  job(id: string): Promise<JobInfo | null>
  list(filter?: ListOptions): Promise<JobList>
  /** Failed and cancelled jobs live again: same id, attempt 0, earlier errors kept. */
  retry(
    target: string | JobFilterOptions,
    options?: OperatorOptions,
  ): Promise<{ readonly retried: number; readonly skipped: readonly SkippedJob[] }>
  /** Waiting jobs are cancelled at once; the signal of running ones fires, in whichever process they run. */
  cancel(
    target: string | JobFilterOptions,
    options?: OperatorOptions,
  ): Promise<{ readonly cancelled: number; readonly skipped: readonly SkippedJob[] }>
  /** Removes jobs and all that is kept of them; running ones are skipped. */
  delete(
    target: string | JobFilterOptions,
    options?: OperatorOptions,
  ): Promise<{ readonly deleted: number; readonly skipped: readonly SkippedJob[] }>
  /** Why a job is not running, or null for an unknown id. */
  explain(id: string): Promise<Explanation | null>
  /** No process claims jobs of the queue until it is resumed; stored, so it survives restarts. */
  pause(queue: string, options?: OperatorOptions): Promise<void>
  resume(queue: string, options?: OperatorOptions): Promise<void>
  /** What operators did in the last 90 days, newest first: who paused what, and when, and why. */
  audit(options?: AuditOptions): Promise<readonly AuditEntry[]>
  /**
   * How many jobs of the queue run at the same time in each process, instead of what is configured there: a number, a range in
   * which that follows the load, or null for what is configured. Stored, so it survives restarts; every process does it within
   * a few seconds. Running jobs go on, whatever it is.
   */
  scale(queue: string, range: ConcurrencyOption | null, options?: OperatorOptions): Promise<void>
  queues(): Promise<readonly QueueInfo[]>
  /** {@link QueueInfo.wantedReplicas} by queue. */
  wantedReplicas(): Promise<Readonly<Record<string, number>>>
  /** All processes that run jobs, oldest first; dead ones are shown for an hour. */
  nodes(filter?: NodesFilter): Promise<readonly NodeInfo[]>
  /**
   * Tells a node to begin no more jobs (`quiet`), to end in order, as by `stop()` (`stop`), or, with null, to go on after it was
   * told to be quiet. Stored, and done within a few seconds: `nodes()` shows whether it is. Answers false when there is no such
   * node.
   */
  orderNode(id: string, wanted: 'quiet' | 'stop' | null, options?: OperatorOptions): Promise<boolean>
  /**
   * Every attempt that failed, whether its job was tried again or not, by job name and fingerprint, the group that grew last
   * first; at most 1,000 groups. An attempt counts as long as the record of its job is kept.
   */
  errors(filter?: ErrorGroupOptions): Promise<readonly ErrorGroup[]>
  /**
   * What attempts came to over time, as all processes counted them: how many ended how, how long they waited and ran. What
   * other processes counted comes within ten seconds; what a process counted in the ten seconds before it crashed is lost.
   *
   * @throws `ERR_BAD_OPTIONS`.
   */
  metrics(options?: MetricsOptions): Promise<Metrics>
  /**
   * Lets idle workers of all processes look for jobs at once, instead of within a second. For jobs that were stored in a
   * transaction of your own: call it when you have committed.
   */
  wake(): Promise<void>
  readonly dead: DeadLetters
  readonly breakers: Breakers
  /** Calls `listener` for each event of this process until the returned function is called. */
  on<Name extends keyof RunnerEvents>(name: Name, listener: Listener<RunnerEvents[Name]>): () => void
}

/** Enqueues jobs, runs them, and answers for them. */
export interface Runner<Jobs extends JobModules = JobModules> extends JobAdministration {
  /**
   * Stores a job that calls `target` with `args` later, elsewhere or again. Resolves when it is stored; with the option `tx`,
   * when it is written in your transaction: it exists, and `result()` of its handle can be asked, when you have committed.
   *
   * @param target A function of a registered module, or its name.
   * @param args The array of its arguments.
   * @throws Before anything is stored: `ERR_UNREGISTERED_FUNCTION`, `ERR_UNKNOWN_JOB`, `ERR_BAD_OPTIONS`, `ERR_ARGS_INVALID`,
   *   `ERR_VALUE_UNSUPPORTED`, `ERR_ARGS_TOO_LARGE`, `ERR_BAD_KEY`, `ERR_NOT_AVAILABLE`; `ERR_TX_FOREIGN` for a `tx` that is no transaction on the database
   *   of the jobs. When the store fails: `ERR_STORE_UNAVAILABLE` and its kin, and nothing is stored; `OutcomeUnknownError`
   *   (`ERR_OUTCOME_UNKNOWN`) when nobody knows whether it is: the same call with the option `id: error.jobId` stores it once,
   *   as long as the record of the job is kept.
   */
  enqueue<const Target extends JobTarget<Jobs>>(
    target: Target,
    args: ArgsOf<Jobs, Target>,
    options?: EnqueueOptions,
  ): Promise<JobHandle<ResultOf<Jobs, Target>>>
  /**
   * Stores a job before it returns, on your own connection of better-sqlite3 or `node:sqlite`: part of the transaction that is
   * open there, or else in one of its own.
   *
   * @throws What `enqueue` rejects with; `ERR_BAD_OPTIONS` for a job whose input schemas check asynchronously; `ERR_TX_FOREIGN`
   *   and `ERR_STORE_ENGINE` for a connection that cannot be used.
   */
  enqueueSync<const Target extends JobTarget<Jobs>>(
    target: Target,
    args: ArgsOf<Jobs, Target>,
    options: EnqueueSyncOptions,
  ): JobHandle<ResultOf<Jobs, Target>>
  /**
   * Stores several jobs, all or none, in one round trip. Answers their handles in the same order. With the option `tx`, which
   * must then be the same in every entry, they are stored in your transaction.
   */
  enqueueAll<const Targets extends readonly JobTarget<Jobs>[]>(
    entries: EnqueueEntries<Jobs, Targets>,
  ): Promise<EnqueuedHandles<Jobs, Targets>>

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

  /** The worker's tree and stages as they stand now. */
  inspect(): Inspection
  /** Creates or upgrades the schema. */
  migrate(): Promise<MigrationReport>
  /** What `migrate` would do, with the SQL of it. Changes nothing. */
  pendingMigrations(): Promise<PendingMigrations>
  /**
   * Looks for what is wrong with the database, its surroundings and its workers. Changes nothing.
   *
   * @throws `ERR_STORE_UNAVAILABLE` and `ERR_STORE_OPEN` when there is no database to look at.
   */
  diagnose(options?: DiagnoseOptions): Promise<readonly Finding[]>
  /** Planned; throws `ERR_NOT_AVAILABLE`. */
}

/** Any runner, whatever its jobs. */
// oxlint-disable-next-line typescript/no-explicit-any -- jobs stand in parameters, so no other type admits every runner
export type AnyRunner = Runner<any>

/** Jobs of which no types are known: every name, any args. */
export type UntypedJobs = Readonly<Record<string, Readonly<Record<string, JobFunction>>>>

/** The jobs of a runner: `JobsOf<typeof runner>`. */
export type JobsOf<Of extends AnyRunner> = Of extends Runner<infer Jobs> ? Jobs : never

/** A producer that has only the types of a runner: it enqueues by name, and looks after jobs. */
export interface Client<Jobs extends JobModules = JobModules> extends JobAdministration {
  /**
   * Stores a job. What the options leave out comes from what the workers published of the job; for a name that no worker has
   * published yet, from the defaults. The args are checked by the worker, where the job has input schemas.
   *
   * @param name The name of the job, such as `'mailer.sendWelcome'`.
   * @param args The array of its arguments.
   * @throws What `enqueue` of a runner throws; `ERR_BAD_OPTIONS` also for a job whose `key` or `backoff` is a function and is
   *   not among the options.
   */
  enqueue<const Name extends JobName<Jobs>>(
    name: Name,
    args: ArgsOf<Jobs, Name>,
    options?: EnqueueOptions,
  ): Promise<JobHandle<ResultOf<Jobs, Name>>>
  /** Stores several jobs, all or none, in one transaction. Answers their handles in the same order. */
  enqueueAll<const Names extends readonly JobName<Jobs>[]>(
    entries: EnqueueEntries<Jobs, Names>,
  ): Promise<EnqueuedHandles<Jobs, Names>>
  /** Lets go of the store; the client cannot be used afterwards. `await using` calls it. */
  close(): Promise<void>
}
