/**
 * What a runner and a client have in common: they enqueue, wait for results, look at jobs, and operate on them. The worker of
 * a runner, if there is one, is told of what it may want to know; without one the store's hints reach the others.
 *
 *     open ──close──▶ closed: every method is refused
 */

import type { Host } from '../host/host.ts'
import { isUuid } from '../host/uuid.ts'
import type { LogRecord } from '../host/logger.ts'
import type { EnqueueOptions } from '../job/enqueue-options.ts'
import { jobError, listProblems } from '../job/errors.ts'
import type { JobHandle, ResultOptions } from '../job/job-handle.ts'
import { optionReader, queueNameProblem } from '../job/option-reader.ts'
import type { JobFunction } from '../job/typed-jobs.ts'
import { Endings, type KnownEnding } from '../queue/endings.ts'
import { explainJob } from '../queue/explain.ts'
import type { BulkAnswer, JobTarget as StoreTarget, Order, QueueChange, ScaleBounds, Store } from '../store/store.ts'
import type { Bus } from '../telemetry/bus.ts'
import type { Telemetry } from '../telemetry/tracing.ts'
import { breakerAccess, type Breakers } from './breaker-access.ts'
import { DeadLetterAccess } from './dead-letters.ts'
import { Enqueuer, type EnqueuerOptions } from './enqueuer.ts'
import { runnerError } from './errors.ts'
import type { RunnerEvents } from './events.ts'
import { readListOptions, readTarget, storedId } from './filters.ts'
import { jobInfo, jobSummary, type ErrorGroup, type JobInfo } from './job-view.ts'
import { nodeInfo, type NodeInfo } from './node-view.ts'
import { auditEntry, readAuditOptions, readOrder } from './operators.ts'
import type { AuditEntry, AuditOptions, OperatorOptions } from './operators.ts'
import { readMetrics, type Metrics } from './metrics-view.ts'
import { queueInfos } from './queue-view.ts'
import { awaitResult } from './result.ts'
import type { JobFilterOptions, JobList, QueueInfo, SkippedJob } from './runner.ts'
import { readConcurrency } from './scale-options.ts'

/** What job access needs. */
export interface JobAccessOptions {
  /** How messages call it. */
  readonly title: 'runner' | 'client'
  readonly store: Store
  readonly bus: Bus<RunnerEvents>
  readonly telemetry: Telemetry | undefined
  readonly resolve: EnqueuerOptions['resolve']
  readonly onAnswered?: EnqueuerOptions['onAnswered']
  /** Between how many and how many jobs of a queue this process would run at the same time; null for one that runs none. */
  readonly concurrencyOf: (queue: string) => ScaleBounds | null
  /** The worker of this process, while there is one. */
  readonly worker: () => LocalWorker | undefined
  /** Logged at the first use. */
  readonly remark: LogRecord | undefined
}

/** A worker as job access sees it. */
export interface LocalWorker {
  /** A job was stored; it is due in `dueInMs` milliseconds. */
  enqueued(queue: string, dueInMs: number): void
  /** Jobs may have come. */
  wake(): void
  /** A job was cancelled. */
  stopJob(id: string): void
  /** Something was stored that is an order to nodes. */
  ordersChanged(): void
}

const BULK_SIZE = 500

/** How long nodes show themselves more often after somebody watched. */
const WATCH_MS = 10_000

/** See the head of this file. One per runner or client. */
export class JobAccess {
  readonly #host: Host
  readonly #options: JobAccessOptions
  readonly #store: Store
  readonly #endings: Endings
  readonly #enqueuer: Enqueuer
  readonly dead: DeadLetterAccess
  readonly breakers: Breakers
  #isClosed = false
  #remark: LogRecord | undefined

  constructor(host: Host, options: JobAccessOptions) {
    const { store, bus, resolve, worker } = options
    this.#host = host
    this.#options = options
    this.#store = store
    this.#remark = options.remark
    // Its events are those of the table, whose payloads are plain records.
    options.telemetry?.attach((event, listener) => void bus.on(event as keyof RunnerEvents, listener as never))
    this.#endings = new Endings(host, { store, onError: (error) => bus.send('store:error', { error }) })
    this.#enqueuer = new Enqueuer(host, {
      store,
      resolve,
      bus,
      tracing: options.telemetry?.tracing,
      onAnswered: options.onAnswered,
      onEnqueued: (queue, dueInMs) => worker()?.enqueued(queue, dueInMs),
    })
    this.breakers = breakerAccess(host, {
      store,
      assertOpen: () => this.assertOpen(),
      onChange: () => worker()?.wake(),
    })
    this.dead = new DeadLetterAccess(host, { store, use: () => this.assertOpen(), onRetried: () => worker()?.wake() })
  }

  // ── enqueue ────────────────────────────────────────────────────────────────────────────────────────────────────────

  async enqueue(target: string | JobFunction, args: unknown, options?: EnqueueOptions): Promise<JobHandle<unknown>> {
    this.assertOpen()
    const { id, status } = await this.#enqueuer.enqueue(target, args, options)
    return this.#handle(id, status)
  }

  enqueueSync(target: string | JobFunction, args: unknown, options?: EnqueueOptions): JobHandle<unknown> {
    this.assertOpen()
    const { id, status } = this.#enqueuer.enqueueSync(target, args, options)
    return this.#handle(id, status)
  }

  async enqueueAll(entries: Parameters<Enqueuer['enqueueAll']>[0]): Promise<JobHandle<unknown>[]> {
    this.assertOpen()
    const enqueued = await this.#enqueuer.enqueueAll(entries)
    return enqueued.map(({ id, status }) => this.#handle(id, status))
  }

  async result(id: string, options?: ResultOptions): Promise<unknown> {
    this.assertOpen()
    return awaitResult(this.#host, this.#endings, storedId(id), options)
  }

  #handle(id: string, status: JobHandle<unknown>['status']): JobHandle<unknown> {
    return { id, status, result: (options) => this.result(id, options) }
  }

  /** Whether somebody here waits for the job. */
  isAwaited(id: string): boolean {
    return this.#endings.isAwaited(id)
  }

  /** A job ended in this process: whoever waits for it need not ask the store. */
  settle(ending: KnownEnding): void {
    this.#endings.settle(ending)
  }

  // ── lifetime ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Ends all waiting and lets go of the store. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#endings.close()
    await this.#store.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Every use begins with this. Throws `ERR_RUNNER_CLOSED` after {@link close}. */
  assertOpen(): void {
    const { title } = this.#options
    if (this.#isClosed) throw runnerError('ERR_RUNNER_CLOSED', `the ${title} was closed; create another one`)
    if (this.#remark === undefined) return
    this.#host.logger.log(this.#remark)
    this.#remark = undefined
  }

  // ── looking and operating ──────────────────────────────────────────────────────────────────────────────────────────

  async job(id: string): Promise<JobInfo | null> {
    this.assertOpen()
    const details = await this.#store.readJob(storedId(id))
    return details === null ? null : jobInfo(details)
  }

  async list(filter?: unknown): Promise<JobList> {
    this.assertOpen()
    const query = readListOptions(filter, 50)
    const { jobs, next, searched } = await this.#store.listJobs(query)
    return {
      jobs: jobs.map(jobSummary),
      ...(next === null ? {} : { next }),
      ...(query.search === undefined ? {} : { searched: { jobs: searched.jobs, complete: searched.isComplete } }),
    }
  }

  async retry(
    target: string | JobFilterOptions,
    options?: OperatorOptions,
  ): Promise<{ retried: number; skipped: readonly SkippedJob[] }> {
    const { changed, skipped } = await this.#bulk('retry', target, options, (wanted, order) =>
      this.#store.retryJobs(wanted, { order }),
    )
    this.#options.worker()?.wake()
    return { retried: changed.length, skipped }
  }

  async cancel(
    target: string | JobFilterOptions,
    options?: OperatorOptions,
  ): Promise<{ cancelled: number; skipped: readonly SkippedJob[] }> {
    const { changed, skipped } = await this.#bulk('cancel', target, options, (...args) =>
      this.#store.cancelJobs(...args),
    )
    for (const id of changed) this.#options.worker()?.stopJob(id)
    return { cancelled: changed.length, skipped }
  }

  async delete(
    target: string | JobFilterOptions,
    options?: OperatorOptions,
  ): Promise<{ deleted: number; skipped: readonly SkippedJob[] }> {
    const { changed, skipped } = await this.#bulk('delete', target, options, (...args) =>
      this.#store.deleteJobs(...args),
    )
    return { deleted: changed.length, skipped }
  }

  async #bulk(
    verb: string,
    target: unknown,
    options: OperatorOptions | undefined,
    call: (target: StoreTarget, order: Order) => Promise<BulkAnswer>,
  ): Promise<{ changed: string[]; skipped: readonly SkippedJob[] }> {
    this.assertOpen()
    const wanted = readTarget(target, verb)
    const order = readOrder(this.#host, verb, options)
    if ('id' in wanted) {
      const { changed, skipped } = await call({ ids: [storedId(wanted.id)] }, order)
      return { changed: [...changed], skipped }
    }
    const changed: string[] = []
    let after: string | undefined
    do {
      const answer = await call({ filter: wanted.filter, limit: BULK_SIZE, after }, order)
      changed.push(...answer.changed)
      after = answer.next ?? undefined
    } while (after !== undefined)
    return { changed, skipped: [] }
  }

  async explain(id: string): Promise<ReturnType<typeof explainJob> | null> {
    this.assertOpen()
    const details = await this.#store.readJob(storedId(id))
    if (details === null) return null
    const { job } = details
    const { queue: of, name, key } = job
    const [queues, nodes, ...breakers] = await Promise.all([
      this.#store.readQueues(),
      this.#store.readNodes(),
      this.#store.readBreakers({ queue: of, by: 'name', subject: name }),
      ...(key === null ? [] : [this.#store.readBreakers({ queue: of, by: 'key', subject: key })]),
    ])
    const queue = queues.find(({ name }) => name === job.queue) ?? null
    return explainJob({ job, queue, nodes, breakers: breakers.flat(), now: this.#host.clock.now() })
  }

  async pause(queue: string, options?: OperatorOptions): Promise<void> {
    await this.#changeQueue('pause', queue, { isPaused: true }, options)
  }

  async resume(queue: string, options?: OperatorOptions): Promise<void> {
    await this.#changeQueue('resume', queue, { isPaused: false }, options)
    this.#options.worker()?.wake()
  }

  async #changeQueue(verb: string, queue: string, change: QueueChange, options?: OperatorOptions): Promise<void> {
    this.assertOpen()
    const problem = queueNameProblem(queue, 'the name of the queue')
    if (problem !== undefined) throw jobError('ERR_BAD_OPTIONS', problem)
    await this.#store.changeQueue(queue, change, readOrder(this.#host, verb, options))
  }

  async audit(options?: AuditOptions): Promise<readonly AuditEntry[]> {
    this.assertOpen()
    return (await this.#store.readAudit(readAuditOptions(options))).map(auditEntry)
  }

  async scale(queue: string, range: unknown, options?: OperatorOptions): Promise<void> {
    this.assertOpen()
    const problems: string[] = []
    const problem = queueNameProblem(queue, 'the name of the queue')
    if (problem !== undefined) problems.push(problem)
    const scale = range === null ? null : (readConcurrency(range, `queue "${queue}"`, problems) ?? null)
    if (range === undefined) problems.push('scale takes a number, { min, max }, or null for what is configured')
    if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('scale', problems))
    await this.#store.changeQueue(queue, { scale }, readOrder(this.#host, 'scale', options))
    this.#options.worker()?.ordersChanged()
  }

  async nodes(filter: unknown = {}): Promise<readonly NodeInfo[]> {
    this.assertOpen()
    const { queue, isWatched } = readNodesFilter(filter)
    if (isWatched) {
      await this.#store.watchNodes(WATCH_MS)
      this.#options.worker()?.ordersChanged()
    }
    const nodes = await this.#store.readNodes()
    return nodes
      .filter((node) => queue === undefined || node.queues.includes(queue))
      .map((node) => nodeInfo(node, this.#host.processes, queue))
  }

  async orderNode(id: unknown, wanted: unknown, options?: OperatorOptions): Promise<boolean> {
    this.assertOpen()
    if (wanted !== 'quiet' && wanted !== 'stop' && wanted !== null) {
      throw jobError('ERR_BAD_OPTIONS', `a node can be ordered "quiet", "stop" or null, not ${JSON.stringify(wanted)}`)
    }
    const order = readOrder(this.#host, 'orderNode', options)
    // Ids of nodes are UUIDs; nothing else is the id of one.
    if (typeof id !== 'string' || !isUuid(id)) return false
    const isDone = await this.#store.orderNode(id.toLowerCase(), wanted, order)
    this.#options.worker()?.ordersChanged()
    return isDone
  }

  async wantedReplicas(): Promise<Readonly<Record<string, number>>> {
    const queues = await this.queues()
    return Object.fromEntries(queues.map(({ name, wantedReplicas: wanted }) => [name, wanted]))
  }

  async wake(): Promise<void> {
    this.assertOpen()
    this.#options.worker()?.wake()
    await this.#store.wake()
  }

  async metrics(options?: unknown): Promise<Metrics> {
    this.assertOpen()
    return readMetrics(this.#store, options, this.#host.clock.now())
  }

  async queues(): Promise<readonly QueueInfo[]> {
    this.assertOpen()
    const [queues, nodes] = await Promise.all([this.#store.readQueues(), this.#store.readNodes()])
    const { concurrencyOf } = this.#options
    return queueInfos({ queues, nodes, processes: this.#host.processes, concurrencyOf })
  }

  async errors(filter?: unknown): Promise<readonly ErrorGroup[]> {
    return this.dead.groupsOf('attempts', filter)
  }

  on<Name extends keyof RunnerEvents>(name: Name, listener: (payload: RunnerEvents[Name]) => void): () => void {
    return this.#options.bus.on(name, listener)
  }
}

function readNodesFilter(filter: unknown): { readonly queue: string | undefined; readonly isWatched: boolean } {
  const problems: string[] = []
  const reader = optionReader({ value: filter, of: 'nodes', names: ['queue', 'watch'], problems })
  const queue = reader.queue('queue')
  const watch = reader.get('watch')
  if (watch !== undefined && typeof watch !== 'boolean') problems.push('option "watch" of nodes must be true or false')
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('nodes', problems))
  return { queue, isWatched: watch === true }
}
