/**
 * `createRunner`: puts the parts together.
 *
 *     idle ──start──▶ starting ──▶ running ──stop──▶ stopping ──▶ idle        any ──close──▶ closed
 *
 * Nothing is opened, no timer runs and no thread starts before the first use.
 */

import { nodeHost, type Host } from '../host/host.ts'
import { parseDuration } from '../job/duration.ts'
import type { EnqueueOptions } from '../job/enqueue-options.ts'
import { jobError, listProblems } from '../job/errors.ts'
import type { JobHandle, ResultOptions } from '../job/job-handle.ts'
import { notAvailableError } from '../job/not-available.ts'
import { optionReader, queueNameProblem } from '../job/option-reader.ts'
import type { JobFunction, JobModules } from '../job/typed-jobs.ts'
import { Endings } from '../queue/endings.ts'
import { explainJob } from '../queue/explain.ts'
import type { FinishedJob } from '../queue/finished-job.ts'
import type { BulkAnswer, JobTarget as StoreTarget, Store } from '../store/store.ts'
import { Bus } from '../telemetry/bus.ts'
import { readConfig, type RunnerConfig, type RunnerOptions } from './config.ts'
import { openStore } from './database.ts'
import { Enqueuer } from './enqueuer.ts'
import { runnerError } from './errors.ts'
import type { RunnerEvents } from './events.ts'
import { readListOptions, readTarget, storedId } from './filters.ts'
import { announceEnd, endingOf } from './finished-events.ts'
import { jobInfo, jobSummary } from './job-view.ts'
import { awaitResult } from './result.ts'
import type { JobFilterOptions, JobList, Runner, SkippedJob, StartOptions, StopOptions } from './runner.ts'
import { onSignals } from './signals.ts'
import { WorkerNode } from './worker-node.ts'
import type { JobInfo } from './job-view.ts'

/**
 * Makes a runner. Does no I/O and has no side effects, so a module that calls it may be imported anywhere.
 *
 * @param options See {@link RunnerOptions}.
 * @throws `ConfigurationError` with every problem at once; `ERR_NOT_AVAILABLE` for options that are planned.
 */
export function createRunner<const Jobs extends JobModules>(options: RunnerOptions<Jobs>): Runner<Jobs> {
  const config = readConfig(options)
  const runner = new JobRunner(nodeHost(options.host), config)
  // The implementation takes any function or name; the interface narrows both to the jobs that were registered.
  return runner as unknown as Runner<Jobs>
}

type State = 'idle' | 'starting' | 'running' | 'stopping' | 'closed'

const BULK_SIZE = 500

class JobRunner {
  readonly #host: Host
  readonly #config: RunnerConfig
  readonly #store: Store
  readonly #bus: Bus<RunnerEvents>
  readonly #endings: Endings
  readonly #enqueuer: Enqueuer
  readonly dead: {
    list: (filter?: Record<string, unknown>) => Promise<JobList<JobInfo>>
    groups: () => never
  }
  #state: State = 'idle'
  #worker: WorkerNode | undefined
  #queues: readonly string[] | undefined
  #starting: Promise<void> | undefined
  #stopping: Promise<void> | undefined
  #removeSignalHandlers: () => void = () => {}

  constructor(host: Host, config: RunnerConfig) {
    this.#host = host
    this.#config = config
    this.#store = openStore(host, config.database)
    this.#bus = new Bus(host.logger)
    this.#endings = new Endings(host, {
      store: this.#store,
      onError: (error) => this.#bus.send('store:error', { error }),
    })
    this.#enqueuer = new Enqueuer(host, {
      store: this.#store,
      registry: config.registry,
      bus: this.#bus,
      onEnqueued: (queue, dueInMs) => this.#worker?.enqueued(queue, dueInMs),
    })
    this.dead = {
      list: (filter) => this.#listDead(filter),
      groups: () => {
        throw notAvailableError('dead.groups()')
      },
    }
  }

  // ── enqueue ────────────────────────────────────────────────────────────────────────────────────────────────────────

  async enqueue(target: string | JobFunction, args: unknown, options?: EnqueueOptions): Promise<JobHandle<unknown>> {
    this.#assertOpen()
    const { id, status } = await this.#enqueuer.enqueue(target, args, options)
    return this.#handle(id, status)
  }

  async enqueueAll(entries: Parameters<Enqueuer['enqueueAll']>[0]): Promise<JobHandle<unknown>[]> {
    this.#assertOpen()
    const enqueued = await this.#enqueuer.enqueueAll(entries)
    return enqueued.map(({ id, status }) => this.#handle(id, status))
  }

  async result(id: string, options?: ResultOptions): Promise<unknown> {
    this.#assertOpen()
    return awaitResult(this.#host, this.#endings, storedId(id), options)
  }

  #handle(id: string, status: JobHandle<unknown>['status']): JobHandle<unknown> {
    return { id, status, result: (options) => this.result(id, options) }
  }

  // ── lifetime ───────────────────────────────────────────────────────────────────────────────────────────────────────

  async start(options: StartOptions = {}): Promise<void> {
    this.#assertOpen()
    const { queues, isSignalled } = readStartOptions(options)
    if (this.#state === 'running' || this.#starting !== undefined) {
      throw runnerError(
        'ERR_RUNNER_STARTED',
        'the runner is started already; stop it before you start it with other options',
      )
    }
    this.#starting = this.#begin(queues).finally(() => (this.#starting = undefined))
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
    this.#endings.close()
    await this.#store.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #begin(queues: readonly string[] | undefined): Promise<void> {
    await this.#stopping
    this.#assertOpen()
    this.#setState('starting')
    this.#queues = queues
    try {
      await this.#startWorker()
      this.#setState('running')
    } catch (error) {
      this.#setState('idle')
      this.#worker = undefined
      throw error
    }
  }

  async #startWorker(): Promise<void> {
    await this.#store.open()
    const { config, bus, store } = { config: this.#config, bus: this.#bus, store: this.#store }
    const worker = new WorkerNode(this.#host, {
      store,
      registry: config.registry,
      bus,
      settingsOf: config.settingsOf,
      keepPolicies: () => config.keepPolicies,
      queues: this.#queues ?? config.queues,
      isOpen: this.#queues === undefined,
      // The types of `currentJob().enqueue` are those of the public interface; the implementation is the same.
      enqueue: ((fn, args, options) => this.enqueue(fn, args, options)) as WorkerNodeEnqueue,
      onEnded: (finished, answer) => this.#ended(finished, answer),
      onFenced: () => void this.#rejoin(worker),
    })
    this.#worker = worker
    await worker.start()
  }

  async #stopWorker(timeoutMs: number): Promise<void> {
    if (this.#worker === undefined) return
    this.#setState('stopping')
    try {
      await this.#worker.stop(timeoutMs)
    } finally {
      // Only now: until then further signals shorten the stop.
      this.#removeSignalHandlers()
      this.#worker = undefined
      this.#setState('idle')
    }
  }

  /** Others took this node for dead and run its jobs: end this life, begin another under a new id. */
  async #rejoin(worker: WorkerNode): Promise<void> {
    this.#bus.send('node:fenced', { node: worker.id })
    await this.#starting?.catch(() => {})
    await worker.abandon()
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

  #assertOpen(): void {
    if (this.#state === 'closed') throw runnerError('ERR_RUNNER_CLOSED', 'the runner was closed; create another one')
  }

  #ended(finished: FinishedJob, answer: { readonly isStale: boolean; readonly isCancelled: boolean }): void {
    announceEnd(this.#bus, finished, answer)
    const ending = endingOf(finished, answer)
    if (ending !== undefined) this.#endings.settle(ending)
  }

  // ── looking and operating ──────────────────────────────────────────────────────────────────────────────────────────

  async job(id: string): Promise<JobInfo | null> {
    this.#assertOpen()
    const details = await this.#store.readJob(storedId(id))
    return details === null ? null : jobInfo(details)
  }

  async list(filter?: unknown): Promise<JobList> {
    this.#assertOpen()
    const query = readListOptions(filter, 50)
    const { jobs, next, searched } = await this.#store.listJobs(query)
    return {
      jobs: jobs.map(jobSummary),
      ...(next === null ? {} : { next }),
      ...(query.search === undefined ? {} : { searched: { jobs: searched.jobs, complete: searched.isComplete } }),
    }
  }

  async #listDead(filter: Record<string, unknown> = {}): Promise<JobList<JobInfo>> {
    const page = await this.list({ ...filter, state: 'failed' })
    const jobs = await Promise.all(page.jobs.map(({ id }) => this.job(id)))
    return { ...page, jobs: jobs.filter((job) => job !== null) }
  }

  async retry(target: string | JobFilterOptions): Promise<{ retried: number; skipped: readonly SkippedJob[] }> {
    const { changed, skipped } = await this.#bulk('retry', target, (wanted) => this.#store.retryJobs(wanted))
    this.#worker?.wake()
    return { retried: changed.length, skipped }
  }

  async cancel(target: string | JobFilterOptions): Promise<{ cancelled: number; skipped: readonly SkippedJob[] }> {
    const { changed, skipped } = await this.#bulk('cancel', target, (wanted) => this.#store.cancelJobs(wanted))
    for (const id of changed) this.#worker?.stopJob(id)
    return { cancelled: changed.length, skipped }
  }

  async delete(target: string | JobFilterOptions): Promise<{ deleted: number; skipped: readonly SkippedJob[] }> {
    const { changed, skipped } = await this.#bulk('delete', target, (wanted) => this.#store.deleteJobs(wanted))
    return { deleted: changed.length, skipped }
  }

  async #bulk(
    verb: string,
    target: unknown,
    call: (target: StoreTarget) => Promise<BulkAnswer>,
  ): Promise<{ changed: string[]; skipped: readonly SkippedJob[] }> {
    this.#assertOpen()
    const wanted = readTarget(target, verb)
    if ('id' in wanted) {
      const { changed, skipped } = await call({ ids: [storedId(wanted.id)] })
      return { changed: [...changed], skipped }
    }
    const changed: string[] = []
    for (let mayHaveMore = true; mayHaveMore;) {
      const answer = await call({ filter: wanted.filter, limit: BULK_SIZE })
      changed.push(...answer.changed)
      mayHaveMore = answer.mayHaveMore && answer.changed.length > 0
    }
    return { changed, skipped: [] }
  }

  async explain(id: string): Promise<ReturnType<typeof explainJob> | null> {
    this.#assertOpen()
    const details = await this.#store.readJob(storedId(id))
    if (details === null) return null
    const [queues, nodes] = await Promise.all([this.#store.readQueues(), this.#store.readNodes()])
    const { job } = details
    const queue = queues.find(({ name }) => name === job.queue) ?? null
    return explainJob({ job, queue, nodes, now: this.#host.clock.now() })
  }

  async pause(queue: string): Promise<void> {
    await this.#changeQueue(queue, true)
  }

  async resume(queue: string): Promise<void> {
    await this.#changeQueue(queue, false)
    this.#worker?.wake()
  }

  async #changeQueue(queue: string, isPaused: boolean): Promise<void> {
    this.#assertOpen()
    const problem = queueNameProblem(queue, 'the name of the queue')
    if (problem !== undefined) throw jobError('ERR_BAD_OPTIONS', problem)
    await this.#store.changeQueue(queue, { isPaused })
  }

  async queues(): Promise<unknown[]> {
    this.#assertOpen()
    const records = await this.#store.readQueues()
    return records.map(({ endedLastMinute, isPaused, ...rest }) => ({
      ...rest,
      rate: endedLastMinute / 60,
      paused: isPaused,
      concurrency: this.#config.settingsOf(rest.name).concurrency,
    }))
  }

  inspect(): { state: State; worker: ReturnType<WorkerNode['inspect']> | null } {
    return { state: this.#state, worker: this.#worker?.inspect() ?? null }
  }

  async migrate(): Promise<unknown> {
    this.#assertOpen()
    return this.#store.migrate()
  }

  on<Name extends keyof RunnerEvents>(name: Name, listener: (payload: RunnerEvents[Name]) => void): () => void {
    return this.#bus.on(name, listener)
  }

  enqueueSync(): never {
    throw notAvailableError('enqueueSync()')
  }

  scale(): never {
    throw notAvailableError('scale()')
  }

  nodes(): never {
    throw notAvailableError('nodes()')
  }

  errors(): never {
    throw notAvailableError('errors()')
  }
}

type WorkerNodeEnqueue = ConstructorParameters<typeof WorkerNode>[1]['enqueue']

function readStartOptions(options: unknown): { queues: readonly string[] | undefined; isSignalled: boolean } {
  const problems: string[] = []
  const reader = optionReader({ value: options, of: 'start', names: ['queues', 'signals'], problems })
  const queues = reader.get('queues')
  const signals = reader.get('signals')
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
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('start', problems))
  return { queues: queues === undefined ? undefined : [...new Set(names.map(String))], isSignalled: signals === true }
}

function readStopOptions(options: unknown): number {
  const problems: string[] = []
  const timeout = optionReader({ value: options, of: 'stop', names: ['timeout'], problems }).duration('timeout')
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('stop', problems))
  return timeout ?? parseDuration('25s', 'timeout')
}
