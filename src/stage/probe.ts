/**
 * A consumer for tests: it asks when it is told to and keeps what comes.
 *
 *     open ── subscription lost, stage gone ──▶ ended (what came before can still be read)
 *       └──── cancel ────────────────────────▶ ended
 *
 * It is a stage of its own in the system of the stage it is a probe of, with a temporary subscription in manual mode. Whoever waits
 * when it ends is told why.
 */

import { RunnerError } from '../host/errors.ts'
import { checkCallOptions } from '../process/call.ts'
import { describeReason, type ExitReason } from '../process/exit-reason.ts'
import { notAnInteger, refuse, shown } from '../process/mistakes.ts'
import type { Process } from '../process/process.ts'
import { ProcessHandle, processOf, runtimeOf, type ProcessRef } from '../process/ref.ts'
import type { Runtime } from '../process/runtime.ts'
import { consumer, type Source, type SubscribeRequest } from './definition.ts'
import { events } from './flow-words.ts'
import { openSubscription } from './open-subscription.ts'
import type { ProducerRef } from './stage-ref.ts'
import type { Subscription } from './subscription-link.ts'

/** Options of {@link probe}: those of the subscription, and how long to wait. */
export interface ProbeOptions {
  /** How long {@link Probe.next}, {@link Probe.take} and {@link Probe.ended} wait, in milliseconds. Default: 1000. */
  readonly timeoutMs?: number | undefined
  /** Options for both `handleSubscribe` callbacks, or the dispatcher, such as `partition` or `selector`. */
  readonly [option: string]: unknown
}

/** Options of one wait. */
export interface ProbeWaitOptions {
  /** How long to wait, in milliseconds; `Infinity` is for as long as it takes. Default: that of the probe. */
  readonly timeoutMs?: number | undefined
  /** Ends the waiting: it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined
}

/** A test's end of a subscription. */
export interface Probe<Out> extends AsyncDisposable {
  /** Everything that came so far, in order. */
  readonly events: readonly Out[]
  /** The same, as the messages in which it came. */
  readonly messages: readonly (readonly Out[])[]
  /** How many events were asked for so far. */
  readonly asked: number
  /** Why the subscription ended; absent while it lasts. */
  readonly reason: ExitReason | undefined
  /**
   * Asks for `count` events.
   *
   * @throws `ERR_BAD_DEMAND` when `count` is no integer >= 0; `ERR_PROBE_ENDED` when the subscription has ended.
   */
  ask(count: number): void
  /**
   * Resolves with the next `count` events that no call was answered with before, as soon as they are there. It asks for nothing.
   * What came before the end can be read after it.
   *
   * @param count Default: 1.
   * @throws `ERR_PROBE_TIMEOUT`, which says what was asked for and what came; `ERR_PROBE_ENDED` when the subscription ends
   *   before; the signal's reason; `ERR_BAD_OPTIONS`.
   */
  next(count?: number, options?: ProbeWaitOptions): Promise<readonly Out[]>
  /** Asks for `count` events and resolves with the next `count`: {@link Probe.ask} and {@link Probe.next}. */
  take(count: number, options?: ProbeWaitOptions): Promise<readonly Out[]>
  /**
   * Resolves with the reason when the subscription has ended.
   *
   * @throws `ERR_PROBE_TIMEOUT`; the signal's reason.
   */
  ended(options?: ProbeWaitOptions): Promise<ExitReason>
  /** Cancels the subscription; resolves when the producer has confirmed it and the probe is gone. Default: `normal`. */
  cancel(reason?: ExitReason): Promise<void>
}

const DEFAULT_TIMEOUT_MS = 1000

/**
 * Subscribes a test to a running stage, by hand: nothing comes that the test did not ask for. Use `system.idle()` to let everything
 * happen that is going to, and {@link Probe.events} to see that nothing more came.
 *
 * @throws As a rejection: `ERR_PROBE_ENDED` when the stage is gone, or its dispatcher refuses the subscription (a stage that is in
 *   the middle of a callback refuses it later, which the first wait is told); `ERR_NOT_A_PRODUCER`; `ERR_BAD_OPTIONS`.
 */
export async function probe<Out>(stage: ProducerRef<Out>, options: ProbeOptions = {}): Promise<Probe<Out>> {
  refuse('a probe', stage instanceof ProcessHandle ? [] : [`expected a running stage, got ${shown(stage)}`])
  const { timeoutMs = DEFAULT_TIMEOUT_MS, ...request } = options
  checkCallOptions(timeoutMs)
  const made = new StageProbe<Out>(runtimeOf(stage), processOf(stage).title, timeoutMs)
  await made.open(stage, request)
  return made
}

/** Somebody who waits. */
interface Waiter {
  readonly what: string
  /** Answers whether the wait is over. */
  settle(): boolean
  fail(error: unknown): void
}

class StageProbe<Out> implements Probe<Out> {
  readonly #runtime: Runtime
  readonly #title: string
  readonly #timeoutMs: number
  readonly #messages: (readonly Out[])[] = []
  readonly #events: Out[] = []
  #stage: ProcessRef | undefined
  #subscription: Subscription | undefined
  #asked = 0
  /** Events that a call was answered with. */
  #read = 0
  #reason: ExitReason | undefined
  #waiters: readonly Waiter[] = []

  constructor(runtime: Runtime, title: string, timeoutMs: number) {
    this.#runtime = runtime
    this.#title = title
    this.#timeoutMs = timeoutMs
  }

  get events(): readonly Out[] {
    return this.#events
  }

  get messages(): readonly (readonly Out[])[] {
    return this.#messages
  }

  get asked(): number {
    return this.#asked
  }

  get reason(): ExitReason | undefined {
    return this.#reason
  }

  async open(stage: Source<Out> & ProcessRef, request: Readonly<Record<string, unknown>>): Promise<void> {
    const definition = consumer<Out>(() => ({
      handleSubscribe: () => 'manual',
      handleEvents: (events) => this.#arrived(events),
      handleCancel: ({ reason }) => this.#end(reason),
    }))
    const ref = await this.#runtime.start(definition)
    this.#stage = ref
    ref.monitor((reason) => this.#end(reason))
    try {
      await this.#subscribe(processOf(ref), { ...request, to: stage, cancel: 'temporary' })
    } catch (error) {
      await ref.stop()
      throw error
    }
  }

  async #subscribe(process: Process, request: SubscribeRequest<Out>): Promise<void> {
    const subscription = openSubscription(this.#runtime, process, request)
    this.#subscription = subscription
    await process.ask((from) => ({ type: 'subscribeTo', subscription, replaces: undefined, from }))
    // Behind the notice of a producer that is gone.
    await process.ask((from) => ({ type: 'getDemand', from }))
    if (this.#reason !== undefined) throw this.#endedError('cannot subscribe')
  }

  ask(count: number): void {
    if (this.#reason !== undefined) throw this.#endedError(`cannot ask for ${count}`)
    this.#subscription?.ask(count)
    this.#asked += count
  }

  async next(count: number = 1, options: ProbeWaitOptions = {}): Promise<readonly Out[]> {
    refuse('the wait of a probe', notAnInteger('count', count, 1))
    return this.#wait<readonly Out[]>(`waited for ${events(count)}`, options, () => {
      if (this.#events.length - this.#read < count) return undefined
      const next = this.#events.slice(this.#read, this.#read + count)
      this.#read += count
      return next
    })
  }

  async take(count: number, options: ProbeWaitOptions = {}): Promise<readonly Out[]> {
    this.ask(count)
    return this.next(count, options)
  }

  async ended(options: ProbeWaitOptions = {}): Promise<ExitReason> {
    return this.#wait<ExitReason>('waited for the end', options, () => this.#reason)
  }

  async cancel(reason: ExitReason = 'normal'): Promise<void> {
    this.#subscription?.cancel(reason)
    try {
      // A producer that takes long over a callback is waited for no longer than for anything else.
      if (this.#reason === undefined) await this.ended()
    } finally {
      await this.#stage?.stop()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cancel()
  }

  #arrived(message: readonly Out[]): void {
    this.#messages.push(message)
    this.#events.push(...message)
    this.#settle()
  }

  #end(reason: ExitReason): void {
    if (this.#reason !== undefined) return
    this.#reason = reason
    this.#settle()
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.fail(this.#endedError(waiter.what))
  }

  /** First come, first served. */
  #settle(): void {
    this.#waiters = this.#waiters.filter((waiter) => !waiter.settle())
  }

  #wait<Answer>(what: string, options: ProbeWaitOptions, look: () => Answer | undefined): Promise<Answer> {
    checkCallOptions(options)
    const { timeoutMs = this.#timeoutMs, signal } = options
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      const answer = this.#waiters.length === 0 ? look() : undefined
      if (answer !== undefined) return resolve(answer)
      if (this.#reason !== undefined) throw this.#endedError(what)
      const waiter: Waiter = {
        what,
        settle: () => {
          const found = look()
          if (found === undefined) return false
          release()
          resolve(found)
          return true
        },
        fail: (error) => {
          this.#waiters = this.#waiters.filter((other) => other !== waiter)
          release()
          reject(error)
        },
      }
      const abort = (): void => waiter.fail(signal?.reason)
      const expire = (): void => waiter.fail(this.#error('ERR_PROBE_TIMEOUT', `${what} for ${timeoutMs} ms`))
      const isBounded = timeoutMs !== Number.POSITIVE_INFINITY
      const timer = isBounded ? this.#runtime.host.clock.after(timeoutMs, expire) : undefined
      signal?.addEventListener('abort', abort, { once: true })
      const release = (): void => {
        timer?.cancel()
        signal?.removeEventListener('abort', abort)
      }
      this.#waiters = [...this.#waiters, waiter]
      return undefined
    })
  }

  #endedError(what: string): RunnerError {
    const reason = this.#reason ?? 'normal'
    return this.#error('ERR_PROBE_ENDED', `${what}, but the subscription has ended: ${describeReason(reason)}`, reason)
  }

  #error(code: string, what: string, cause?: unknown): RunnerError {
    const unread = this.#events.length - this.#read
    const counts = `asked for ${events(this.#asked)} in all, received ${this.#events.length}, ${unread} of them unread`
    return new RunnerError(code, `the probe of ${this.#title} ${what} (${counts})`, { cause })
  }
}
