/**
 * A supervisor: a process whose whole work is to start children in order, restart them by a strategy, and stop them in reverse.
 *
 *     child:   stopped ── start ──▶ running ── ends ──▶ restart type and strategy decide:
 *                 ▲                    │                  start again (the whole group once) · keep stopped · forget
 *                 └── terminateChild ──┘
 *
 * It is linked to its children and traps exits, so each end is a message, handled after what the supervisor is doing. A child it
 * stopped itself is no longer in its books when that child's exit arrives, and the exit is ignored. One restart too many within
 * the window ends the supervisor with `shutdown`, which is an exit to whoever supervises it. If the supervisor is killed, its
 * children end with it through their links.
 */

import { DEFAULT_SHUTDOWN_MS, Restarts, stopChild } from './children.ts'
import { RunnerError, unreachable } from '../host/errors.ts'
import type { PendingCall } from './call.ts'
import {
  checkChildSpec,
  checkSupervisorOptions,
  type ChildSpec,
  type RestartType,
  type SupervisorOptions,
} from './child-spec.ts'
import { isClean, reasonOf, type ExitReason } from './exit-reason.ts'
import type { Behaviour, Message, Process, ProcessMessage, SupervisionSnapshot } from './process.ts'
import { processOf, type ProcessHandle, type ProcessRef } from './ref.ts'
import type { Definition, Spawnable } from './definition.ts'
import type { Runtime } from './runtime.ts'

/** One child as {@link SupervisorRef.whichChildren} shows it. */
export interface ChildInfo {
  readonly id: string
  readonly kind: string
  readonly restart: RestartType
  /** Absent while the child does not run. */
  readonly ref: ProcessRef | undefined
}

/** The answer of {@link SupervisorRef.countChildren}. */
export interface ChildCounts {
  /** All children in the books. */
  readonly specs: number
  /** Those that run. */
  readonly active: number
  readonly supervisors: number
  readonly workers: number
}

/** A running supervisor. Its functions wait for their turn behind what the supervisor is doing, however long that takes. */
export interface SupervisorRef extends ProcessRef {
  readonly kind: 'supervisor'
  /**
   * Adds a child at the end and starts it; rejects, and adds nothing, when the start fails, the id is taken
   * (`ERR_DUPLICATE_CHILD`), or `maxChildren` run already (`ERR_MAX_CHILDREN`).
   */
  startChild(spec: ChildSpec): Promise<ProcessRef>
  /** Stops a child and keeps its spec, unless it is temporary. */
  terminateChild(id: string): Promise<void>
  /** Starts a child that does not run; rejects with `ERR_MAX_CHILDREN` when `maxChildren` run already. */
  restartChild(id: string): Promise<ProcessRef>
  /** Forgets a child that does not run. */
  deleteChild(id: string): Promise<void>
  /** The children in start order. */
  whichChildren(): Promise<readonly ChildInfo[]>
  countChildren(): Promise<ChildCounts>
}

/** A supervisor that can be started, also as a child of another one. */
export interface SupervisorDefinition extends Definition<SupervisorRef> {
  readonly kind: 'supervisor'
}

/**
 * Describes a supervisor.
 *
 * @throws `ERR_BAD_OPTIONS`, naming every mistake.
 */
export function supervisor(options: SupervisorOptions): SupervisorDefinition {
  checkSupervisorOptions(options)
  const definition: SupervisorDefinition & Spawnable = {
    kind: 'supervisor',
    spawn: (runtime, process, handle) => {
      const behaviour = new Supervisor(runtime, process, options)
      return { behaviour, ref: supervisorRef(process, behaviour, handle) }
    },
  }
  return definition
}

function supervisorRef(process: Process, behaviour: Supervisor, handle: ProcessHandle): SupervisorRef {
  const request = async <Answer>(work: () => Answer | Promise<Answer>): Promise<Answer> => {
    const makeMessage = (from: PendingCall): SupervisorMessage => ({ type: 'request', work, from })
    // The answer is what `work` returned.
    return (await process.ask(makeMessage, Number.POSITIVE_INFINITY)) as Answer
  }
  return Object.assign(handle as ProcessHandle & { readonly kind: 'supervisor' }, {
    startChild: (spec: ChildSpec) => request(() => behaviour.startChild(spec)),
    terminateChild: (id: string) => request(() => behaviour.terminateChild(id)),
    restartChild: (id: string) => request(() => behaviour.restartChild(id)),
    deleteChild: (id: string) => request(() => behaviour.deleteChild(id)),
    whichChildren: () => request(() => behaviour.whichChildren()),
    countChildren: () => request(() => behaviour.countChildren()),
  })
}

type Request = {
  readonly type: 'request'
  readonly work: () => unknown
  readonly from: PendingCall
}

type SupervisorMessage =
  | Request
  /** A restart failed; it is tried again, unless somebody started or stopped the child meanwhile. */
  | { readonly type: 'retry'; readonly child: Child; readonly reason: ExitReason }

interface Child {
  readonly spec: ChildSpec
  ref: ProcessRef | undefined
  /** Whether its restart failed and is to be tried again. */
  isAwaited: boolean
  restarts: number
}

class Supervisor implements Behaviour {
  readonly #runtime: Runtime
  readonly #process: Process
  readonly #options: SupervisorOptions
  #children: Child[]
  readonly #restarts: Restarts

  constructor(runtime: Runtime, process: Process, options: SupervisorOptions) {
    this.#runtime = runtime
    this.#process = process
    this.#options = options
    this.#restarts = new Restarts(runtime.host.clock, process)
    this.#children = options.children.map((spec) => ({ spec, ref: undefined, isAwaited: false, restarts: 0 }))
  }

  async start(): Promise<void> {
    for (const child of this.#children) {
      try {
        await this.#start(child)
      } catch (error) {
        await this.#stopAll(this.#children)
        throw new RunnerError('ERR_CHILD_START', `child "${child.spec.id}" did not start: ${messageOf(error)}`, {
          cause: error,
        })
      }
    }
  }

  receive(message: Message): void | Promise<void> {
    // Only this package sends to supervisors, and it sends these messages.
    const known = message as SupervisorMessage | ProcessMessage
    switch (known.type) {
      case 'exit':
        return this.#childExited(known.from, known.reason)
      case 'request':
        return this.#answer(known)
      case 'retry':
        return known.child.isAwaited ? this.#restart(known.child, known.reason) : undefined
      case 'call':
        known.from.fail(new RunnerError('ERR_NO_HANDLER', `${this.#process.title} answers no calls`))
        return undefined
      case 'cast':
      case 'info':
        this.#process.log('warn', 'unexpected_message', [known.message])
        return undefined
      case 'start':
      case 'stop':
        return undefined // the process handles these itself
      default:
        return unreachable(known)
    }
  }

  terminate(): Promise<void> {
    return this.#stopAll(this.#children)
  }

  inspect(): SupervisionSnapshot {
    return {
      strategy: this.#options.strategy,
      restarts: this.#restarts.count,
      children: this.#children.map(({ spec, ref, restarts }) => ({
        id: spec.id,
        process: ref === undefined ? undefined : processOf(ref),
        restarts,
      })),
    }
  }

  async startChild(spec: ChildSpec): Promise<ProcessRef> {
    checkChildSpec(spec, this.#options.autoShutdown ?? 'never')
    if (this.#children.some(({ spec: { id } }) => id === spec.id)) {
      throw new RunnerError(
        'ERR_DUPLICATE_CHILD',
        `${this.#process.title} has a child "${spec.id}" already; choose another id`,
      )
    }
    this.#checkRoom(spec.id)
    const child: Child = { spec, ref: undefined, isAwaited: false, restarts: 0 }
    const ref = await this.#start(child)
    const isKept = child.ref !== undefined || spec.restart !== 'temporary'
    if (isKept) this.#children.push(child)
    return ref
  }

  async terminateChild(id: string): Promise<void> {
    const child = this.#find(id)
    await this.#stop(child)
    if (child.spec.restart === 'temporary') this.#forget(child)
  }

  async restartChild(id: string): Promise<ProcessRef> {
    const child = this.#findStopped(id)
    this.#checkRoom(id)
    return this.#start(child)
  }

  deleteChild(id: string): void {
    this.#forget(this.#findStopped(id))
  }

  whichChildren(): readonly ChildInfo[] {
    return this.#children.map(({ spec, ref }) => ({
      id: spec.id,
      kind: spec.start.kind,
      restart: spec.restart ?? 'permanent',
      ref,
    }))
  }

  countChildren(): ChildCounts {
    const supervisors = this.#children.filter(({ spec }) => spec.start.kind === 'supervisor').length
    return {
      specs: this.#children.length,
      active: this.#children.filter(({ ref }) => ref !== undefined).length,
      supervisors,
      workers: this.#children.length - supervisors,
    }
  }

  async #answer({ work, from }: Request): Promise<void> {
    try {
      from.reply(await work())
    } catch (error) {
      // The caller's mistake, or a child that did not start: the caller's business, not the supervisor's end.
      const reason = reasonOf(error)
      from.fail(reason instanceof Error ? reason : new RunnerError('ERR_CHILD_START', messageOf(error)))
    }
  }

  async #childExited(process: Process, reason: ExitReason): Promise<void> {
    const child = this.#children.find(({ ref }) => ref !== undefined && processOf(ref) === process)
    if (child === undefined) return
    child.ref = undefined
    if (isRestarted(child.spec, reason)) {
      await this.#restart(child, reason)
      return
    }
    if (child.spec.restart === 'temporary') this.#forget(child)
    if (this.#endsWith(child)) this.#process.requestStop('shutdown')
  }

  #endsWith(ended: Child): boolean {
    if (ended.spec.significant !== true) return false
    if (this.#options.autoShutdown === 'anySignificant') return true
    return !this.#children.some(({ spec, ref }) => spec.significant === true && ref !== undefined)
  }

  /**
   * Restarts `failed` and those that go with it: stops the group, then starts it in order. A start that fails is tried again, and
   * counted, in a turn of its own: what happened meanwhile, such as the end of the producer that the child looks for, comes first.
   */
  async #restart(failed: Child, reason: ExitReason): Promise<void> {
    if (this.#restarts.isOneTooMany(failed.spec.id, reason, this.#options)) return
    const group = this.#groupOf(failed)
    await this.#stopAll(group)
    for (const child of group) {
      if (child !== failed && child.spec.restart === 'temporary') this.#forget(child)
      else if (!(await this.#startAgain(child))) return
    }
  }

  /** Answers whether the child is up; it will be retried if not. */
  async #startAgain(child: Child): Promise<boolean> {
    try {
      await this.#start(child)
      child.restarts++
      return true
    } catch (error) {
      this.#process.log('error', 'child_start_failed', [child.spec.id, error])
      child.isAwaited = true
      const retry: SupervisorMessage = { type: 'retry', child, reason: reasonOf(error) }
      this.#process.send(retry)
      return false
    }
  }

  #groupOf(child: Child): readonly Child[] {
    switch (this.#options.strategy) {
      case 'oneForOne':
        return [child]
      case 'restForOne':
        return this.#children.slice(this.#children.indexOf(child))
      case 'oneForAll':
        return [...this.#children]
      default:
        return unreachable(this.#options.strategy)
    }
  }

  async #start(child: Child): Promise<ProcessRef> {
    const { start, name, trapExits } = child.spec
    const ref = await this.#runtime.start(start, { name, trapExits }, this.#process)
    child.ref = processOf(ref).isIgnored ? undefined : ref
    child.isAwaited = false
    return ref
  }

  /** One after the other, last first: what was started later may need what was started earlier. */
  async #stopAll(children: readonly Child[]): Promise<void> {
    for (const child of [...children].reverse()) await this.#stop(child)
  }

  async #stop(child: Child): Promise<void> {
    child.isAwaited = false
    if (child.ref === undefined) return
    const process = processOf(child.ref)
    child.ref = undefined
    const shutdown = child.spec.shutdown ?? (process.kind === 'supervisor' ? 'infinity' : DEFAULT_SHUTDOWN_MS)
    await stopChild(this.#runtime.host.clock, this.#process, process, shutdown)
  }

  #checkRoom(id: string): void {
    const { maxChildren = Number.POSITIVE_INFINITY } = this.#options
    const running = this.#children.filter(({ ref }) => ref !== undefined).length
    if (running < maxChildren) return
    throw new RunnerError(
      'ERR_MAX_CHILDREN',
      `${this.#process.title} cannot start child "${id}": ${running} children run, and maxChildren is ${maxChildren}; ` +
        'wait for one to end, terminate one, or raise maxChildren',
    )
  }

  #find(id: string): Child {
    const child = this.#children.find(({ spec }) => spec.id === id)
    if (child === undefined) throw new RunnerError('ERR_UNKNOWN_CHILD', `${this.#process.title} has no child "${id}"`)
    return child
  }

  #findStopped(id: string): Child {
    const child = this.#find(id)
    if (child.ref !== undefined) {
      throw new RunnerError(
        'ERR_CHILD_RUNNING',
        `child "${id}" of ${this.#process.title} is running; terminate it first`,
      )
    }
    return child
  }

  #forget(child: Child): void {
    child.isAwaited = false
    this.#children = this.#children.filter((other) => other !== child)
  }
}

function isRestarted({ restart = 'permanent' }: ChildSpec, reason: ExitReason): boolean {
  if (restart === 'temporary') return false
  return restart === 'permanent' || !isClean(reason)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
