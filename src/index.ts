/** millrace: a background job runner built on demand. */

export { createRunner } from './runner/create-runner.ts'
export { createClient } from './runner/create-client.ts'
export { batchJob } from './runner/planned.ts'
export { consoleNotifier, type ConsoleNotifierOptions } from './runner/notifiers/console-notifier.ts'
export { webhookNotifier, type WebhookNotifierOptions } from './runner/notifiers/webhook-notifier.ts'
export { job, type JobOptions } from './job/job-definition.ts'
export { currentJob, type CurrentJob, type EnqueueByReference } from './job/current-job.ts'
export {
  cancel,
  discard,
  retry,
  snooze,
  isOutcome,
  type CancelOutcome,
  type DiscardOutcome,
  type Outcome,
  type RetryOptions,
  type RetryOutcome,
  type SnoozeOutcome,
} from './job/outcome.ts'
export {
  ConfigurationError,
  JobCancelledError,
  JobFailedError,
  JobNotFoundError,
  ResultNotKeptError,
  ResultTimeoutError,
} from './job/errors.ts'
export { OutcomeUnknownError } from './store/errors.ts'
export { RunnerError } from './host/errors.ts'
export type { Duration } from './job/duration.ts'
export type { Forensics, QueueForensics, RecentError } from './job/forensics.ts'
export type { EnqueueOptions, EnqueueSyncOptions } from './job/enqueue-options.ts'
export type { EnqueueStatus, JobHandle, ResultOptions } from './job/job-handle.ts'
export { JOB_STATES, type ErrorRecord, type JobState } from './job/job.ts'
export { JOB_SETTINGS } from './job/typed-jobs.ts'
export type { InputSchemas } from './job/input-schema.ts'
export type { KeyOption } from './job/key-path.ts'
export type { UniqueOption } from './job/unique-option.ts'
export type { BackoffOption, BackoffRange } from './job/retry-policy.ts'
export type {
  ArgsOf,
  DefinedJob,
  EnqueuedHandles,
  EnqueueEntries,
  EnqueueEntry,
  JobFunction,
  JobModules,
  JobName,
  JobTarget,
  ResultOf,
} from './job/typed-jobs.ts'
export type { Explanation, WaitReason } from './queue/explain.ts'
export type {
  ClientOptions,
  DeadLetterContext,
  DeadLetterListener,
  KeepOption,
  QueueOptions,
  RunnerOptions,
} from './runner/config.ts'
export type { BreakerMode, BreakerSettings, BreakerState } from './job/breaker.ts'
export type {
  BreakerChangeInfo,
  BreakerInfo,
  BreakerListOptions,
  Breakers,
  BreakerTarget,
} from './runner/breaker-access.ts'
export type { BreakerOptions } from './runner/breaker-options.ts'
export type { AuditEntry, AuditOptions, OperatorOptions } from './runner/operators.ts'
export type { AuditAction } from './store/store.ts'
export type {
  AttemptEvent,
  BreakerEvent,
  JobExceptionEvent,
  JobStopEvent,
  QueueDepthEvent,
  RunnerEvents,
} from './runner/events.ts'
export type { Telemetry } from './telemetry/tracing.ts'
export type { NoticeEvent } from './maintenance/dead-notifier.ts'
export type { AttemptInfo, DeadLetter, ErrorGroup, JobInfo, JobSummary } from './runner/job-view.ts'
export type {
  JobMetrics,
  LatencyFigures,
  Metrics,
  MetricsFigures,
  MetricsOptions,
  MetricsPoint,
} from './runner/metrics-view.ts'
export type { ConsumerInfo, NodeInfo, NodeQueueInfo } from './runner/node-view.ts'
export type { ConcurrencyOption } from './runner/scale-options.ts'
export type { ScaleDecision, Scaling } from './queue/autoscaling.ts'
export type { ScaleReason } from './queue/autoscaler.ts'
export type {
  AnyRunner,
  Client,
  DeadChangeOptions,
  DeadFilter,
  DeadLetters,
  DeadListOptions,
  DeadRetryOptions,
  DiagnoseOptions,
  ErrorGroupOptions,
  Inspection,
  JobFilterOptions,
  JobAdministration,
  JobList,
  JobsOf,
  ListOptions,
  NodesFilter,
  QueueInfo,
  Runner,
  SkippedJob,
  StartOptions,
  StopOptions,
  UntypedJobs,
} from './runner/runner.ts'
export type { ReliabilityCounters } from './runner/reliability-counters.ts'
export type { NodeInspection } from './runner/worker-node.ts'
export type { Finding, MigrationReport, PendingMigrations } from './store/store.ts'
export type { Clock, Host, Logger, LogLevel, LogRecord, Random, Timer, Trace } from './host/host.ts'
