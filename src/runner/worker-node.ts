/**
 * One life of a node: this process as a worker, from its registration in the store to its retirement.
 *
 *     new ──start──▶ running ──stop──▶ draining ──▶ retired
 *                      │ │ └──withdraw (no beat was confirmed for the time of a lease)──▶ as by a stop, when the store answers
 *                      │ └──abandon (declared dead by others)──▶ abandoned: everything is dropped
 *                      └──leave (the process ends in this turn)──▶ its jobs are freed, the one to blame is charged
 *
 * After a withdrawal, or when it was abandoned, a new life may begin.
 *
 * Its parts, and who calls whom:
 *
 *     claimer ⇄ store            one claim for the demand of all queues
 *     queue branches             the stages; each queue supervised by itself
 *     ack writer ⇄ store         ends of attempts, and jobs handed back
 *     orders ⇄ store             once a second, when idle every three: the node's picture of itself goes out; jobs to stop, bounds
 *                                of queues, and what operators want of the node come in
 *     autoscaling                decides how many consumers each queue has here
 *     rescuer, pruner ⇄ store    upkeep that any node may do
 *     dead-notifier ⇄ store      tells somebody of dead letters, whichever node they died on
 *
 * The claimer, the ack writer and the upkeep own their retries: a failing store makes them wait, never crash.
 */

import { unreachable } from '../host/errors.ts'
import type { Host, Timer } from '../host/host.ts'
import { uuidV4 } from '../host/uuid.ts'
import { QUARANTINE_AFTER } from '../job/crashes.ts'
import type { CurrentJob } from '../job/current-job.ts'
import type { ClaimedJob } from '../job/job.ts'
import { toErrorRecord } from '../job/error-record.ts'
import type { Registry } from '../job/registry.ts'
import { DeadNotifier } from '../maintenance/dead-notifier.ts'
import { Pruner } from '../maintenance/pruner.ts'
import { LEASE_MS, Rescuer } from '../maintenance/rescuer.ts'
import { AckWriter } from '../queue/ack-writer.ts'
import { Autoscaling, type Scaling } from '../queue/autoscaling.ts'
import { BreakerMeter } from '../queue/breaker-meter.ts'
import { breakerIdOf } from '../queue/breaker-verdict.ts'
import { BreakerWatch } from '../queue/breaker-watch.ts'
import { Claimer } from '../queue/claimer.ts'
import type { FinishedJob } from '../queue/finished-job.ts'
import type { JobAttempt } from '../queue/job-attempt.ts'
import { JobExecutor } from '../queue/job-executor.ts'
import { Ledger } from '../queue/ledger.ts'
import { QueueBranch } from '../queue/queue-branch.ts'
import type { QueueSettings } from '../queue/queue-settings.ts'
import { RunningJobs, type RunningJob } from '../queue/running-jobs.ts'
import { System, type SystemSnapshot } from '../stage/index.ts'
import type { Blame, JobDetails, KeepPolicy, NodeOrders, NodeSnapshot, NodeWish, Store } from '../store/store.ts'
import type { Bus } from '../telemetry/bus.ts'
import type { Tracing } from '../telemetry/tracing.ts'
import { announceBreaker } from './breaker-events.ts'
import { publishedJobs } from './published-jobs.ts'
import type { RunnerEvents } from './events.ts'
import type { Departure } from './process-guard.ts'
import { VERSION } from './version.ts'
import { Witness } from './witness.ts'
import { within } from './within.ts'

/** What a node needs. */
export interface WorkerNodeOptions {
  readonly store: Store
  readonly registry: Registry
  readonly bus: Bus<RunnerEvents>
  readonly tracing: Tracing | undefined
  readonly settingsOf: (queue: string) => QueueSettings
  readonly keepPolicies: () => readonly KeepPolicy[]
  /** The queues to serve from the start. */
  readonly queues: readonly string[]
  /** Whether queues that appear in the store are served too. */
  readonly isOpen: boolean
  readonly enqueue: CurrentJob['enqueue']
  /** An attempt ended here and the store has taken it. */
  readonly onEnded: (
    finished: FinishedJob,
    answer: { readonly isStale: boolean; readonly isCancelled: boolean },
  ) => void
  /** The leases of this node are gone, or may be gone. */
  readonly onFenced: (reason: FenceReason) => void
  /** An operator wants this node to end. */
  readonly onStopOrder: () => void
  /** How many stuck handlers are too many. */
  readonly stuckLimit: number
  /** Tells somebody of a dead letter; absent where nobody is told. */
  readonly onDeadLetter?: ((dead: JobDetails, signal: AbortSignal) => Promise<void>) | undefined
}

/** Why a node cannot go on: others declared it dead, or it could not say for too long that it lives. */
export type FenceReason = 'declared-dead' | 'unconfirmed'

/** How the parts of a node stand, for `runner.inspect()`. */
export interface NodeInspection extends SystemSnapshot {
  readonly node: string
  readonly state: 'running' | 'draining'
  /** Jobs held under lease: in buffers, in handlers, and waiting to be acked. */
  readonly held: number
  readonly handlers: number
  /** Handlers that go on although their attempt has ended. */
  readonly stuck: number
  readonly outbox: number
  /** Per queue: what its consumers asked for and did not get yet. */
  readonly demand: Readonly<Record<string, number>>
  /** Per queue: how many consumers it has and why. */
  readonly scaling: Readonly<Record<string, Scaling>>
}

const BEAT_MS = 3_000
/** How soon a node that runs jobs learns which of them to stop, and how often one without jobs looks. */
const ORDERS_EVERY_MS = 1_000
const IDLE_ORDERS_EVERY_MS = 3_000
const QUEUES_EVERY_MS = 5_000
/** How often a node looks whether its beats are confirmed. */
const SILENCE_EVERY_MS = 1_000
/** A step of the wall clock that is worth telling; a clock that is disciplined drifts far less between two looks. */
const CLOCK_JUMP_MS = 1_000
/** For how long the event loop may be blocked, by whatever it is, before the node is no longer vouched for. */
const BLOCKED_MS = 60_000
/** How often a node that withdraws asks the store whether it is there again. */
const RETURN_EVERY_MS = 500
/** After the abort signal, handlers get this long to end by themselves. */
const LAST_GRACE_MS = 3_000
/** A stop waits no longer than this for a step that a store in trouble may hold up. */
const SLOW_STORE_MS = 2_000
/** How long the end of a process may be held up for the jobs that it leaves. */
const LEAVE_MS = 2_000

/** A running worker. */
export class WorkerNode {
  readonly id: string
  readonly #host: Host
  readonly #options: WorkerNodeOptions
  readonly #system: System
  readonly #ledger: Ledger
  readonly #ackWriter: AckWriter
  readonly #running: RunningJobs
  readonly #executor: JobExecutor
  readonly #claimer: Claimer
  readonly #scaling: Autoscaling
  readonly #rescuer: Rescuer
  readonly #pruner: Pruner
  readonly #meter: BreakerMeter
  readonly #breakers: BreakerWatch
  readonly #witness: Witness
  readonly #notifier: DeadNotifier | undefined
  readonly #branches = new Map<string, QueueBranch>()
  #state: 'new' | 'running' | 'draining' | 'gone' = 'new'
  #ordersTimer: Timer | undefined
  #silenceTimer: Timer | undefined
  #isTooStuck = false
  #isIdle = false
  #ordersUnderWay: Promise<void> = Promise.resolve()
  #queuesReadAt = -Infinity
  /** When the store was last heard of. */
  #ordersAt = -Infinity
  /** The wish of an operator that is followed. */
  #obeys: NodeWish | null = null
  #isWatched = false
  #loopLagMs = 0
  /** How far the wall clock is ahead of the monotonic one. */
  #clockOffset: number
  readonly #newQueues = new Set<string>()
  #isServing = false
  #isStopping = false
  #publishedPicture = ''
  #unsubscribe: () => void = () => {}
  #hurryStop: () => void = () => {}

  constructor(host: Host, options: WorkerNodeOptions) {
    this.#host = host
    this.#options = options
    this.id = uuidV4(host)
    this.#clockOffset = host.clock.now() - host.clock.monotonic()
    const { store, registry, bus, tracing } = options
    const onError = (error: unknown): void => bus.send('store:error', { error })
    const isHeard = (): boolean => store.silenceMs(this.id) < LEASE_MS
    const giveBack = (jobs: readonly ClaimedJob[]): void => void this.#ackWriter.giveBack(jobs)
    this.#system = new System({ host })
    this.#ledger = new Ledger(host.clock, giveBack)
    this.#ackWriter = new AckWriter(host, {
      store,
      tracing,
      ledger: this.#ledger,
      onAcked: (finished, answer) => {
        const { ending } = finished
        if ((ending.type === 'retry' || ending.type === 'snoozed') && !answer.isStale)
          this.#claimer.wakeIn(ending.delayMs)
        this.#countCall(finished, answer.isStale)
        if (ending.type === 'failed' && !answer.isStale) this.#notifier?.wake()
        options.onEnded(finished, answer)
      },
      onGivenBack: (jobs) => {
        if (jobs > 0) bus.send('node:give-back', { node: this.id, jobs })
      },
      onError,
    })
    this.#running = new RunningJobs(host, {
      markStarted: (held) => this.#fenced(store.markStarted(held), held),
      recordProgress: (notes) => this.#fenced(store.recordProgress(notes), notes),
      onStuck: (running, count) => this.#stuck(running, count),
    })
    this.#witness = new Witness(host, {
      node: this.id,
      snapshot: () => this.snapshot(),
      held: () => ({
        jobs: this.#ledger.size,
        handlers: this.#running.size,
        stuck: this.#running.stuck,
        outbox: this.#ackWriter.size,
      }),
    })
    this.#executor = new JobExecutor(host, {
      registry,
      store,
      tracing,
      ledger: this.#ledger,
      running: this.#running,
      timeoutMsOf: (queue) => options.settingsOf(queue).timeoutMs,
      keepOf: (queue) => options.settingsOf(queue).keep,
      breakerOf: (queue) => options.settingsOf(queue).breaker,
      isHeard,
      giveBack,
      onStart: ({ id, name, queue, attempt }, waitMs) => {
        if (this.#isIdle) this.#exchangeOrdersIn(ORDERS_EVERY_MS)
        this.#scaling.noteWait(queue, waitMs)
        if (bus.hasListeners('job:start')) bus.send('job:start', { id, name, queue, attempt, waitMs })
      },
      attest: (finished) => this.#witness.attest(finished),
      onInterrupted: ({ id, name, queue, attempt }, runMs, reason) =>
        bus.send('job:interrupt', { id, name, queue, attempt, runMs, reason }),
      onError,
      enqueue: options.enqueue,
    })
    this.#claimer = new Claimer(host, {
      node: this.id,
      store,
      tracing,
      ledger: this.#ledger,
      isHeard,
      giveBack,
      onSurplus: (queue, jobs) => bus.send('node:surplus', { node: this.id, queue, jobs }),
      onFenced: () => this.#onFenced('declared-dead'),
      onError,
      onBroken: (jobs) => {
        for (const { id, queue, error } of jobs) {
          bus.send('job:exception', {
            id,
            name: '',
            queue,
            attempt: 0,
            waitMs: 0,
            runMs: null,
            outcome: 'failed',
            error,
          })
        }
      },
    })
    this.#scaling = new Autoscaling(host, {
      store,
      configured: (queue) => options.settingsOf(queue).concurrency,
      isDry: (queue) => this.#claimer.isDry(queue),
      isStoreHeard: () => host.clock.monotonic() - this.#ordersAt < LEASE_MS,
      onDecision: (queue, decision) => bus.send('queue:scale', { queue, ...decision }),
      onError,
    })
    this.#rescuer = new Rescuer(host, {
      store,
      node: this.id,
      onError,
      onRescued: (node, answer) => {
        bus.send('node:rescue', { node: node.id, ...answer })
        this.#notifier?.wake()
        this.#claimer.wake()
      },
    })
    this.#breakers = new BreakerWatch((breaker, change) => announceBreaker(bus, breaker, change))
    this.#meter = new BreakerMeter(host, { store, onOpened: (breakers) => this.#breakers.see(breakers), onError })
    this.#pruner = new Pruner(host, { store, policies: options.keepPolicies, onError })
    this.#notifier = this.#makeNotifier()
  }

  /**
   * Registers, frees what dead nodes of this host left behind, and starts all queues. When that fails the node is gone: it may
   * be registered by then, and hold jobs, which nobody could free while it is beaten for.
   */
  async start(): Promise<void> {
    try {
      await this.#begin()
    } catch (error) {
      await this.abandon()
      await this.#within(SLOW_STORE_MS, this.#options.store.retireNode(this.id))
      throw error
    }
  }

  async #begin(): Promise<void> {
    this.#state = 'running'
    await this.#register(this.#options.queues)
    await this.#rescuer.start()
    // How many consumers a queue begins with may have been stored.
    this.#hear(await this.#options.store.readOrders(this.id))
    for (const queue of this.#options.queues) await this.#startBranch(queue)
    this.#unsubscribe = this.#options.store.onChange('jobs', () => this.#claimer.wake())
    this.#pruner.start()
    this.#notifier?.start()
    await this.#exchangeOrders()
    this.#watchSilence()
    this.#options.bus.send('node:start', { node: this.id, queues: [...this.#branches.keys()] })
  }

  /** A job was enqueued by this process. */
  enqueued(queue: string, dueInMs: number): void {
    if (this.#state !== 'running') return
    if (dueInMs > 0) this.#claimer.wakeIn(dueInMs)
    else this.#claimer.wake(queue)
    if (this.#branches.has(queue) || !this.#options.isOpen) return
    this.#serveNewQueues([queue]).catch((error: unknown) => this.#options.bus.send('store:error', { error }))
  }

  /** Something changed that may let jobs run: a queue was resumed, jobs were retried. */
  wake(): void {
    this.#claimer.wake()
  }

  /** Something was stored that is an order to nodes: this one asks for it at once. */
  ordersChanged(): void {
    void this.#ordersUnderWay.then(() => this.#exchangeOrdersIn(0))
  }

  /**
   * Ends in the order in which jobs flow: no more claims; what has not begun is handed back; handlers get `timeoutMs`, then
   * their signal, then their jobs are handed back too, with no attempt charged; ends are written; the node retires.
   */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopping = true
    this.#state = 'draining'
    this.#host.trace.point('node.stop', this.id)
    const deadline = this.#host.clock.monotonic() + timeoutMs
    this.#executor.drain()
    const hurried = new Promise<void>((resolve) => (this.#hurryStop = resolve))
    const ended = Promise.all([this.#claimer.stop(), this.#stopUpkeep()])
    // Its handlers may go on for a while, and others may take it for dead meanwhile.
    this.#watchSilence()
    await this.#within(SLOW_STORE_MS, ended)
    const unbegun = this.#ackWriter.giveBack(this.#ledger.takeUnbegun())
    await Promise.race([this.#running.whenEmpty(timeoutMs), hurried])
    if (this.#running.size > 0) {
      this.#running.stopAll({ type: 'interrupted' }, new DOMException('the worker stops', 'AbortError'))
    }
    await this.#finish(unbegun, deadline)
    this.#options.bus.send('node:stop', { node: this.id })
  }

  /**
   * No beat was confirmed for so long that others may have these jobs by now. Handlers get their signal at once and no job is
   * begun; when the store answers, what ended is written, as far as the leases still hold, and the rest is handed back.
   */
  async withdraw(): Promise<void> {
    this.#state = 'draining'
    this.#host.trace.point('node.withdraw', this.id)
    this.#executor.drain()
    // What is ready before the store answers may yet be taken: nobody is given up until then.
    this.#running.stopAll({ type: 'lease-lost' }, leaseLost(), Infinity)
    await this.#within(SLOW_STORE_MS, Promise.all([this.#claimer.stop(), this.#stopUpkeep()]))
    const isKnown = await this.#hearsFromStore()
    // A stop that came meanwhile has done all this.
    if (this.#state !== 'draining' || this.#isStopping) return
    if (!isKnown) return this.abandon()
    const unbegun = this.#ackWriter.giveBack(this.#ledger.takeUnbegun())
    await this.#finish(unbegun, this.#host.clock.monotonic() + LEASE_MS)
  }

  /** Asks until the store answers whether it still knows this node. */
  async #hearsFromStore(): Promise<boolean> {
    while (!this.#isStopping) {
      try {
        return (await this.#options.store.readOrders(this.id)).isKnown
      } catch (error) {
        this.#options.bus.send('store:error', { error })
        await new Promise<void>((resolve) => this.#host.clock.after(RETURN_EVERY_MS, resolve))
      }
    }
    return false
  }

  /** The last steps of a life, when no job is begun any more and handlers know that they should end. */
  async #finish(unbegun: Promise<void>, deadline: number): Promise<void> {
    await this.#running.whenEmpty(LAST_GRACE_MS)
    this.#running.giveUpAll()
    // What ended by now is on its way through the stages to the outbox; what did not is handed back.
    await this.#within(SLOW_STORE_MS, this.#system.idle())
    const unfinished = this.#ackWriter.giveBack(this.#ledger.takeAll())
    const remainingMs = Math.max(1_000, deadline - this.#host.clock.monotonic())
    await this.#within(remainingMs, Promise.all([unbegun, unfinished, this.#ackWriter.flush()]))
    this.#ackWriter.abandon()
    this.#state = 'gone'
    for (const branch of this.#branches.values()) await branch.stop()
    await this.#system.stop()
    await this.#within(remainingMs, this.#options.store.retireNode(this.id))
  }

  /** Shortens a stop under way: handlers get their signal now. */
  hurry(): void {
    this.#hurryStop()
  }

  /** The leases are gone: drop everything without telling the store, which has given the jobs to others. */
  async abandon(): Promise<void> {
    this.#state = 'gone'
    this.#executor.drain()
    this.#ledger.clear()
    this.#ackWriter.abandon()
    this.#running.stopAll({ type: 'lease-lost' }, leaseLost())
    this.#running.giveUpAll()
    await this.#claimer.stop()
    await this.#stopUpkeep()
    for (const branch of this.#branches.values()) await branch.stop()
    await this.#system.stop()
  }

  /** The process ends when this returns: frees what this node holds, and charges the job that is to blame, if one is. */
  leave(departure: Departure): void {
    if (this.#state !== 'running' && this.#state !== 'draining') return
    const isStopping = this.#state === 'draining'
    this.#state = 'gone'
    const request = { node: this.id, beatSeq: null, quarantineAfter: QUARANTINE_AFTER }
    try {
      this.#options.store.rescueNodeSync({ ...request, blame: this.#blameFor(departure, isStopping) }, LEAVE_MS)
    } catch {
      // Nobody is left who could be told; others rescue this node.
    }
  }

  #blameFor(departure: Departure, isStopping: boolean): Blame | undefined {
    switch (departure.type) {
      case 'blamed': {
        const { attempt, error } = departure
        if (!this.#executor.isOwn(attempt)) return 'nobody'
        const { id, lease, name } = attempt.job
        const message = `${name} ended its process: ${messageOf(error)}`
        const crash = { name: 'JobCrashedError', code: 'ERR_PROCESS_ENDED', message, cause: toErrorRecord(error) }
        return { id, lease, error: crash }
      }
      case 'in-order':
        return 'nobody'
      case 'unknown':
        return isStopping ? 'nobody' : undefined
      default:
        return unreachable(departure)
    }
  }

  /** An error that nobody handled came from code of an attempt. */
  failed(attempt: JobAttempt, error: unknown): void {
    if (!this.#executor.isOwn(attempt)) return
    const { id, name } = attempt.job
    const message = attempt.fail(error)
      ? `job "${name}" (${id}) fails by an error that nobody handled`
      : `job "${name}" (${id}) had ended when its code caused an error that nobody handled`
    const shown = error instanceof Error ? (error.stack ?? error.message) : messageOf(error)
    this.#host.logger.log({
      level: 'error',
      code: 'unhandled_job_error',
      args: [name, id, error],
      message: `${message}: ${shown}`,
    })
  }

  /** Aborts the handler of a job that was cancelled from this process. */
  stopJob(id: string): void {
    this.#running.stopById(id, { type: 'cancelled' }, cancelled())
  }

  inspect(): NodeInspection {
    const demand = Object.fromEntries([...this.#branches.keys()].map((queue) => [queue, this.#claimer.demandOf(queue)]))
    return {
      node: this.id,
      state: this.#state === 'running' ? 'running' : 'draining',
      held: this.#ledger.size,
      handlers: this.#running.size,
      stuck: this.#running.stuck,
      outbox: this.#ackWriter.size,
      demand,
      scaling: Object.fromEntries([...this.#branches.keys()].map((queue) => [queue, this.#scaling.scalingOf(queue)])),
      ...this.#system.inspect(),
    }
  }

  /** The node's picture of itself. */
  snapshot(): NodeSnapshot {
    return {
      state: this.#state === 'running' && this.#obeys === null ? 'alive' : 'draining',
      obeys: this.#obeys,
      loopLagMs: this.#loopLagMs,
      memoryBytes: this.#host.processes.memoryBytes(),
      queues: [...this.#branches].map(([queue, branch]) => branch.snapshot(this.#scaling.boundsOf(queue))),
      flow: this.#isWatched ? this.#system.inspect() : null,
    }
  }

  #makeNotifier(): DeadNotifier | undefined {
    const { store, bus, onDeadLetter } = this.#options
    if (onDeadLetter === undefined) return undefined
    return new DeadNotifier(this.#host, {
      node: this.id,
      store,
      tell: onDeadLetter,
      onTold: (told) => bus.send('notice:stop', told),
      onFailed: (failed) => bus.send('notice:exception', failed),
      onError: (error) => bus.send('store:error', { error }),
    })
  }

  async #register(queues: readonly string[]): Promise<void> {
    await this.#options.store.registerNode({
      id: this.id,
      ...this.#host.processes.own(),
      version: VERSION,
      beatMs: BEAT_MS,
      queues,
      jobs: publishedJobs(this.#options.registry),
      isNotifying: this.#notifier !== undefined,
    })
  }

  async #startBranch(queue: string): Promise<void> {
    const { bus, settingsOf } = this.#options
    const services = {
      host: this.#host,
      system: this.#system,
      claimer: this.#claimer,
      ackWriter: this.#ackWriter,
      ledger: this.#ledger,
      executor: this.#executor,
    }
    const branch = new QueueBranch(services, {
      queue,
      settings: settingsOf(queue),
      consumers: this.#scaling.targetOf(queue),
      onCrash: (reason, againInMs) => bus.send('queue:crash', { queue, reason, againInMs }),
    })
    this.#branches.set(queue, branch)
    await branch.start()
    this.#scaling.add(queue, branch)
  }

  /** One call after the other: each tells the store all queues that are served. */
  async #serveNewQueues(queues: readonly string[]): Promise<void> {
    for (const queue of queues) this.#newQueues.add(queue)
    if (this.#isServing) return
    this.#isServing = true
    try {
      for (let fresh = this.#takeNewQueues(); fresh.length > 0; fresh = this.#takeNewQueues()) {
        await this.#register([...new Set([...this.#options.queues, ...this.#branches.keys(), ...fresh])])
        for (const queue of fresh) if (this.#state === 'running') await this.#startBranch(queue)
      }
    } finally {
      this.#isServing = false
    }
  }

  #takeNewQueues(): string[] {
    // Those to serve from the start are begun by the start, which may not have come to them yet.
    const isNew = (queue: string): boolean => !this.#branches.has(queue) && !this.#options.queues.includes(queue)
    const fresh = this.#state === 'running' ? [...this.#newQueues].filter(isNew) : []
    this.#newQueues.clear()
    return fresh
  }

  /** Jobs whose write was refused are no longer ours: their handlers are told. */
  #fenced(
    answer: Promise<{ readonly stale: readonly string[] }>,
    held: readonly { id: string; lease: string }[],
  ): void {
    answer.then(
      ({ stale }) => {
        const lost = new Set(stale)
        for (const one of held) if (lost.has(one.id) && this.#running.leaseLost(one)) this.#ledger.remove([one])
      },
      (error: unknown) => this.#options.bus.send('store:error', { error }),
    )
  }

  /** Tells the store how this node stands, hears what others want of it, and sees to the next time. */
  async #exchangeOrders(): Promise<void> {
    try {
      await this.#publish()
      const orders = await this.#options.store.readOrders(this.id)
      if (!orders.isKnown) return this.#onFenced('declared-dead')
      this.#breakers.seeAll(orders.breakers)
      if (this.#hear(orders)) await this.#publish()
      for (const held of orders.stop) this.#running.stop(held, { type: 'cancelled' }, cancelled())
      // Handed back, what was asked to stop is cancelled by the store.
      const unbegun = this.#ledger.takeUnbegun(new Set(orders.stop.map(({ id }) => id)))
      if (unbegun.length > 0) void this.#ackWriter.giveBack(unbegun)
      await this.#lookAtQueues()
    } catch (error) {
      this.#options.bus.send('store:error', { error })
    }
    // A job that begins meanwhile brings the next exchange forward.
    const isIdle = this.#ledger.size === 0 && !this.#isWatched
    this.#exchangeOrdersIn(isIdle ? IDLE_ORDERS_EVERY_MS : ORDERS_EVERY_MS)
  }

  /** Tells the store how this node stands: with its next beat, at once when somebody would want to know. */
  async #publish(): Promise<void> {
    const snapshot = this.snapshot()
    const picture = JSON.stringify([
      snapshot.state,
      snapshot.obeys,
      snapshot.queues.map(({ queue, concurrency, buffered, consumers }) => [
        queue,
        concurrency,
        buffered,
        consumers.map(({ job }) => job),
      ]),
    ])
    const isUrgent = this.#isWatched || picture !== this.#publishedPicture
    await this.#options.store.publishSnapshot(this.id, snapshot, isUrgent)
    this.#publishedPicture = picture
  }

  /** Does what others want of this node; answers whether it looks different now. */
  #hear({ scales, wanted, isWatched }: NodeOrders): boolean {
    this.#ordersAt = this.#host.clock.monotonic()
    this.#scaling.setStored(scales)
    const isChanged = wanted !== this.#obeys || (isWatched && !this.#isWatched)
    this.#isWatched = isWatched
    if (wanted === this.#obeys) return isChanged
    this.#obeys = wanted
    this.#claimer.quiet(wanted !== null)
    // What waits here for its handler would wait for as long as the order holds, or begin in spite of it.
    if (wanted !== null) void this.#ackWriter.giveBack(this.#ledger.takeUnbegun())
    this.#options.bus.send('node:order', { node: this.id, wanted })
    if (wanted === 'stop') this.#options.onStopOrder()
    return isChanged
  }

  /** Tells the breaker of a job, if it has one, how an attempt ended. */
  #countCall({ job, outcome }: FinishedJob, isStale: boolean): void {
    if (outcome === undefined) return
    if (job.probeOf !== undefined) {
      // The store knows it by the ack; jobs may be let through now, and others want to hear of it.
      this.#claimer.wake(job.queue)
      if (this.#state === 'running') this.#exchangeOrdersIn(0)
      return
    }
    const breaker = this.#options.settingsOf(job.queue).breaker
    const id = breaker === null ? null : breakerIdOf(breaker, job)
    if (breaker !== null && id !== null && !isStale) this.#meter.count(id, breaker, outcome)
  }

  #exchangeOrdersIn(ms: number): void {
    this.#isIdle = ms > ORDERS_EVERY_MS
    this.#ordersTimer?.cancel()
    if (this.#state !== 'running') return
    const { clock } = this.#host
    const expectedAt = clock.monotonic() + ms
    // This timer is what keeps the process of a worker alive.
    this.#ordersTimer = clock.after(ms, () => {
      this.#isIdle = false
      this.#loopLagMs = Math.max(0, Math.round(clock.monotonic() - expectedAt))
      this.#watchClock()
      this.#ordersUnderWay = this.#exchangeOrders()
    })
  }

  /** Tells when the wall clock went another way than time itself since the last look. */
  #watchClock(): void {
    const offset = this.#host.clock.now() - this.#host.clock.monotonic()
    const jumpMs = Math.round(offset - this.#clockOffset)
    this.#clockOffset = offset
    if (Math.abs(jumpMs) >= CLOCK_JUMP_MS) this.#options.bus.send('node:clock', { node: this.id, jumpMs })
  }

  /** Finds queues that appeared, and tells listeners how deep all are. */
  async #lookAtQueues(): Promise<void> {
    const { store, bus, isOpen } = this.#options
    const now = this.#host.clock.monotonic()
    if (now - this.#queuesReadAt < QUEUES_EVERY_MS || !(isOpen || bus.hasListeners('queue:depth'))) return
    this.#queuesReadAt = now
    const queues = await store.readQueues()
    this.#witness.saw(queues)
    if (isOpen) await this.#serveNewQueues(queues.map(({ name }) => name))
    for (const { name, depth, scheduled, running, oldestAgeMs } of queues) {
      if (this.#branches.has(name)) bus.send('queue:depth', { queue: name, depth, scheduled, running, oldestAgeMs })
    }
  }

  /** Says that the event loop lives; looks whether beats are confirmed, soon after silence could have cost the node its leases. */
  #watchSilence(): void {
    if (this.#state !== 'running' && !(this.#isStopping && this.#state === 'draining')) return
    // A handler may block the loop for as long as it may run; for longer, only what no timeout can end.
    this.#options.store.vouch(this.id, Math.max(BLOCKED_MS, this.#running.longestLeftMs()))
    if (this.#isStopping)
      void this.#publish().catch((error: unknown) => this.#options.bus.send('store:error', { error }))
    const silentMs = this.#options.store.silenceMs(this.id)
    const waitMs = Math.min(SILENCE_EVERY_MS, Math.max(50, LEASE_MS - silentMs))
    const expectedAt = this.#host.clock.monotonic() + waitMs
    this.#silenceTimer = this.#host.clock.after(
      waitMs,
      () => {
        // When this process was itself stopped, its next beat tells more: it is confirmed only while nobody has these jobs.
        const wasAwake = this.#host.clock.monotonic() - expectedAt < SILENCE_EVERY_MS
        const isHeard = !wasAwake || this.#options.store.silenceMs(this.id) < LEASE_MS
        if (isHeard) this.#watchSilence()
        else if (this.#isStopping) this.hurry()
        else this.#onFenced('unconfirmed')
      },
      { keepAlive: false },
    )
  }

  #onFenced(reason: FenceReason): void {
    if (this.#state !== 'running') return
    this.#state = 'gone'
    this.#options.onFenced(reason)
  }

  /** A handler goes on although its attempt has ended. */
  #stuck(running: RunningJob, count: number): void {
    if (this.#state !== 'running') return
    const { bus, stuckLimit } = this.#options
    const { id, name, queue, attempt } = running.job
    const runMs = this.#host.clock.monotonic() - running.startedAt
    bus.send('job:stuck', { id, name, queue, attempt, runMs, stuck: count })
    if (count < stuckLimit || this.#isTooStuck) return
    this.#isTooStuck = true
    bus.send('node:stuck', { node: this.id, stuck: count })
  }

  async #stopUpkeep(): Promise<void> {
    this.#unsubscribe()
    this.#silenceTimer?.cancel()
    this.#ordersTimer?.cancel()
    await Promise.all([
      this.#rescuer.stop(),
      this.#pruner.stop(),
      this.#notifier?.stop(),
      this.#scaling.stop(),
      this.#ordersUnderWay,
      this.#meter.stop(),
    ])
    this.#ordersTimer?.cancel()
  }

  #within(ms: number, work: Promise<unknown>): Promise<void> {
    return within(this.#host.clock, ms, work, (error) => this.#options.bus.send('store:error', { error }))
  }
}

function messageOf(error: unknown): string {
  return toErrorRecord(error).message
}

function leaseLost(): DOMException {
  return new DOMException('the lease on this job is lost', 'AbortError')
}

function cancelled(): DOMException {
  return new DOMException('the job was cancelled', 'AbortError')
}
