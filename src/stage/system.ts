/** The system: where stages and supervisors run. */

import { nodeHost, type Host } from '../host/host.ts'
import type { ExitReason } from '../process/exit-reason.ts'
import { refuse, shown, unknownOptions } from '../process/mistakes.ts'
import { ProcessHandle, processOf, type ProcessRef } from '../process/ref.ts'
import type { Definition } from '../process/definition.ts'
import { Runtime, type StartOptions } from '../process/runtime.ts'
import type { SubscribeRequest } from './definition.ts'
import { FlowHistory, type Sample } from './flow-history.ts'
import { openSubscription } from './open-subscription.ts'
import type { Replacement } from './protocol.ts'
import { readCounters, takeSnapshot, type SystemSnapshot } from './snapshot.ts'
import type { ConsumerRef } from './stage-ref.ts'
import { SubscriptionStream, type EventStream, type StreamOptions } from './stream.ts'
import type { Subscription, SubscriptionLink } from './subscription-link.ts'

/** Options of a {@link System}. */
export interface SystemOptions {
  /** Where time, chance and log come from. Default: the Node.js process. */
  readonly host?: Host | undefined
}

/** Options of {@link System.subscribe}. */
export interface SubscribeCallOptions {
  /** Whether to resolve at once, without waiting for the consumer to have subscribed. Default: `false`. */
  readonly async?: boolean | undefined
  /**
   * Aborting it cancels the subscription with `shutdown`; a subscribe that is still waiting for the consumer rejects with the
   * signal's reason.
   */
  readonly signal?: AbortSignal | undefined
}

/** A set of processes that know each other by name. An idle system does not keep the program alive. */
export class System implements AsyncDisposable {
  readonly #runtime: Runtime
  readonly #history = new FlowHistory()

  /** @throws `ERR_BAD_OPTIONS`. */
  constructor(options: SystemOptions = {}) {
    refuse('a system', unknownOptions('a system', options, ['host']))
    this.#runtime = new Runtime(options.host ?? nodeHost())
    this.#runtime.scheduler.lookNowAndThen((sinceMs, nowMs) => this.#history.add(this.#sample(sinceMs, nowMs)))
  }

  /**
   * Starts a stage or a supervisor that nobody supervises, and resolves when it is up: its function has returned and its
   * `subscribeTo` is done.
   *
   * @throws What the stage's function threw; ExitError when it ended while starting; `ERR_NAME_TAKEN`; `ERR_SYSTEM_STOPPED`.
   */
  start<Ref extends ProcessRef>(definition: Definition<Ref>, options?: StartOptions): Promise<Ref> {
    return this.#runtime.start(definition, options)
  }

  /**
   * Makes a running consumer subscribe, and resolves when it has told the producer. A subscription to a name that nobody has
   * ends a consumer with `noproc`, unless it is temporary: then it is over from the beginning.
   *
   * @throws `ERR_BAD_OPTIONS`; `ERR_NOT_A_CONSUMER`; `ERR_NOT_A_PRODUCER`; `ERR_AMBIGUOUS_PRODUCER` for a definition that runs
   *   more than once; ExitError when the consumer is gone; the reason of an aborted signal.
   */
  subscribe<In>(
    consumer: ConsumerRef<In>,
    request: NoInfer<SubscribeRequest<In>>,
    options?: SubscribeCallOptions,
  ): Promise<Subscription> {
    return this.#subscribe(consumer, request, undefined, options)
  }

  /**
   * Replaces a subscription by another one in one step; events that the old one had asked for and not got are credited to the
   * new one. The consumer loses the old one in the end, so a permanent one stops it: only replace temporary ones.
   *
   * @throws The same as {@link System.subscribe}.
   */
  resubscribe<In = unknown>(
    subscription: Subscription,
    reason: ExitReason,
    request: SubscribeRequest<In>,
    options?: SubscribeCallOptions,
  ): Promise<Subscription> {
    // Every subscription is a SubscriptionLink; Subscription is an interface only to hide what is inside.
    const replaces: Replacement = { subscription: subscription as SubscriptionLink, reason }
    return this.#subscribe(subscription.consumer, request, replaces, options)
  }

  /**
   * Reads what producers emit, as an async iterable: subscribes on the first read, asks as the reader comes along, and sets the
   * producers to `forward`. Leaving early (`break`, `return()`) cancels with `normal` and waits until nothing is left behind. A lost
   * producer fails the stream (`permanent`, the default, whatever the reason; `transient`, unless the reason is clean) or just
   * ends its subscription; without any subscription left the stream ends.
   *
   * @throws `ERR_BAD_OPTIONS`; on reading: ExitError when a producer is lost or not there; the signal's reason; what {@link System.subscribe} throws.
   */
  stream<Item>(subscriptions: readonly SubscribeRequest<Item>[], options: StreamOptions = {}): EventStream<Item> {
    refuse('a stream', [
      ...(Array.isArray(subscriptions) ? [] : [`expected an array of subscriptions, got ${shown(subscriptions)}`]),
      ...unknownOptions('a stream', options, ['signal', 'producers']),
    ])
    return new SubscriptionStream(this, subscriptions, options)
  }

  /** The process of that name. */
  whereis(name: string): ProcessRef | undefined {
    return this.#runtime.registry.named(name)?.ref
  }

  /**
   * Resolves when no callback runs or is awaited and no message waits. What the program waits for outside of callbacks is not
   * looked at: timers, sockets, and the iterator of a {@link fromAsyncIterable}, which is read beside its stage unless it
   * fills (`fill: true`).
   */
  idle(): Promise<void> {
    return this.#runtime.scheduler.idle()
  }

  /**
   * A live picture, as plain data: the supervision tree, and the stages with what each one does, how much waits where, what was
   * asked for on each subscription, and rates over the last 5 seconds. Cheap enough to be taken often; nothing has to be
   * switched on.
   */
  inspect(): SystemSnapshot {
    const { registry, scheduler } = this.#runtime
    const processes = [...registry.all()].sort((one, other) => one.id - other.id)
    const sinceMs = scheduler.lastReadMs
    const now = this.#sample(sinceMs, scheduler.readClock())
    return takeSnapshot(processes, this.#runtime.inspect(), this.#history, now)
  }

  #sample(sinceMs: number, atMs: number): Sample {
    return { sinceMs, atMs, counters: readCounters(this.#runtime.registry.all()) }
  }

  /**
   * Stops everything in reverse order of starting, each after the mail it has, with `shutdown`. A stage that takes longer than
   * 5 seconds is killed; a supervisor takes as long as its children are given. Nothing can be started afterwards.
   */
  stop(): Promise<void> {
    return this.#runtime.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #subscribe<In>(
    consumer: ProcessRef,
    request: SubscribeRequest<In>,
    replaces: Replacement | undefined,
    options: SubscribeCallOptions = {},
  ): Promise<Subscription> {
    const { async: isAsync = false, signal } = options
    signal?.throwIfAborted()
    refuse('a subscribe', [
      ...unknownOptions('a subscribe', options, ['async', 'signal']),
      ...(consumer instanceof ProcessHandle ? [] : [`expected a running consumer, got ${shown(consumer)}`]),
    ])
    const process = processOf(consumer)
    const subscription = openSubscription(this.#runtime, process, request)
    if (isAsync) process.send({ type: 'subscribeTo', subscription, replaces, from: undefined })
    const subscribed = isAsync
      ? undefined
      : process.ask((from) => ({ type: 'subscribeTo', subscription, replaces, from }), { signal })
    if (signal !== undefined) subscription.endOn(signal)
    await subscribed
    return subscription
  }
}
