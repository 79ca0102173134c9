/**
 * A consumer that starts one child for each event: how many run at once is bounded by the demand of its subscriptions.
 *
 *     event ──▶ child ── ended for good, or did not start ──▶ its slot counts as finished ── minDemand reached ──▶ ask
 *                 ▲                │ transient, abnormal end
 *                 └─── restarted ──┘ keeps its slot; one restart too many ends the supervisor with `shutdown`
 *
 * It consists of an ordinary consumer in manual mode, which handles the subscriptions, and of the children beside it. If it is
 * killed, its children end with it through their links.
 */

import {
  DEFAULT_SHUTDOWN_MS,
  restartMistakes,
  Restarts,
  shutdownMistakes,
  stopChild,
  type Shutdown,
} from '../process/children.ts'
import { RunnerError } from '../host/errors.ts'
import type { PendingCall } from '../process/call.ts'
import type { RestartType } from '../process/child-spec.ts'
import { isClean, reasonOf, type ExitReason } from '../process/exit-reason.ts'
import { notAFunction, notOneOf, refuse, shown, unknownOptions } from '../process/mistakes.ts'
import type { Behaviour, Message, Process, ProcessMessage, SupervisionSnapshot } from '../process/process.ts'
import { processOf, type ProcessHandle, type ProcessRef } from '../process/ref.ts'
import { isDefinition, type Definition, type Spawnable } from '../process/definition.ts'
import type { Runtime } from '../process/runtime.ts'
import type { ChildCounts, ChildInfo } from '../process/supervisor.ts'
import type { AccepterOptions, CancelCause, Self } from './callbacks.ts'
import { badReturn } from './bad-return.ts'
import { Stage } from './stage.ts'
import { stageRef, type Accepts, type StageRef } from './stage-ref.ts'
import type { Subscription } from './subscription-link.ts'
import type { SubscriptionOptions } from './subscription.ts'

/** What the function of a {@link consumerSupervisor} returns. */
export interface ConsumerSupervisorOptions<In> extends AccepterOptions<In> {
  /**
   * What to run for an event; nothing is run for `undefined`, and its slot is free at once. Called again for a restart. One that
   * throws is a start that failed.
   */
  startChild(event: In): Definition | undefined
  /** `transient` children are restarted, with the same event, after an abnormal end. Default: `temporary`. */
  readonly restart?: 'temporary' | 'transient' | undefined
  /** Restarts allowed within `maxSeconds`; one more ends the supervisor with `shutdown`. Default: 3. */
  readonly maxRestarts?: number | undefined
  /** Default: 5. */
  readonly maxSeconds?: number | undefined
  /** How long a child may take to end, in milliseconds, before it is killed; all are told at once. Default: 5000. */
  readonly shutdown?: Shutdown | undefined
  /** Whether a shutdown is a message to the children, so that their `terminate` runs. Default: `false`. */
  readonly trapExits?: boolean | undefined
  /** A subscription ended; children that run for its events run on. */
  handleCancel?(cause: CancelCause, subscription: Subscription): void | Promise<void>
}

/** A running consumer supervisor. */
export interface ConsumerSupervisorRef<In> extends StageRef, Accepts<In> {
  readonly kind: 'consumerSupervisor'
  /** Starts a child beside those that demand brings; it takes no slot. */
  startChild(event: In): Promise<ProcessRef | undefined>
  /** Stops a child; if an event brought it, its slot is free. */
  terminateChild(child: ProcessRef): Promise<void>
  /** The children in start order; their ids are numbers. */
  whichChildren(): Promise<readonly ChildInfo[]>
  countChildren(): Promise<ChildCounts>
}

/** A consumer supervisor that can be started. */
export interface ConsumerSupervisorDefinition<In> extends Definition<ConsumerSupervisorRef<In>>, Accepts<In> {
  readonly kind: 'consumerSupervisor'
}

/**
 * Describes a consumer that starts one child for each event. Never more than `maxDemand` run per subscription; new events are
 * asked for when `minDemand` children (at least one) have finished since the last ask.
 *
 * @param init Called for each start; a mistake in what it returns fails the start with `ERR_BAD_OPTIONS`.
 */
export function consumerSupervisor<In>(
  init: (self: Self<never>) => ConsumerSupervisorOptions<In>,
): ConsumerSupervisorDefinition<In> {
  const definition: ConsumerSupervisorDefinition<In> & Spawnable = {
    kind: 'consumerSupervisor',
    trapsExits: true,
    spawn: (runtime, process, handle) => {
      const ref = stageRef(process, handle)
      // Event types end here, as in every stage.
      const behaviour = new ConsumerSupervisor(runtime, process, ref, init as unknown as Init)
      return { behaviour, ref: withChildren(process, behaviour, ref) }
    },
  }
  return definition
}

type Init = (self: Self<unknown>) => ConsumerSupervisorOptions<unknown>

interface Request {
  readonly type: 'request'
  readonly work: () => unknown
  readonly from: PendingCall
}

function withChildren(process: Process, behaviour: ConsumerSupervisor, ref: StageRef): ProcessRef {
  const request = async <Answer>(work: () => Answer | Promise<Answer>): Promise<Answer> =>
    // The answer is what `work` returned.
    (await process.ask((from): Request => ({ type: 'request', work, from }), Number.POSITIVE_INFINITY)) as Answer
  return Object.assign(ref as StageRef & ProcessHandle, {
    startChild: (event: unknown) => request(() => behaviour.add(event, undefined)),
    terminateChild: (child: ProcessRef) => request(() => behaviour.terminateChild(child)),
    whichChildren: () => request(() => behaviour.whichChildren()),
    countChildren: () => request(() => behaviour.countChildren()),
  })
}

interface Child {
  readonly event: unknown
  readonly id: string
  /** Whose demand it counts against. */
  readonly subscription: Subscription | undefined
  ref: ProcessRef | undefined
  restarts: number
}

/** The behaviour of a consumer supervisor. */
export class ConsumerSupervisor implements Behaviour {
  readonly #runtime: Runtime
  readonly #process: Process
  readonly #init: Init
  /** What handles the subscriptions. */
  readonly stage: Stage
  // Set by `#begin`, before anything else is called.
  #options: ConsumerSupervisorOptions<unknown> = { startChild: () => undefined }
  readonly #children = new Set<Child>()
  /** Children that finished since the last ask. */
  readonly #finished = new Map<Subscription, number>()
  readonly #restarts: Restarts
  #lastChild = 0
  /** What `startChild` did against its contract: no start that failed, but a crash of the supervisor. */
  #mistake: RunnerError | undefined

  constructor(runtime: Runtime, process: Process, ref: StageRef, init: Init) {
    this.#runtime = runtime
    this.#process = process
    this.#init = init
    this.#restarts = new Restarts(runtime.host.clock, process)
    this.stage = new Stage(runtime, process, ref, (self) => this.#begin(self))
  }

  start(): void | Promise<void> {
    return this.stage.start()
  }

  #begin(self: Self<unknown>): object {
    const options = this.#init(self)
    checkOptions(this.#process.title, options)
    this.#options = options
    return {
      subscribeTo: options.subscribeTo,
      handleSubscribe: (_role: string, { maxDemand }: SubscriptionOptions, subscription: Subscription) => {
        this.#finished.set(subscription, 0)
        subscription.ask(maxDemand)
        return 'manual'
      },
      handleEvents: async (events: readonly unknown[], from: Subscription) => {
        // In order, each start awaited.
        for (const event of events) if (!this.#process.isEnding) await this.#take(event, from)
      },
      handleCancel: (cause: CancelCause, subscription: Subscription) => {
        this.#finished.delete(subscription)
        return options.handleCancel?.(cause, subscription)
      },
    }
  }

  async #take(event: unknown, from: Subscription): Promise<void> {
    try {
      if ((await this.add(event, from)) === undefined) this.#finish(from)
    } catch (error) {
      if (error === this.#mistake) throw error
      this.#process.log('error', 'child_start_failed', [event, error])
      this.#finish(from)
    }
  }

  receive(message: Message): void | Promise<void> {
    // Only this package sends to consumer supervisors.
    const known = message as Request | ProcessMessage
    if (known.type === 'request') return this.#answer(known)
    if (known.type === 'exit') {
      const child = this.#find(known.from.ref)
      if (child !== undefined) return this.#ended(child, known.reason)
      // A child that did not start, or that was terminated, is in no book any more.
      return known.from.parent === this.#process ? undefined : this.stage.receive(message)
    }
    return this.stage.receive(message)
  }

  /** All are told at once: none was started for the sake of another. */
  async terminate(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.#stop(child)))
  }

  inspect(): SupervisionSnapshot {
    return {
      strategy: 'oneForOne',
      restarts: this.#restarts.count,
      children: [...this.#children].map(({ id, ref, restarts }) => ({
        id,
        process: ref === undefined ? undefined : processOf(ref),
        restarts,
      })),
    }
  }

  async add(event: unknown, subscription: Subscription | undefined): Promise<ProcessRef | undefined> {
    this.#lastChild++
    const child: Child = { event, id: String(this.#lastChild), subscription, ref: undefined, restarts: 0 }
    const ref = await this.#start(child)
    if (ref !== undefined) this.#children.add(child)
    return ref
  }

  async terminateChild(ref: ProcessRef): Promise<void> {
    const child = this.#find(ref)
    if (child === undefined) {
      throw new RunnerError('ERR_UNKNOWN_CHILD', `${this.#process.title} has no child #${ref.id}`)
    }
    this.#children.delete(child)
    await this.#stop(child)
    this.#finish(child.subscription)
  }

  whichChildren(): readonly ChildInfo[] {
    const restart: RestartType = this.#options.restart ?? 'temporary'
    return [...this.#children].map(({ id, ref }) => ({ id, kind: ref?.kind ?? 'consumer', restart, ref }))
  }

  countChildren(): ChildCounts {
    const all = [...this.#children]
    const supervisors = all.filter(({ ref }) => ref?.kind === 'supervisor').length
    return { specs: all.length, active: all.length, supervisors, workers: all.length - supervisors }
  }

  async #start(child: Child): Promise<ProcessRef | undefined> {
    const definition = this.#options.startChild(child.event)
    if (definition === undefined) return undefined
    if (!isDefinition(definition)) {
      this.#mistake = badReturn(
        'startChild',
        this.#process.title,
        definition,
        'the definition of what to run, or nothing',
      )
      throw this.#mistake
    }
    const { trapExits } = this.#options
    const ref = await this.#runtime.start(definition, { trapExits }, this.#process)
    if (processOf(ref).isIgnored) return undefined
    child.ref = ref
    return ref
  }

  async #ended(child: Child, reason: ExitReason): Promise<void> {
    if (this.#options.restart === 'transient' && !isClean(reason)) {
      if (await this.#restart(child, reason)) return
    }
    this.#children.delete(child)
    this.#finish(child.subscription)
  }

  /** Answers whether the child keeps its slot. A restart that fails is retried, and counts each time. */
  async #restart(child: Child, first: ExitReason): Promise<boolean> {
    let reason = first
    child.ref = undefined
    while (!this.#restarts.isOneTooMany(child.id, reason, this.#options)) {
      try {
        child.restarts++
        return (await this.#start(child)) !== undefined
      } catch (error) {
        if (error === this.#mistake) throw error
        this.#process.log('error', 'child_start_failed', [child.event, error])
        reason = reasonOf(error)
      }
    }
    return false
  }

  #finish(subscription: Subscription | undefined): void {
    const count = subscription === undefined ? undefined : this.#finished.get(subscription)
    if (subscription === undefined || count === undefined) return
    const finished = count + 1
    const isEnough = finished >= subscription.options.minDemand
    if (isEnough) subscription.ask(finished)
    this.#finished.set(subscription, isEnough ? 0 : finished)
  }

  async #answer({ work, from }: Request): Promise<void> {
    try {
      from.reply(await work())
    } catch (error) {
      if (error === this.#mistake) throw error
      // The caller's business, not the supervisor's end.
      const reason = reasonOf(error)
      from.fail(reason instanceof Error ? reason : new RunnerError('ERR_CHILD_START', String(error)))
    }
  }

  #find(ref: ProcessRef): Child | undefined {
    for (const child of this.#children) if (child.ref === ref) return child
    return undefined
  }

  async #stop({ ref }: Child): Promise<void> {
    if (ref === undefined) return
    const process = processOf(ref)
    const { shutdown = DEFAULT_SHUTDOWN_MS } = this.#options
    await stopChild(this.#runtime.host.clock, this.#process, process, shutdown)
  }
}

const OPTIONS = [
  'subscribeTo',
  'startChild',
  'restart',
  'maxRestarts',
  'maxSeconds',
  'shutdown',
  'trapExits',
  'handleCancel',
]

function checkOptions(title: string, options: ConsumerSupervisorOptions<unknown>): void {
  if (typeof options !== 'object' || options === null) refuse(title, [`expected its options, got ${shown(options)}`])
  const { startChild, restart = 'temporary', shutdown = DEFAULT_SHUTDOWN_MS, handleCancel } = options
  refuse(title, [
    ...unknownOptions('a consumerSupervisor', options, OPTIONS),
    ...notAFunction('startChild', startChild),
    ...notOneOf('restart', restart, ['temporary', 'transient']),
    ...restartMistakes(options),
    ...shutdownMistakes(shutdown),
    ...(handleCancel === undefined ? [] : notAFunction('handleCancel', handleCancel)),
  ])
}
