/**
 * The store contract: where jobs live. One contract, several implementations, one conformance suite that all of them pass.
 *
 * Rules that hold for every verb:
 * - A verb is one transaction: it happens whole or not at all. When its promise resolves, its effect is durable, but for
 *   claims, which a crash of the database may take back (the job is then claimed again).
 * - Every write about a claimed job carries the job's lease and changes the job only while that lease holds. A stale write
 *   changes nothing and is reported in the answer; it is never an error.
 * - Times are milliseconds since 1970 and come from the store's clock; callers pass durations.
 * - An error thrown is a `RunnerError` of `errors.ts`. `ERR_STORE_UNAVAILABLE` may be tried again; the others may not.
 */

import type {
  BreakerChange,
  BreakerId,
  BreakerMode,
  BreakerSettings,
  BreakerState,
  CallOutcome,
} from '../job/breaker.ts'
import type { Forensics } from '../job/forensics.ts'
import type { AttemptRecord, ClaimedJob, EncodedValue, ErrorRecord, JobRecord, JobState, NewJob } from '../job/job.ts'

/** Where jobs live. */
export interface Store {
  // ── schema and lifetime ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Opens the store and brings the schema to the version this code needs. Every other verb calls it first by itself; it is
   * here so that problems show early. Refuses a schema of a newer version (`ERR_SCHEMA_NEWER`) and, when the store was made
   * with `migrate: false`, an absent or older one (`ERR_SCHEMA_OLDER`).
   */
  open(): Promise<void>
  /** Applies the migrations that are missing, also when the store was made with `migrate: false`. */
  migrate(): Promise<MigrationReport>
  /** What {@link Store.migrate} would apply. Changes nothing and creates nothing; refuses a newer schema as `open` does. */
  pendingMigrations(): Promise<PendingMigrations>
  /** Ends all work with the store; verbs called later are refused with `ERR_STORE_CLOSED`. Idempotent. */
  close(): Promise<void>
  /**
   * Looks for what is wrong or dangerous around the store itself: rights, version, place, clock. Changes nothing and creates
   * nothing. What it finds is an answer; it throws only when there is nothing to look at (`ERR_STORE_UNAVAILABLE`,
   * `ERR_STORE_OPEN`). A finding of the check `schema` says whether the other verbs can be used.
   */
  diagnose(request: DiagnoseRequest): Promise<readonly Finding[]>
  /**
   * Calls `listener` soon after something may have changed in the store that this process did not do itself. A hint: it may
   * come too often or not at all: a store that would make others pay for hints about `endings` gives none. Answers a function
   * that ends the subscription.
   */
  onChange(about: ChangeTopic, listener: () => void): () => void

  // ── enqueue ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Stores jobs, all or none. An id that is already in use leaves the stored job as it is and is answered as `duplicate`;
   * ended jobs count only where `isIdChosen` says so. Throws `OutcomeUnknownError` when they may or may not be stored.
   */
  insertJobs(jobs: readonly NewJob[]): Promise<readonly InsertedJob[]>
  /**
   * The same inside a transaction of the user, on the user's own connection: the jobs exist when the user commits, and never
   * when the user rolls back. What fails is taken back alone, if the database can do that. Throws `ERR_TX_FOREIGN` for what
   * is no transaction on this store's database.
   */
  insertInTransaction(tx: unknown, jobs: readonly NewJob[]): Promise<readonly InsertedJob[]>
  /**
   * The same before it returns, on a connection of the user that works without promises; when no transaction is open there, it
   * makes its own. Throws `ERR_TX_FOREIGN` for any other connection, and always on a store whose database has none such.
   */
  insertSync(tx: unknown, jobs: readonly NewJob[]): readonly InsertedJob[]

  // ── the life of a claimed job ────────────────────────────────────────────────────────────────────────────────────

  /**
   * Claims due jobs, lowest priority number first, then in the order in which they became due. Promotes scheduled jobs that
   * are due first. Takes only names the node registered, from queues that are not paused, never more than asked. Counts the
   * attempt and stamps one new random lease on all jobs of the claim. A job that nobody alive can run is parked; a row that
   * cannot be read ends as failed, alone. Leaves out, and parks, the jobs of a breaker that is open; of one that is half-open
   * it takes probes, never more than are free over all nodes.
   */
  claimJobs(request: ClaimRequest): Promise<ClaimAnswer>
  /** Writes down that these jobs were really started, so that a crash charges their attempt. */
  markStarted(held: readonly HeldJob[]): Promise<FencedAnswer>
  /** Stores progress and log lines of running jobs. */
  recordProgress(notes: readonly ProgressNote[]): Promise<FencedAnswer>
  /** Ends attempts. A job whose stop was asked for meanwhile is not retried but cancelled. */
  ackJobs(acks: readonly Ack[]): Promise<AckAnswer>
  /**
   * The same for one job inside a transaction of the user, on the user's own connection. Answers false, having changed
   * nothing, when the lease is stale.
   */
  ackInTransaction(tx: unknown, ack: Ack): Promise<boolean>
  /** Hands jobs back unrun: queued again at their old place, no attempt charged. */
  giveBackJobs(held: readonly HeldJob[]): Promise<FencedAnswer>

  // ── looking and operating ────────────────────────────────────────────────────────────────────────────────────────

  /** One job with all its attempts, or null. */
  readJob(id: string): Promise<JobDetails | null>
  /** Jobs that match, newest id first. */
  listJobs(query: JobQuery): Promise<JobPage>
  /** How each of these jobs ended; a job that has not ended, or is unknown, is answered with that. */
  readEndings(ids: readonly string[]): Promise<readonly Ending[]>
  /** Dead letters that match, with their attempts; otherwise as {@link listJobs}. */
  readDead(query: Omit<JobQuery, 'states'>): Promise<DeadPage>
  /**
   * Dead letters, or failed attempts, by job name and fingerprint, at most {@link GROUPS_CAP} groups, last error first. Costs
   * what the groups cost, not what lies in them: counts are capped at {@link COUNT_CAP}.
   */
  readErrorGroups(query: ErrorGroupQuery): Promise<readonly ErrorGroupRecord[]>
  /**
   * Failed and cancelled jobs live again: same id, attempt 0, queued at once or as `spread` says, earlier errors kept. What an
   * operator's verb changed is written down with its order, if it has one, in the same transaction.
   */
  retryJobs(target: JobTarget, options?: RetryOptions): Promise<BulkAnswer>
  /** Scheduled and queued jobs are cancelled at once; a running one is asked to stop. */
  cancelJobs(target: JobTarget, order?: Order): Promise<BulkAnswer>
  /** Removes jobs with all that is kept of them; running ones are skipped. */
  deleteJobs(target: JobTarget, order?: Order): Promise<BulkAnswer>
  /** Stores settings of a queue. The queue need not exist. */
  changeQueue(queue: string, change: QueueChange, order?: Order): Promise<void>
  /** Every queue that has jobs, settings or a live node. Counts are capped at {@link COUNT_CAP}. */
  readQueues(): Promise<readonly QueueRecord[]>
  /** How much waits in these queues, one answer for each, in their order: cheap enough to be asked every few seconds. */
  readBacklogs(queues: readonly string[]): Promise<readonly Backlog[]>
  /** What operators did, newest first. */
  readAudit(query: AuditQuery): Promise<readonly AuditRecord[]>

  // ── circuit breakers ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Calls ended on a node: counts them, and opens the breakers whose windows are bad enough. Answers these breakers. */
  countCalls(reports: readonly CallReport[]): Promise<readonly BreakerRecord[]>
  /** An operator holds a breaker open or closed, or lets it go. The breaker need not exist. */
  setBreaker(id: BreakerId, mode: BreakerMode, order: Order): Promise<BreakerRecord>
  /** Breakers that have ever changed their state or are held, at most {@link BREAKER_CAP}; those that changed last first. */
  readBreakers(query?: BreakerQuery): Promise<readonly BreakerRecord[]>

  // ── nodes and upkeep ─────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Makes this process known as a node and beats for it, from where a blocked event loop cannot stop the beat, until
   * `retireNode`. Unparks jobs that this node can run. What it publishes of its jobs is kept by name, beyond the life of the
   * node; of several registrations the newest counts.
   */
  registerNode(node: NodeRegistration): Promise<void>
  /** What was published under these names, in any order; a name that no node has published is left out. */
  readPublishedJobs(names: readonly string[]): Promise<readonly PublishedJob[]>
  /** Hands over the node's newest picture of itself; it is stored with the beat, at once when `isUrgent`. */
  publishSnapshot(node: string, snapshot: NodeSnapshot, isUrgent: boolean): Promise<void>
  /** What others want of this node: jobs to stop, queues paused or scaled, to be quiet, or that it was declared dead. */
  readOrders(node: string): Promise<NodeOrders>
  /** Stores what an operator wants of a node; null takes it back. Answers false for a node that is unknown or dead. */
  orderNode(node: string, wanted: NodeWish | null, order?: Order): Promise<boolean>
  /** Asks all nodes to show themselves every second, with their stages, for the next `forMs` milliseconds. */
  watchNodes(forMs: number): Promise<void>
  /**
   * Ends the beat, hands back whatever the node still holds (no attempt charged), and removes the node. The beat ends whatever
   * becomes of the rest.
   */
  retireNode(node: string): Promise<void>
  /** All nodes, the dead ones of the last hour included. */
  readNodes(): Promise<readonly NodeRecord[]>
  /**
   * Declares a node dead and frees its jobs, if it has not beaten since `beatSeq` was read: a job marked as started keeps
   * its attempt charged and ends as failed when it was the last; an unmarked one is given back. Each that may have begun
   * counts a crash (those that are marked before they begin, and are not marked, have not), and with `quarantineAfter`
   * crashes in a row a job ends as failed. Where `blame` says who ended the process, only that job is charged and counts a
   * crash. A node of which nobody is to blame is not listed as dead: it retires. Answers null when
   * the node has beaten or was rescued by another.
   */
  rescueNode(request: RescueRequest): Promise<RescueAnswer | null>
  /**
   * The same for a node of this process, done before it returns, for a process that is about to end: waits no longer than
   * `limitMs` milliseconds, in which nothing else happens on this thread. Answers whether it was done; a store that cannot
   * work without the caller's event loop answers false at once.
   */
  rescueNodeSync(request: RescueRequest, limitMs: number): boolean
  /**
   * For how long no beat of the node has been confirmed, in milliseconds, counted from when the last one that was confirmed
   * was sent. Asks nobody, so it answers also while the store is away. Infinity for a node that this process does not beat for.
   */
  silenceMs(node: string): number
  /**
   * How often hints from other processes have ceased to come, since the store was made. Asks nobody. While they do not come
   * jobs are looked for by asking. Always 0 where hints need no connection.
   */
  timesUnheard(): number
  /**
   * The node says that its event loop lives: it is beaten for `forMs` milliseconds from now and no longer, until it says so
   * again. One that never speaks is beaten for until it retires.
   */
  vouch(node: string, forMs: number): void
  /**
   * Hands out dead letters that somebody is to be told of, and puts them off for `holdMs`, or until the node is rescued: then
   * they are handed out to another. A job that ends as failed while there is a node that notifies (or there was one in the last hour) is to be
   * told of, once for each time it fails.
   */
  takeNotices(request: NoticeRequest): Promise<readonly Notice[]>
  /** Ends the telling of dead letters, or puts it off. What was handed out to somebody else meanwhile is left as it is. */
  endNotices(ends: readonly NoticeEnd[]): Promise<void>
  /**
   * Stores what attempts that ended in a minute came to. A row replaces the one of the same minute, queue, name and source, so
   * the same call may come again. Rows whose minute is more than a day ago are not taken. May be lost in a crash of the
   * database, as claims may.
   */
  recordMetrics(rows: readonly MetricRow[]): Promise<void>
  /** What was stored by {@link Store.recordMetrics}, added up as asked; groups in which nothing ended are left out. */
  readMetrics(query: MetricQuery): Promise<readonly MetricGroup[]>
  /**
   * One step of upkeep: adds the minutes of an hour that is over to one row for each queue and name, or the hours of a day (of
   * UTC), and deletes minutes, hours and days that were kept long enough. What comes later for that hour is added with a later
   * step. `isDone` when nothing is left to do now.
   */
  rollUpMetrics(): Promise<{ readonly isDone: boolean }>
  /** Deletes ended jobs that were kept long enough, at most about 1,000 a call. */
  pruneJobs(policies: readonly KeepPolicy[]): Promise<{ readonly pruned: number; readonly isDone: boolean }>
  /**
   * Tells idle workers of other processes that jobs may have come of which no hint told: their {@link onChange} listeners are
   * called soon.
   */
  wake(): Promise<void>
}

/** What somebody wants hints about: jobs that may be claimed now, or jobs that have ended. */
export type ChangeTopic = 'jobs' | 'endings'

/** Counts in {@link QueueRecord} stop here, so that looking costs the same at any depth. */
export const COUNT_CAP = 100_000

/** {@link Store.readBreakers} answers no more than these. */
export const BREAKER_CAP = 1_000
/** The depth in {@link Backlog} stops here: it is asked for often, and more would change no decision. */
export const BACKLOG_CAP = 1_000

/** How many groups {@link Store.readErrorGroups} answers at most. */
export const GROUPS_CAP = 1_000

/** What {@link Store.migrate} did. Versions are numbers of migrations; 0 is no schema. */
export interface MigrationReport {
  readonly from: number
  readonly to: number
  /** The names of the migrations applied now, in order. */
  readonly applied: readonly string[]
}

/** What {@link Store.pendingMigrations} answers. Versions as in {@link MigrationReport}. */
export interface PendingMigrations {
  readonly from: number
  readonly to: number
  /** In order. `sql` is a whole transaction that also writes down the new version: a script for the database's own shell. */
  readonly pending: readonly { readonly name: string; readonly sql: string }[]
}

/** What {@link Store.diagnose} is asked for. */
export interface DiagnoseRequest {
  /** Also what takes as long as reading the whole database. */
  readonly isThorough: boolean
}

/** What a check found. */
export interface Finding {
  /** The name of the check, such as `engine`; one check may find several things. */
  readonly check: string
  readonly level: 'ok' | 'warning' | 'problem'
  /** What is so, as a sentence without a full stop. */
  readonly found: string
  /** What to do; null where nothing has to be done. */
  readonly advice: string | null
}

/** The answer for one inserted job, in the order of the request. */
export interface InsertedJob {
  readonly id: string
  readonly status: 'created' | 'duplicate'
}

/** What {@link Store.claimJobs} is asked for. */
export interface ClaimRequest {
  readonly node: string
  readonly wants: readonly { readonly queue: string; /** 1 or more. */ readonly count: number }[]
}

/** What {@link Store.claimJobs} answers. */
export interface ClaimAnswer {
  readonly jobs: readonly ClaimedJob[]
  /** Rows that could not be read and were ended as failed. */
  readonly broken: readonly { readonly id: string; readonly queue: string; readonly error: ErrorRecord }[]
  /** Milliseconds until the next scheduled job of the asked queues is due; null when there is none. */
  readonly nextDueInMs: number | null
  /**
   * The store's advice: in how many milliseconds a queue that gave less than was asked should be asked again when no hint
   * comes; null leaves it to the caller. For a store whose hints are dearer than looking.
   */
  readonly lookAgainInMs: number | null
  /**
   * Queues in which the search ended at its bound (promotion, parking or stepping over jobs of others), so that fewer jobs
   * than asked does not mean that there are none. A queue that was given all it asked for is not listed. The next claim goes
   * on with the search; jobs that came while a search went over several claims may be missed by it, and need a new one.
   */
  readonly unfinished: readonly string[]
  /** The node is unknown, retired or was declared dead: nothing was claimed. */
  readonly isFenced: boolean
}

/** A job and the lease under which a node holds it. */
export interface HeldJob {
  readonly id: string
  readonly lease: string
}

/** The answer to a fenced write. */
export interface FencedAnswer {
  /** The ids of the jobs that were left as they are because the lease no longer holds. */
  readonly stale: readonly string[]
}

/** News of a running job. */
export interface ProgressNote extends HeldJob {
  readonly attempt: number
  /** 0 to 1; null leaves the stored one. */
  readonly progress: number | null
  /** Lines to add to the attempt's log. */
  readonly logs: readonly string[]
}

/** How an attempt ended. */
export interface Ack extends HeldJob {
  readonly attempt: number
  readonly ending: AttemptEnding
  /** How long the handler ran, in milliseconds; null when it never began. */
  readonly runMs: number | null
  /** How long ago it ended, in milliseconds: the time the ack waited before this call. */
  readonly endedAgoMs: number
  /** Progress and log lines not yet recorded. */
  readonly progress: number | null
  readonly logs: readonly string[]
  /** Whether a completed or cancelled job leaves a record. */
  readonly isKept: boolean
  /** Of a job that was claimed as a probe: the breaker, and what it learns. It learns it with the end, in one transaction. */
  readonly probe?: { readonly of: BreakerId; readonly outcome: CallOutcome } | undefined
}

/** What becomes of the job. Policy is decided by the caller; the store only carries it out. */
export type AttemptEnding =
  | {
      readonly type: 'completed'
      readonly result: EncodedValue | null
      /** Why the result could not be kept. */ readonly error: ErrorRecord | null
    }
  | { readonly type: 'retry'; readonly delayMs: number; readonly error: ErrorRecord }
  | { readonly type: 'snoozed'; readonly delayMs: number }
  | { readonly type: 'cancelled'; readonly error: ErrorRecord }
  | {
      readonly type: 'failed'
      readonly error: ErrorRecord
      /** What the node knew in that moment, where the job failed on one. */ readonly forensics?: Forensics | undefined
    }

/** The answer to {@link Store.ackJobs}. */
export interface AckAnswer extends FencedAnswer {
  /** Ids that were cancelled instead of retried or snoozed, because their stop had been asked for. */
  readonly cancelled: readonly string[]
}

/** A job with its attempts, oldest first; of a running job the current one is last. */
export interface JobDetails {
  readonly job: JobRecord
  readonly attempts: readonly AttemptRecord[]
  /** What is known of a failed job besides; null for any other. */
  readonly dead: DeadRecord | null
}

/** What is known of a dead letter. */
export interface DeadRecord {
  /** See `job/fingerprint.ts`; empty where the job failed before there were any. */
  readonly fingerprint: string
  /** Null where it was ended by no node, because its row could not be read. */
  readonly forensics: Forensics | null
}

/** Which jobs. All conditions must hold. */
export interface JobFilter {
  readonly states?: readonly JobState[] | undefined
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly key?: string | undefined
  readonly tag?: string | undefined
  /** Only failed jobs have one. */
  readonly fingerprint?: string | undefined
}

/** What {@link Store.listJobs} is asked for. */
export interface JobQuery extends JobFilter {
  /** Text that the stored args must contain, case-insensitive. */
  readonly search?: string | undefined
  /** 1 to 1,000. */
  readonly limit: number
  /** The `next` of the page before. */
  readonly after?: string | undefined
  /** How many jobs a search may look at, at most. */
  readonly searchLimit: number
}

/** What {@link Store.listJobs} answers. */
export interface JobPage {
  readonly jobs: readonly JobRecord[]
  /** Pass it as `after` for the next page; null when this was the last. */
  readonly next: string | null
  /** How many jobs were looked at, and whether those were all that match the other conditions. */
  readonly searched: { readonly jobs: number; readonly isComplete: boolean }
}

/** What {@link Store.readDead} answers; as {@link JobPage}. */
export interface DeadPage extends Pick<JobPage, 'next' | 'searched'> {
  readonly dead: readonly JobDetails[]
}

/** What {@link Store.readErrorGroups} is asked for. */
export interface ErrorGroupQuery {
  /** The dead letters, or all attempts that failed, as long as they are kept with their jobs. */
  readonly of: 'dead' | 'attempts'
  /** Only errors of this job name. */
  readonly name?: string | undefined
  /** Only errors of the last so many milliseconds. */
  readonly sinceMs?: number | undefined
}

/** Errors of one job name that are alike. */
export interface ErrorGroupRecord {
  readonly name: string
  readonly fingerprint: string
  /** Capped at {@link COUNT_CAP}. */
  readonly count: number
  readonly firstAt: number
  readonly lastAt: number
  /** The last error, and the job that had it. */
  readonly error: ErrorRecord | null
  readonly lastId: string
}

/** How {@link Store.retryJobs} is done. */
export interface RetryOptions {
  readonly order?: Order | undefined
  /** Default: all at once. */
  readonly spread?: RetrySpread | undefined
}

/** When retried jobs are due: one after the other. */
export interface RetrySpread {
  /** When the first is due. */
  readonly dueInMs: number
  /** How much later each next one is due; may be a fraction. */
  readonly stepMs: number
}

/** What {@link Store.takeNotices} is asked for. */
export interface NoticeRequest {
  readonly node: string
  readonly limit: number
  readonly holdMs: number
}

/** Somebody is to be told of a dead letter. */
export interface Notice {
  readonly id: string
  /** Names the notice; the same job may fail several times. */
  readonly seq: number
  /** When it failed. */
  readonly diedAt: number
  /** 1 for the first. */
  readonly attempt: number
}

/** What became of a notice. */
export interface NoticeEnd extends Pick<Notice, 'seq' | 'attempt'> {
  /** When somebody is to try again, and whether this attempt counts; null: nobody has to. */
  readonly again: { readonly inMs: number; readonly isCounted: boolean } | null
}

/** How a job ended. */
export type Ending =
  | {
      readonly id: string
      readonly state: 'completed'
      readonly result: EncodedValue | null
      readonly error: ErrorRecord | null
    }
  | { readonly id: string; readonly state: 'failed' | 'cancelled'; readonly error: ErrorRecord | null }
  | { readonly id: string; readonly state: 'live' | 'unknown' }

/** What an operator's verb is about: named jobs, or all that match and can be changed by this verb. */
export type JobTarget =
  | { readonly ids: readonly string[] }
  | {
      readonly filter: JobFilter
      /** 1 to 1,000. */ readonly limit: number
      /** The `next` of the answer before. */ readonly after?: string | undefined
    }

/** What an operator's verb did. */
export interface BulkAnswer {
  readonly changed: readonly string[]
  /** Named jobs that were left as they are, each with the reason: `unknown`, or the state it is in. */
  readonly skipped: readonly { readonly id: string; readonly reason: 'unknown' | JobState }[]
  /** For a filter: where to go on, if more jobs match than `limit` let through. */
  readonly next: string | null
}

/** Settings of a queue that outlive processes; what is absent stays as it is. */
export interface QueueChange {
  readonly isPaused?: boolean | undefined
  /** How many of its jobs a node may run at the same time; null is what each node's configuration says. */
  readonly scale?: ScaleBounds | null | undefined
}

/** Between how many and how many consumers a queue has on each node: 1 or more, `min` at most `max`. */
export interface ScaleBounds {
  readonly min: number
  readonly max: number
}

/** What an operator wanted: written down with what it changed. */
export interface Order {
  /** A random UUID. What one command changes in several calls is one row. */
  readonly id: string
  /** Who gave it. */
  readonly by: string
  /** Why, if somebody said so. */
  readonly reason: string | null
}

/** What an operator can do. */
export const AUDIT_ACTIONS = [
  'pause',
  'resume',
  'scale',
  'retry',
  'cancel',
  'delete',
  'breaker-open',
  'breaker-close',
  'breaker-auto',
  'node-quiet',
  'node-stop',
  'node-resume',
] as const

/** One of {@link AUDIT_ACTIONS}. */
export type AuditAction = (typeof AUDIT_ACTIONS)[number]

/** What {@link Store.readAudit} is asked for. */
export interface AuditQuery {
  readonly queue?: string | undefined
  readonly action?: AuditAction | undefined
  /** 1 to 1,000. */
  readonly limit: number
}

/** What an operator did. */
export interface AuditRecord {
  readonly id: string
  readonly at: number
  readonly by: string
  readonly action: AuditAction
  readonly queue: string | null
  /** What it was about: ids, a filter, settings, a breaker, or a node; only plain JSON. */
  readonly target: Readonly<Record<string, unknown>>
  /** How many jobs it changed; null where it is not about jobs. */
  readonly jobs: number | null
  readonly reason: string | null
}

/** How long what operators did is kept, in milliseconds. */
export const AUDIT_KEPT_MS: number = 90 * 24 * 60 * 60 * 1000

/** Calls that ended on a node since it reported last. */
export interface CallReport {
  readonly id: BreakerId
  readonly settings: BreakerSettings
  readonly calls: number
  readonly failures: number
}

/** What {@link Store.readBreakers} is asked for. All conditions must hold. */
export interface BreakerQuery {
  readonly queue?: string | undefined
  readonly by?: BreakerId['by'] | undefined
  readonly subject?: string | undefined
  readonly state?: BreakerState | undefined
  /** 1 to {@link BREAKER_CAP}, which is the default. */
  readonly limit?: number | undefined
  /** Only what comes after this one, which need not be there any more. */
  readonly after?: (BreakerId & { readonly changedAt: number }) | undefined
}

/** A breaker as the store knows it. */
export interface BreakerRecord extends BreakerId {
  readonly state: BreakerState
  readonly mode: BreakerMode
  readonly openUntil: number | null
  readonly changedAt: number | null
  readonly settings: BreakerSettings | null
  /** The calls in its window, and how many of them failed; half-open, the probes that passed. */
  readonly calls: number
  readonly failures: number
  /** How many probes are under way. */
  readonly probes: number
  /** The last changes of the state, oldest first. */
  readonly changes: readonly BreakerChange[]
}

/** A queue in numbers. */
export interface QueueRecord {
  readonly name: string
  /** Due and waiting. */
  readonly depth: number
  /** Those of `depth` that were found to be for nobody yet: no process knows their name, or their breaker is open. */
  readonly parked: number
  readonly scheduled: number
  readonly running: number
  /** How long the oldest due job has been waiting, in milliseconds; null when none waits. */
  readonly oldestAgeMs: number | null
  /** Jobs that ended during the last minute. */
  readonly endedLastMinute: number
  readonly isPaused: boolean
  /** What an operator stored; null where the configuration counts. */
  readonly scale: ScaleBounds | null
}

/** What waits in a queue. */
export interface Backlog {
  /** Due and waiting, those that are parked left out; counting stops at {@link BACKLOG_CAP}. */
  readonly depth: number
  /** How long the oldest of them has been waiting, in milliseconds; null when none waits. */
  readonly oldestAgeMs: number | null
}

/** A process that runs jobs. */
export interface NodeRegistration {
  /** A random UUID, new in every life. */
  readonly id: string
  readonly host: string
  readonly pid: number
  /** Names the boot and the pid namespace in which `pid` means something; null when that is unknown. */
  readonly pidScope: string | null
  /** When the process began, in units of the operating system: tells it from a later one with the same pid. */
  readonly pidStart: string | null
  readonly version: string
  /** How often the store beats for the node, in milliseconds. */
  readonly beatMs: number
  /** The queues it serves. */
  readonly queues: readonly string[]
  /** The names it can run, with the settings that producers without code need. */
  readonly jobs: readonly PublishedJob[]
  /** Whether somebody there takes notices: then dead letters are noted for that. */
  readonly isNotifying: boolean
}

/** What a node publishes of a job. */
export interface PublishedJob {
  readonly name: string
  readonly queue: string | null
  readonly priority: number | null
  readonly maxAttempts: number | null
  readonly backoff: { readonly baseMs: number; readonly factor: number; readonly maxMs: number } | 'function' | null
  readonly timeoutMs: number | null
  /** A path such as `args[0].tenant`; `function` when only the code can tell. */
  readonly key: string | null
}

/** A node's picture of itself; only plain JSON. */
export interface NodeSnapshot {
  readonly state: 'alive' | 'draining'
  /** The wish of an operator that the node follows by now. */
  readonly obeys?: NodeWish | null | undefined
  readonly loopLagMs: number
  readonly memoryBytes: number
  readonly queues: readonly QueueSnapshot[]
  /** Its stages with their demand and buffers, as the stage runtime shows them; only while somebody watches. */
  readonly flow?: unknown
}

/** What an operator may want of a node: to begin no more jobs, or to end in order. */
export type NodeWish = 'quiet' | 'stop'

/** One queue as one node sees it. */
export interface QueueSnapshot {
  readonly queue: string
  /** How many consumers it has, or is about to have. */
  readonly concurrency: number
  /** Between how many and how many it may have. */
  readonly bounds?: ScaleBounds | undefined
  /** How many jobs the consumers have asked for and not yet got. */
  readonly demand: number
  /** The jobs that are claimed and wait in a buffer or at a stage. */
  readonly buffered: readonly string[]
  readonly consumers: readonly ConsumerSnapshot[]
}

/** One consumer of a queue. */
export interface ConsumerSnapshot {
  /** Milliseconds since 1970 by the node's clock, for display. */
  readonly startedAt: number
  readonly done: number
  readonly failed: number
  readonly lastJobAt: number | null
  /** The job that runs now. */
  readonly job: string | null
}

/** What {@link Store.readOrders} answers. */
export interface NodeOrders {
  /** False: the node was declared dead (or never registered) and holds nothing any more. */
  readonly isKnown: boolean
  /** Jobs held by this node that were asked to stop. */
  readonly stop: readonly HeldJob[]
  readonly pausedQueues: readonly string[]
  /** Of every queue that an operator scaled. */
  readonly scales: readonly ({ readonly queue: string } & ScaleBounds)[]
  readonly wanted: NodeWish | null
  /** Somebody looks at the nodes: see {@link Store.watchNodes}. */
  readonly isWatched: boolean
  /** As {@link Store.readBreakers} answers without a query. */
  readonly breakers: readonly BreakerRecord[]
}

/** A node as the store knows it. */
export interface NodeRecord {
  readonly id: string
  readonly host: string
  readonly pid: number
  readonly pidScope: string | null
  readonly pidStart: string | null
  readonly version: string
  readonly startedAt: number
  readonly beatAt: number
  /** How long ago it beat, by the store's clock; below 0 when that clock was set back since. */
  readonly beatAgeMs: number
  /** Grows with every beat. */
  readonly beatSeq: number
  readonly isDead: boolean
  /** What became of the jobs of a dead node. */
  readonly rescue: NodeRescue | null
  readonly wanted: NodeWish | null
  readonly queues: readonly string[]
  readonly jobs: readonly PublishedJob[]
  readonly snapshot: NodeSnapshot | null
}

/** Who freed the jobs of a dead node, and how many. */
export interface NodeRescue {
  /** The node that did it; null where nobody said. */
  readonly by: string | null
  readonly at: number
  readonly requeued: number
  readonly failed: number
  readonly cancelled: number
}

/** What {@link Store.rescueNode} is asked for. */
export interface RescueRequest {
  readonly node: string
  /** The node that does it, to be written down with what it did. */
  readonly by?: string | undefined
  /** The beat that was read; null for a node of this very process, which needs no guard against itself. */
  readonly beatSeq: number | null
  readonly quarantineAfter: number
  /** Who ended the process, where that is known. */
  readonly blame?: Blame | undefined
}

/** A job whose code ended its process, as far as that process could tell. */
export interface BlamedJob extends HeldJob {
  /** How it did that. */
  readonly error: ErrorRecord
}

/** Who ended a process: one job, or nobody, because it was ended in order. */
export type Blame = BlamedJob | 'nobody'

/** What {@link Store.rescueNode} did, by job id. */
export interface RescueAnswer {
  readonly requeued: readonly string[]
  readonly failed: readonly string[]
  readonly cancelled: readonly string[]
  /** Those of `failed` that were in `quarantineAfter` crashes in a row. */
  readonly quarantined: readonly string[]
}

/** What attempts came to: counts by how they ended, and how long they waited and ran. Whoever reads it knows the buckets. */
export interface MetricTotals {
  readonly counts: {
    readonly completed: number
    readonly snoozed: number
    readonly cancelled: number
    readonly discarded: number
    readonly retry: number
    readonly failed: number
  }
  /** How long all of them together waited and ran, in milliseconds. */
  readonly waitMs: number
  readonly runMs: number
  /** Counts by the number of a bucket. */
  readonly wait: Readonly<Record<string, number>>
  readonly run: Readonly<Record<string, number>>
}

/** {@link MetricTotals} of a minute, as one process counted them. */
export interface MetricRow extends MetricTotals {
  /** When the minute began, by the store's clock. */
  readonly at: number
  readonly queue: string
  readonly name: string
  /** A UUID: who counted. What several count is added up. */
  readonly source: string
}

/** What {@link Store.readMetrics} is asked for. Times are by the store's clock. */
export interface MetricQuery {
  /** From `since` to just before `until`; both multiples of `stepMs`. */
  readonly since: number
  readonly until: number
  readonly queue?: string | undefined
  readonly name?: string | undefined
  /**
   * Into what it is added up: one group for each step, or one for each queue and name. Minutes are kept for two days, hours for
   * five weeks, days for four hundred; a step that is a multiple of an hour or a day reads those.
   */
  readonly by: 'step' | 'job'
  /** A multiple of a minute. */
  readonly stepMs: number
}

/** A group of {@link Store.readMetrics}. */
export interface MetricGroup extends MetricTotals {
  /** When the step began; `since` where groups are jobs. */
  readonly at: number
  /** Empty where groups are steps. */
  readonly queue: string
  readonly name: string
}

/** How long ended jobs of a queue are kept, in milliseconds. */
export interface KeepPolicy {
  /** Null: every queue that no other policy names. */
  readonly queue: string | null
  readonly completedMs: number
  readonly cancelledMs: number
  readonly failedMs: number
}
