/**
 * A process: a mailbox and a behaviour that handles one message to its end before the next.
 *
 *     starting ──▶ running ──▶ stopping ──▶ dead
 *         │           │  stop, throw, parent's exit: terminate runs
 *         └───────────┴───── failed start, kill, untrapped exit: at once ──▶ dead
 *
 * A handler that returns a promise keeps its process waiting, and only its process; a handler that returns nothing costs no
 * promise. What is thrown ends the process with that error as reason, never the program. Running JavaScript cannot be stopped:
 * `kill` marks the process dead, drops its mail, aborts its signal and ignores whatever its handler still answers.
 *
 * On death, in this order: open calls fail, watchers learn the reason (the runtime, first of all, frees the name), linked
 * processes get the exit, the signal aborts.
 */

import { unreachable } from '../host/errors.ts'
import type { Host, LogLevel } from '../host/host.ts'
import { BusyMeter, type BusyReading } from './busy-meter.ts'
import { ExitError, reasonOf, type ExitReason } from './exit-reason.ts'
import { DEFAULT_CALL_TIMEOUT_MS, PendingCall, type CallOptions } from './call.ts'
import { Mailbox } from './mailbox.ts'
import type { ProcessRef } from './ref.ts'
import type { Scheduler } from './scheduler.ts'

/** A message that every process may get; all messages are told apart by `type`. */
export type ProcessMessage =
  | { readonly type: 'start' }
  | { readonly type: 'stop'; readonly reason: ExitReason }
  /** Somebody linked ended; only a process that traps exits gets it. */
  | { readonly type: 'exit'; readonly from: Process; readonly reason: ExitReason }
  | { readonly type: 'call'; readonly message: unknown; readonly from: PendingCall }
  | { readonly type: 'cast'; readonly message: unknown }
  | { readonly type: 'info'; readonly message: unknown }

/** Any message: the process's own, or one that only its behaviour knows. */
export interface Message {
  readonly type: string
}

/** What a process does. Each function may throw or reject, and that ends the process. */
export interface Behaviour {
  /** Runs before the first message. A failure fails the start. */
  start(): void | Promise<void>
  /** Handles one message; the next one waits for the promise. */
  receive(message: Message): void | Promise<void>
  /** Runs on an orderly end and after a crash, not on a kill. */
  terminate(reason: ExitReason): void | Promise<void>
  /** The children to show in the supervision tree. */
  inspect?(): SupervisionSnapshot
}

/** What a supervisor shows of itself. */
export interface SupervisionSnapshot {
  readonly strategy: string
  readonly restarts: number
  readonly children: readonly {
    readonly id: string
    readonly process: Process | undefined
    readonly restarts: number
  }[]
}

/** Where a process is in its life. */
export type ProcessState = 'starting' | 'running' | 'stopping' | 'dead'

/** What a process needs to know at birth. */
export interface ProcessOptions {
  readonly id: number
  readonly kind: string
  readonly name: string | undefined
  readonly trapExits: boolean
  /** The supervisor; a process that traps exits stops when it ends. */
  readonly parent: Process | undefined
}

const START: ProcessMessage = { type: 'start' }

/** One actor. Its mailbox, state and links are written by itself alone. */
export class Process {
  readonly id: number
  readonly kind: string
  readonly name: string | undefined
  readonly trapExits: boolean
  readonly parent: Process | undefined
  /** When it was made, on the monotonic clock. */
  readonly bornMs: number
  readonly #host: Host
  readonly #scheduler: Scheduler
  readonly #mailbox: Mailbox<Message> = new Mailbox()
  readonly #calls = new Set<PendingCall>()
  readonly #forgetCall = (call: PendingCall): void => {
    this.#calls.delete(call)
  }
  readonly #links = new Set<Process>()
  readonly #watchers = new Set<(reason: ExitReason) => void>()
  readonly #busyMeter = new BusyMeter()
  /** Runs until the next one that is measured. */
  #untilMeasured = 0
  #behaviour: Behaviour | undefined
  #ref: ProcessRef | undefined
  #onStarted: (() => void) | undefined
  #state: ProcessState = 'starting'
  #isQueued = false
  #isHandling = false
  #isWaiting = false
  #stopReason: ExitReason | undefined
  #isIgnored = false
  #exitReason: ExitReason = 'noproc'
  #abort: AbortController | undefined
  readonly #onFulfilled = (): void => {
    if (!this.#isWaiting) return // killed meanwhile
    this.#wake()
    this.#handled()
    this.#resume()
  }
  readonly #onRejected = (error: unknown): void => {
    if (!this.#isWaiting) return // killed meanwhile
    this.#wake()
    this.#crash(error)
    this.#resume()
  }

  constructor(host: Host, scheduler: Scheduler, options: ProcessOptions) {
    this.#host = host
    this.#scheduler = scheduler
    this.id = options.id
    this.kind = options.kind
    this.name = options.name
    this.trapExits = options.trapExits
    this.parent = options.parent
    this.bornMs = host.clock.monotonic()
  }

  /** Gives the process its behaviour and its first turn; `onStarted` is called once, unless the process dies before. */
  begin(behaviour: Behaviour, ref: ProcessRef, onStarted: () => void): void {
    this.#behaviour = behaviour
    this.#ref = ref
    this.#onStarted = onStarted
    this.send(START)
  }

  get state(): ProcessState {
    return this.#state
  }

  get isAlive(): boolean {
    return this.#state !== 'dead'
  }

  /** Whether its start found that there is nothing to run: no failure, but no process either. */
  get isIgnored(): boolean {
    return this.#isIgnored
  }

  /** Whether a callback runs or is waited for. */
  get isBusy(): boolean {
    return this.#isHandling || this.#isWaiting
  }

  /** How long it has been busy. */
  get busy(): BusyReading {
    return this.#busyMeter.reading()
  }

  /** Whether the process ends as soon as its running callback does; a behaviour starts nothing new then. */
  get isEnding(): boolean {
    return this.#stopReason !== undefined || this.#state === 'stopping' || this.#state === 'dead'
  }

  /** How many messages wait. */
  get mailboxLength(): number {
    return this.#mailbox.length
  }

  /** Why the process ended; `noproc` while it lives. */
  get exitReason(): ExitReason {
    return this.#exitReason
  }

  /** How the process is called in messages for people. */
  get title(): string {
    return this.name === undefined ? `${this.kind} #${this.id}` : `${this.kind} "${this.name}"`
  }

  /** Aborted when the process is gone. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#state === 'dead') this.#abort.abort(new ExitError(this.title, this.#exitReason))
    }
    return this.#abort.signal
  }

  /** What the outside holds of this process. */
  get ref(): ProcessRef {
    // Nobody learns of a process before `begin` gave it its ref.
    return this.#ref as ProcessRef
  }

  /** What it does, for those who show it. */
  get behaviour(): Behaviour | undefined {
    return this.#behaviour
  }

  /** Puts a message in the mailbox. Never blocks, never fails; mail for the dead vanishes. */
  send<Sent extends Message>(message: Sent): void {
    if (this.#state === 'dead') return
    this.#mailbox.push(message)
    if (!this.#isQueued && !this.#isWaiting && !this.#isHandling) this.#requeue()
  }

  /**
   * Sends a question and resolves with the answer.
   *
   * @param makeMessage Puts the caller into a message.
   * @throws ExitError, as a rejection, when the process is gone before it answered; `ERR_CALL_TIMEOUT` after the timeout; the
   *   reason of an aborted signal.
   */
  ask<Sent extends Message>(
    makeMessage: (from: PendingCall) => Sent,
    options: number | CallOptions = DEFAULT_CALL_TIMEOUT_MS,
  ): Promise<unknown> {
    const { timeoutMs = DEFAULT_CALL_TIMEOUT_MS, signal } =
      typeof options === 'number' ? { timeoutMs: options } : options
    const call = new PendingCall(this.#host.clock, this.title, timeoutMs, this.#forgetCall)
    if (signal !== undefined) call.failOn(signal)
    if (this.#state === 'dead') {
      call.fail(new ExitError(this.title, 'noproc'))
    } else if (signal?.aborted !== true) {
      this.#calls.add(call)
      this.send(makeMessage(call))
    }
    return call.answer
  }

  /** Ends the process in the order of its mail, with `terminate`; resolves when it is gone. */
  stop(reason: ExitReason): Promise<void> {
    return new Promise((resolve) => {
      this.watch(() => resolve())
      this.send({ type: 'stop', reason })
    })
  }

  /** Ends the process after its running callback, or as its next message if none runs. */
  requestStop(reason: ExitReason): void {
    if (this.isBusy) this.#stopReason ??= reason
    else this.send({ type: 'stop', reason })
  }

  /** Called by the behaviour's start: there is nothing to run. The process ends with `normal` as soon as that is done. */
  ignore(): void {
    this.#isIgnored = true
    this.#stopReason ??= 'normal'
  }

  /** Ends the process now. Cannot be trapped; `terminate` does not run. */
  kill(): void {
    this.#exit('killed')
  }

  /** Calls `watcher`, which must not throw, once with the exit reason; at once with `noproc` if the process is gone. */
  watch(watcher: (reason: ExitReason) => void): () => void {
    if (this.#state === 'dead') {
      watcher('noproc')
      return () => {}
    }
    this.#watchers.add(watcher)
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  /** Ties two lives together: an abnormal end of one ends the other, unless that one traps exits. */
  link(other: Process): void {
    if (other.state === 'dead') {
      this.signalExit(other, 'noproc')
    } else if (this.#state === 'dead') {
      other.signalExit(this, 'noproc')
    } else {
      this.#links.add(other)
      other.#links.add(this)
    }
  }

  /** Undoes {@link Process.link}. */
  unlink(other: Process): void {
    this.#links.delete(other)
    other.#links.delete(this)
  }

  /** The end of `from`, or its wish that this process ends, reaches this process. */
  signalExit(from: Process, reason: ExitReason): void {
    if (this.#state === 'dead') return
    if (this.trapExits) this.send({ type: 'exit', from, reason })
    else if (reason !== 'normal') this.#exit(reason)
  }

  /** Tells the operator something about this process: a code with its arguments and, where that is not enough, a sentence. */
  log(level: LogLevel, code: string, args: readonly unknown[] = [], message?: string): void {
    this.#host.logger.log({ level, code, args, message, stage: this.name ?? this.title })
  }

  /** Called by the scheduler alone. */
  run(limit: number): number {
    if (this.#untilMeasured === 0) return this.#runMeasured(limit)
    this.#untilMeasured--
    return this.#handleMail(limit)
  }

  #runMeasured(limit: number): number {
    const startedMs = this.#scheduler.readClock()
    const handled = this.#handleMail(limit)
    // A wait is measured by itself, from the reading above.
    const endedMs = this.#isWaiting ? startedMs : this.#scheduler.readClock()
    this.#untilMeasured = this.#busyMeter.measured(startedMs, endedMs)
    return handled
  }

  #handleMail(limit: number): number {
    this.#isQueued = false
    this.#isHandling = true
    let handled = 0
    while (handled < limit && !this.#isWaiting) {
      const message = this.#mailbox.shift()
      if (message === undefined) break
      handled++
      try {
        const pending = this.#handle(message)
        if (pending !== undefined) this.#wait(pending)
        else if (this.#stopReason !== undefined || this.#state !== 'running') this.#handled()
      } catch (error) {
        this.#crash(error)
      }
    }
    this.#isHandling = false
    this.#requeue()
    return handled
  }

  #requeue(): void {
    if (this.#isQueued || this.#isWaiting || this.#isHandling || this.#mailbox.length === 0) return
    this.#isQueued = true
    this.#scheduler.enqueue(this)
  }

  #handle(message: Message): void | Promise<void> {
    // A process gets its first message from `begin`, which sets the behaviour.
    const behaviour = this.#behaviour as Behaviour
    switch (message.type) {
      case 'start':
        return behaviour.start()
      case 'stop':
        this.#stopReason ??= (message as ProcessMessage & { type: 'stop' }).reason
        return undefined
      case 'exit': {
        const { from, reason } = message as ProcessMessage & { type: 'exit' }
        if (from !== this.parent) return behaviour.receive(message)
        this.#stopReason ??= reason
        return undefined
      }
      default:
        return behaviour.receive(message)
    }
  }

  #wait(pending: Promise<void>): void {
    if (this.#state === 'dead') {
      // The handler killed its own process; what it still answers, or fails with, concerns nobody.
      pending.then(ignore, ignore)
      return
    }
    this.#isWaiting = true
    // Counted from the last reading of the clock: the callback began at most a few quick messages after it.
    this.#busyMeter.beginWait(this.#scheduler.lastReadMs)
    this.#scheduler.enter()
    pending.then(this.#onFulfilled, this.#onRejected)
  }

  #wake(): void {
    this.#busyMeter.endWait(this.#scheduler.wake())
    this.#isWaiting = false
    this.#isHandling = true
  }

  #resume(): void {
    this.#isHandling = false
    this.#requeue()
    this.#scheduler.leave()
  }

  /** The one place where a handler's orderly end moves the process on. */
  #handled(): void {
    switch (this.#state) {
      case 'starting':
        if (this.#isIgnored) this.#onStarted?.()
        if (this.#stopReason !== undefined) return this.#exit(this.#stopReason)
        this.#state = 'running'
        this.#onStarted?.()
        return undefined
      case 'running':
        return this.#stopReason === undefined ? undefined : this.#terminate(this.#stopReason)
      case 'stopping':
        return this.#exit(this.#stopReason ?? 'normal')
      case 'dead':
        return undefined
      default:
        return unreachable(this.#state)
    }
  }

  #crash(error: unknown): void {
    if (this.#state === 'dead') return
    const reason = reasonOf(error)
    if (this.#state === 'starting') {
      this.#exit(reason)
      return
    }
    this.log('error', 'crashed', [reason])
    if (this.#state === 'stopping') this.#exit(reason)
    else this.#terminate(reason)
  }

  #terminate(reason: ExitReason): void {
    this.#state = 'stopping'
    this.#stopReason = reason
    try {
      const pending = (this.#behaviour as Behaviour).terminate(reason)
      if (pending !== undefined) this.#wait(pending)
      else this.#handled()
    } catch (error) {
      this.#crash(error)
    }
  }

  #exit(reason: ExitReason): void {
    if (this.#state === 'dead') return
    const wasWaiting = this.#isWaiting
    this.#state = 'dead'
    this.#exitReason = reason
    this.#isWaiting = false
    this.#mailbox.clear()
    const calls = [...this.#calls]
    for (const call of calls) call.fail(new ExitError(this.title, reason))
    const watchers = [...this.#watchers]
    this.#watchers.clear()
    for (const watcher of watchers) watcher(reason)
    const links = [...this.#links]
    for (const other of links) {
      this.unlink(other)
      other.signalExit(this, reason)
    }
    this.#abort?.abort(new ExitError(this.title, reason))
    if (wasWaiting) this.#scheduler.leave()
  }
}

function ignore(): void {}
