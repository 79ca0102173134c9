/**
 * `createRunner`: puts the parts together.
 *
 *     idle ──start──▶ starting ──▶ running ──stop──▶ stopping ──▶ idle        any ──close──▶ closed
 *
 * Nothing is opened, no timer runs and no thread starts before the first use.
 */

import { nodeHost, type Host } from '../host/host.ts'
import { parseDuration } from '../job/duration.ts'
import { jobError, listProblems } from '../job/errors.ts'
import { optionReader, queueNameProblem } from '../job/option-reader.ts'
import type { JobModules } from '../job/typed-jobs.ts'
import { MetricsRecorder } from '../metrics/metrics-recorder.ts'
import type { FinishedJob } from '../queue/finished-job.ts'
import type { DiagnoseRequest, Finding, ScaleBounds, Store } from '../store/store.ts'
import { Bus } from '../telemetry/bus.ts'
import { readConfig, type RunnerConfig, type RunnerOptions } from './config.ts'
import { databaseRemark, openStore } from './database.ts'
import { diagnoseWorkers } from './diagnosis.ts'
import { runnerError } from './errors.ts'
import { CHANNEL_PREFIX, type RunnerEvents } from './events.ts'
import { announceEnd, endedAttempt, endingOf, outcomeOf } from './finished-events.ts'
import { countReliability, type ReliabilityCounters } from './reliability-counters.ts'
import type { Inspection, Runner, StartOptions, StopOptions } from './runner.ts'
import { JobAccess } from './job-access.ts'
import { guardProcess } from './process-guard.ts'
import { onSignals } from './signals.ts'
import { registerTelemetrySource } from './telemetry-source.ts'
import { within } from './within.ts'
import { WorkerNode, type FenceReason } from './worker-node.ts'

/**
 * Makes a runner. Does no I/O and has no side effects, so a module that calls it may be imported anywhere.
 *
 * @param options See {@link RunnerOptions}.
 * @throws `ConfigurationError` with every problem at once; `ERR_NOT_AVAILABLE` for options that are planned.
 */
export function createRunner<const Jobs extends JobModules>(options: RunnerOptions<Jobs>): Runner<Jobs> {
  const config = readConfig(options)
  const host = nodeHost(options.host)
  const runner = new JobRunner(host, config, openStore(host, config.database))
  // The implementation takes any function or name; the interface narrows both to the jobs that were registered.
  return runner as unknown as Runner<Jobs>
}

/** How long a stop waits until what was counted is written. */
const LAST_COUNTS_MS = 2_000

type State = 'idle' | 'starting' | 'running' | 'stopping' | 'closed'

/** The runner on a store of the caller's choice; {@link createRunner} says what it does. */
export class JobRunner {
  readonly #host: Host
  readonly #config: RunnerConfig
  readonly #store: Store
  readonly #bus: Bus<RunnerEvents>
  readonly #access: JobAccess
  readonly #recorder: MetricsRecorder
  readonly #counters: () => ReliabilityCounters
  #state: State = 'idle'
  #worker: WorkerNode | undefined
  #queues: readonly string[] | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #removeSignalHandlers: () => void = () => {}
  #removeGuard: () => void = () => {}

  constructor(host: Host, config: RunnerConfig, store: Store) {
    this.#host = host
    this.#config = config
    this.#store = store
    this.#bus = new Bus(host.logger, CHANNEL_PREFIX)
    const onError = (error: unknown): void => this.#bus.send('store:error', { error })
    const concurrencyOf = (queue: string): ScaleBounds => config.settingsOf(queue).concurrency
    this.#recorder = new MetricsRecorder(host, { store, onError })
    this.#access = new JobAccess(host, {
      title: 'runner',
      store: this.#store,
      bus: this.#bus,
      telemetry: config.telemetry,
      resolve: (target) => config.registry.resolve(target),
      onAnswered: ({ queue, name }, status) => this.#recorder.enqueued(queue, name, status),
      concurrencyOf,
      worker: () => this.#worker,
      remark: databaseRemark(config.database),
    })
    this.#counters = countReliability(this.#bus, store)
    registerTelemetrySource(this, {
      host,
      store,
      attempts: () => this.#recorder.life(),
      enqueued: () => this.#recorder.enqueues(),
      inspect: () => this.inspect(),
      queues: config.queues,
      concurrencyOf,
      stuckLimit: config.stuckLimit,
    })
  }

  // ── lifetime ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async start(options: StartOptions = {}): Promise<void> {
    this.#access.assertOpen()
    const { queues, isSignalled, isBlaming } = readStartOptions(options)
    if (this.#state === 'running' || this.#starting !== undefined) {
      throw runnerError(
        'ERR_RUNNER_STARTED',
        'the runner is started already; stop it before you start it with other options',
      )
    }
    this.#starting = this.#begin(queues, isBlaming).finally(() => (this.#starting = undefined))
    await this.#starting
    if (isSignalled) {
      this.#removeSignalHandlers = onSignals({ stop: () => this.stop(), hurry: () => this.#worker?.hurry() })
    }
  }

  async stop(options: StopOptions = {}): Promise<void> {
    const timeoutMs = readStopOptions(options)
    // Also a start that itself waits for an earlier stop.
    if (this.#starting !== undefined) await this.#starting.catch(() => {})
    this.#stopping ??= this.#stopWorker(timeoutMs).finally(() => {
      this.#stopping = undefined
    })
    await this.#stopping
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    await this.stop()
    this.#setState('closed')
    await this.#access.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #begin(queues: readonly string[] | undefined, isBlaming: boolean): Promise<void> {
    await this.#stopping
    this.#access.assertOpen()
    this.#setState('starting')
    this.#queues = queues
    // Before the first job can begin, in whichever life of the worker.
    if (isBlaming) this.#removeGuard = this.#guard()
    try {
      await this.#startWorker()
      this.#recorder.start()
      this.#setState('running')
    } catch (error) {
      this.#removeGuard()
      this.#setState('idle')
      this.#worker = undefined
      throw error
    }
  }

  #guard(): () => void {
    return guardProcess({
      failed: (attempt, error) => this.#worker?.failed(attempt, error),
      leave: (departure) => this.#worker?.leave(departure),
    })
  }

  async #startWorker(): Promise<void> {
    await this.#store.open()
    const { config, bus, store } = { config: this.#config, bus: this.#bus, store: this.#store }
    const worker = new WorkerNode(this.#host, {
      store,
      registry: config.registry,
      bus,
      tracing: config.telemetry?.tracing,
      settingsOf: config.settingsOf,
      keepPolicies: () => config.keepPolicies,
      queues: this.#queues ?? config.queues,
      isOpen: this.#queues === undefined,
      // The types of `currentJob().enqueue` are those of the public interface; the implementation is the same.
      enqueue: ((fn, args, options) => this.enqueue(fn, args, options)) as WorkerNodeEnqueue,
      onEnded: (finished, answer) => this.#ended(finished, answer),
      onFenced: (reason) => void this.#rejoin(worker, reason),
      // A stop that fails has told so; nobody waits for this one.
      onStopOrder: () => void this.stop().catch((error: unknown) => bus.send('store:error', { error })),
      stuckLimit: config.stuckLimit,
      onDeadLetter: config.onDeadLetter,
    })
    this.#worker = worker
    await worker.start()
  }

  async #stopWorker(timeoutMs: number): Promise<void> {
    if (this.#worker === undefined) return
    this.#setState('stopping')
    try {
      await this.#worker.stop(timeoutMs)
      // Counts that a store in trouble does not take must not keep the process.
      await within(this.#host.clock, LAST_COUNTS_MS, this.#recorder.stop(), () => {})
    } finally {
      // Only now: until then further signals shorten the stop.
      this.#removeSignalHandlers()
      this.#removeGuard()
      this.#worker = undefined
      this.#setState('idle')
    }
  }

  /** The leases of this node are gone, or may be: end this life, begin another under a new id. */
  async #rejoin(worker: WorkerNode, reason: FenceReason): Promise<void> {
    this.#bus.send('node:fenced', { node: worker.id, reason })
    await this.#starting?.catch(() => {})
    await (reason === 'unconfirmed' ? worker.withdraw() : worker.abandon())
    while (this.#state === 'running' && this.#worker === worker) {
      try {
        this.#starting = this.#startWorker().finally(() => (this.#starting = undefined))
        await this.#starting
      } catch (error) {
        this.#bus.send('store:error', { error })
        await this.#worker?.abandon()
        this.#worker = worker
        await new Promise<void>((resolve) => this.#host.clock.after(1_000, resolve))
      }
    }
  }

  #setState(state: State): void {
    if (this.#state !== 'closed') this.#state = state
  }

  #ended(finished: FinishedJob, answer: { readonly isStale: boolean; readonly isCancelled: boolean }): void {
    const outcome = outcomeOf(finished, answer)
    if (outcome !== 'stale') this.#recorder.ended(endedAttempt(finished, outcome))
    announceEnd(this.#bus, finished, outcome)
    if (!this.#access.isAwaited(finished.job.id)) return
    const ending = endingOf(finished, answer)
    if (ending !== undefined) this.#access.settle(ending)
  }

  // ── what a client can do too ───────────────────────────────────────────────────────────────────────────────────────

  enqueue(...args: Parameters<JobAccess['enqueue']>): ReturnType<JobAccess['enqueue']> {
    return this.#access.enqueue(...args)
  }

  enqueueSync(...args: Parameters<JobAccess['enqueueSync']>): ReturnType<JobAccess['enqueueSync']> {
    return this.#access.enqueueSync(...args)
  }

  enqueueAll(...args: Parameters<JobAccess['enqueueAll']>): ReturnType<JobAccess['enqueueAll']> {
    return this.#access.enqueueAll(...args)
  }

  result(...args: Parameters<JobAccess['result']>): ReturnType<JobAccess['result']> {
    return this.#access.result(...args)
  }

  job(id: string): ReturnType<JobAccess['job']> {
    return this.#access.job(id)
  }

  list(filter?: unknown): ReturnType<JobAccess['list']> {
    return this.#access.list(filter)
  }

  get dead(): JobAccess['dead'] {
    return this.#access.dead
  }

  get breakers(): JobAccess['breakers'] {
    return this.#access.breakers
  }

  audit(...args: Parameters<JobAccess['audit']>): ReturnType<JobAccess['audit']> {
    return this.#access.audit(...args)
  }

  retry(...args: Parameters<JobAccess['retry']>): ReturnType<JobAccess['retry']> {
    return this.#access.retry(...args)
  }

  cancel(...args: Parameters<JobAccess['cancel']>): ReturnType<JobAccess['cancel']> {
    return this.#access.cancel(...args)
  }

  delete(...args: Parameters<JobAccess['delete']>): ReturnType<JobAccess['delete']> {
    return this.#access.delete(...args)
  }

  explain(id: string): ReturnType<JobAccess['explain']> {
    return this.#access.explain(id)
  }

  pause(...args: Parameters<JobAccess['pause']>): Promise<void> {
    return this.#access.pause(...args)
  }

  resume(...args: Parameters<JobAccess['resume']>): Promise<void> {
    return this.#access.resume(...args)
  }

  wake(): Promise<void> {
    return this.#access.wake()
  }

  async metrics(options?: unknown): ReturnType<JobAccess['metrics']> {
    // What this process has counted is in the answer, however short ago.
    await this.#recorder.flush()
    return this.#access.metrics(options)
  }

  queues(): ReturnType<JobAccess['queues']> {
    return this.#access.queues()
  }

  errors(filter?: unknown): ReturnType<JobAccess['errors']> {
    return this.#access.errors(filter)
  }

  scale(...args: Parameters<JobAccess['scale']>): Promise<void> {
    return this.#access.scale(...args)
  }

  nodes(filter?: unknown): ReturnType<JobAccess['nodes']> {
    return this.#access.nodes(filter)
  }

  orderNode(...args: Parameters<JobAccess['orderNode']>): Promise<boolean> {
    return this.#access.orderNode(...args)
  }

  wantedReplicas(): ReturnType<JobAccess['wantedReplicas']> {
    return this.#access.wantedReplicas()
  }

  on<Name extends keyof RunnerEvents>(name: Name, listener: (payload: RunnerEvents[Name]) => void): () => void {
    return this.#access.on(name, listener)
  }

  // ── the worker and the schema ──────────────────────────────────────────────────────────────────────────────────────

  inspect(): Inspection {
    return { state: this.#state, worker: this.#worker?.inspect() ?? null, counters: this.#counters() }
  }

  async migrate(): Promise<unknown> {
    this.#access.assertOpen()
    return this.#store.migrate()
  }

  async pendingMigrations(): Promise<unknown> {
    this.#access.assertOpen()
    return this.#store.pendingMigrations()
  }

  async diagnose(options: unknown = {}): Promise<readonly Finding[]> {
    this.#access.assertOpen()
    const findings = await this.#store.diagnose(readDiagnoseOptions(options))
    // Reading anything else would open the store, and that may upgrade the schema.
    if (!findings.some(({ check, level }) => check === 'schema' && level === 'ok')) return findings
    try {
      const [nodes, queues] = await Promise.all([this.#store.readNodes(), this.#store.readQueues()])
      return [...findings, ...diagnoseWorkers({ nodes, queues, processes: this.#host.processes })]
    } catch (error) {
      // What keeps them from being read is among the findings already: a right that is missing, a page that is damaged.
      if (findings.some(({ level }) => level === 'problem')) return findings
      throw error
    }
  }
}

type WorkerNodeEnqueue = ConstructorParameters<typeof WorkerNode>[1]['enqueue']

function readStartOptions(options: unknown): {
  queues: readonly string[] | undefined
  isSignalled: boolean
  isBlaming: boolean
} {
  const problems: string[] = []
  const reader = optionReader({ value: options, of: 'start', names: ['queues', 'signals', 'blame'], problems })
  const queues = reader.get('queues')
  const signals = reader.get('signals')
  const blame = reader.get('blame')
  if (queues !== undefined && !(Array.isArray(queues) && queues.length > 0)) {
    problems.push('option "queues" of start must be an array with the names of queues')
  }
  const names = Array.isArray(queues) ? (queues as readonly unknown[]) : []
  for (const name of names) {
    const problem = queueNameProblem(name, 'a queue of start')
    if (problem !== undefined) problems.push(problem)
  }
  if (signals !== undefined && typeof signals !== 'boolean')
    problems.push('option "signals" of start must be true or false')
  if (blame !== undefined && typeof blame !== 'boolean') problems.push('option "blame" of start must be true or false')
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('start', problems))
  return {
    queues: queues === undefined ? undefined : [...new Set(names.map(String))],
    isSignalled: signals === true,
    isBlaming: blame !== false,
  }
}

function readDiagnoseOptions(options: unknown): DiagnoseRequest {
  const problems: string[] = []
  const isThorough = optionReader({ value: options, of: 'diagnose', names: ['thorough'], problems }).get('thorough')
  if (isThorough !== undefined && typeof isThorough !== 'boolean')
    problems.push('option "thorough" of diagnose must be true or false')
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('diagnose', problems))
  return { isThorough: isThorough === true }
}

function readStopOptions(options: unknown): number {
  const problems: string[] = []
  const timeout = optionReader({ value: options, of: 'stop', names: ['timeout'], problems }).duration('timeout')
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('stop', problems))
  return timeout ?? parseDuration('25s', 'timeout')
}
