/**
 * A stage: the behaviour of a process that emits events (outlet), accepts them (inlet), or both.
 *
 * It handles one message to the end, callbacks and dispatch included, before the next. A producer-consumer keeps what arrives
 * from upstream (events, infos, lost subscriptions) in an input queue and works on it only while somebody downstream has demand:
 *
 *     upstream ──events──▶ input queue ──(capacity > 0)──▶ handleEvents ──▶ outlet ──▶ downstream
 *
 * All batches of one message are handled even if the demand is met in between; the surplus waits in the outlet's buffer. A crash
 * loses the input queue, the buffer, and the batch at hand.
 */

import { RunnerError, unreachable } from '../host/errors.ts'
import type { Timer } from '../host/host.ts'
import { andThen, isPromise } from '../process/and-then.ts'
import type { PendingCall } from '../process/call.ts'
import { ExitError, type ExitReason } from '../process/exit-reason.ts'
import { Mailbox } from '../process/mailbox.ts'
import { shown } from '../process/mistakes.ts'
import type { Behaviour, Message, Process } from '../process/process.ts'
import { processOf } from '../process/ref.ts'
import type { Runtime } from '../process/runtime.ts'
import { badReturn } from './bad-return.ts'
import type { AnyCallbacks, CallAnswer, CancelCause, Self } from './callbacks.ts'
import type { SubscribeRequest } from './definition.ts'
import { Inlet } from './inlet.ts'
import { openSubscription } from './open-subscription.ts'
import { checkStageOptions } from './options.ts'
import { Outlet } from './outlet.ts'
import type { StageMessage, ToStage } from './protocol.ts'
import type { DemandMode, StageRef } from './stage-ref.ts'
import type { SubscriptionLink } from './subscription-link.ts'

/** The function that a stage is. */
export type StageInit = (self: Self<unknown>) => AnyCallbacks | 'ignore' | Promise<AnyCallbacks | 'ignore'>

const PRODUCER_BUFFER_SIZE = 10_000

/** What waits for its turn: in a producer-consumer behind earlier events, elsewhere never. */
type Input =
  | { readonly type: 'events'; readonly subscription: SubscriptionLink; readonly events: readonly unknown[] }
  | { readonly type: 'info'; readonly message: unknown }
  | { readonly type: 'lost'; readonly subscription: SubscriptionLink; readonly cause: CancelCause }

/** The behaviour of all three kinds. */
export class Stage implements Behaviour {
  readonly #runtime: Runtime
  readonly #process: Process
  readonly #ref: StageRef
  readonly #init: StageInit
  // Set by `start`, before anything else is called.
  #callbacks: AnyCallbacks = {}
  #outlet: Outlet | undefined
  #inlet: Inlet | undefined
  /** The input queue; only a producer-consumer has one. */
  #inputs: Mailbox<Input> | undefined
  // Made once, not for each message.
  readonly #workOn = (): void | Promise<void> => this.#workOnInputs()
  readonly #demandHandled = (returned: unknown): void => this.#emit('handleDemand', returned)
  readonly #castHandled = (returned: unknown): void => this.#emit('handleCast', returned)
  readonly #infoHandled = (returned: unknown): void => this.#emit('handleInfo', returned)
  readonly #cancelHandled = (returned: unknown): void => this.#emit('handleCancel', returned)
  readonly #emitted = (callback: string, returned: unknown): void => this.#emit(callback, returned)

  constructor(runtime: Runtime, process: Process, ref: StageRef, init: StageInit) {
    this.#runtime = runtime
    this.#process = process
    this.#ref = ref
    this.#init = init
  }

  get outlet(): Outlet | undefined {
    return this.#outlet
  }

  get inlet(): Inlet | undefined {
    return this.#inlet
  }

  /** How many messages wait in the input queue. */
  get inputLength(): number {
    return this.#inputs?.length ?? 0
  }

  start(): void | Promise<void> {
    return andThen(this.#process, this.#init(this.#self()), (callbacks) =>
      callbacks === 'ignore' ? this.#process.ignore() : this.#begin(callbacks),
    )
  }

  #self(): Self<unknown> {
    const process = this.#process
    return {
      ref: this.#ref,
      name: process.name,
      get isAlive() {
        return process.isAlive
      },
      get signal() {
        return process.signal
      },
      emit: (events) => process.send({ type: 'emit', events }),
      stop: (reason = 'normal') => process.requestStop(reason),
      infoAfter: (ms, message) => this.#infoAfter(ms, message),
      link: (ref) => process.link(processOf(ref)),
    }
  }

  #infoAfter(ms: number, message: unknown): Timer {
    const process = this.#process
    const timer = this.#runtime.host.clock.after(ms, () => {
      unwatch()
      process.send({ type: 'info', message })
    })
    const unwatch = process.watch(() => timer.cancel())
    return {
      cancel: () => {
        unwatch()
        timer.cancel()
      },
    }
  }

  #begin(callbacks: AnyCallbacks): void | Promise<void> {
    const kind = this.#ref.kind
    checkStageOptions(kind, this.#process.title, callbacks)
    this.#callbacks = callbacks
    if (kind === 'producer') this.#outlet = new Outlet(this.#process, callbacks, PRODUCER_BUFFER_SIZE)
    if (kind === 'producerConsumer') {
      this.#outlet = new Outlet(this.#process, callbacks, Number.POSITIVE_INFINITY)
      this.#inputs = new Mailbox()
    }
    if (kind !== 'producer') this.#inlet = new Inlet(this.#process, callbacks, this.#emitted)
    return this.#subscribeToAll(callbacks.subscribeTo ?? [])
  }

  #subscribeToAll(requests: readonly SubscribeRequest<unknown>[]): void | Promise<void> {
    const [request, ...others] = requests
    if (request === undefined || this.#process.isEnding) return undefined
    const subscription = openSubscription(this.#runtime, this.#process, request)
    if (this.#isFatallyAbsent(subscription)) throw new ExitError(subscription.producerProcess.title, 'noproc')
    const subscribed = subscription.state === 'ended' ? undefined : this.#inlet?.subscribe(subscription)
    return andThen(this.#process, subscribed, () => this.#subscribeToAll(others))
  }

  #isFatallyAbsent(subscription: SubscriptionLink): boolean {
    if (subscription.state !== 'ended' || subscription.options.cancel === 'temporary') return false
    const { title } = subscription.producerProcess
    this.#process.log('error', 'producer_not_alive', [], `there is no ${title} to subscribe to`)
    return true
  }

  receive(message: Message): void | Promise<void> {
    // Only this package sends to stages, and it sends these messages.
    const known = message as StageMessage
    switch (known.type) {
      case 'events':
        return this.#eventsArrived(known)
      case 'ask':
        return this.#asked(known.subscription, known.count)
      case 'subscribe': {
        const { subscription, replaces } = known
        if (replaces === undefined) return this.#addConsumer(subscription)
        const cancelled = this.#removeConsumer(replaces.subscription, { type: 'cancel', reason: replaces.reason })
        return andThen(this.#process, cancelled, () => this.#addConsumer(subscription))
      }
      case 'cancel':
        return this.#removeConsumer(known.subscription, { type: 'cancel', reason: known.reason })
      case 'consumerDown':
        return this.#removeConsumer(known.subscription, { type: 'down', reason: known.reason })
      case 'cancelled':
        return this.#lost(known.subscription, { type: 'cancel', reason: known.reason })
      case 'producerDown':
        return this.#lost(known.subscription, { type: 'down', reason: known.reason })
      case 'info':
        return this.#input({ type: 'info', message: known.message })
      case 'exit': {
        const notice = { type: 'exit', from: known.from.ref, reason: known.reason }
        return this.#input({ type: 'info', message: notice })
      }
      case 'emit':
        return this.#emittedOutside(known.events)
      case 'cast':
        return this.#handleCast(known.message)
      case 'call':
        return andThen<unknown>(this.#process, this.#handleCall(known.message, known.from), (answer) =>
          this.#callHandled(answer, known.from),
        )
      case 'start':
      case 'stop':
        return undefined // the process handles these itself
      case 'subscribeTo':
      case 'giveUp':
      case 'bufferedInfo':
      case 'countBuffered':
      case 'getDemand':
      case 'setDemand':
        return this.#request(known)
      default:
        return unreachable(known)
    }
  }

  terminate(reason: ExitReason): void | Promise<void> {
    const answer: unknown = this.#callbacks.terminate?.(reason)
    return isPromise(answer) ? answer.then(() => {}) : undefined
  }

  #request(message: Exclude<ToStage, { type: 'emit' }>): void | Promise<void> {
    switch (message.type) {
      case 'subscribeTo': {
        const { subscription, replaces, from } = message
        if (this.#isFatallyAbsent(subscription)) this.#process.requestStop('noproc')
        const subscribed = subscription.state === 'ended' ? undefined : this.#inlet?.subscribe(subscription, replaces)
        return andThen(this.#process, subscribed, () => from?.reply(subscription))
      }
      case 'giveUp':
        return message.subscription.cancel(message.reason)
      case 'bufferedInfo':
        if (this.#outlet === undefined) this.#process.send({ type: 'info', message: message.message })
        else this.#outlet.info(message.message)
        return message.from?.reply(undefined)
      case 'countBuffered':
        if (this.#outlet === undefined) this.#process.log('error', 'buffered_count_not_a_producer')
        return message.from.reply(this.#outlet?.buffered ?? 0)
      case 'getDemand':
        return message.from.reply(this.#outlet?.mode ?? 'forward')
      case 'setDemand':
        return this.#setDemand(message.mode)
      default:
        return unreachable(message)
    }
  }

  // ---- the producer's side

  #asked(subscription: SubscriptionLink, count: number): void | Promise<void> {
    if (this.#outlet === undefined || subscription.unwatchConsumer === undefined) {
      subscription.consumerProcess.send({ type: 'cancelled', subscription, reason: 'unknown_subscription' })
      return undefined
    }
    return this.#serve(this.#outlet.ask(subscription, count))
  }

  /** Passes on what the outlet found to be wanted: to the program, or to the input queue. */
  #serve(demand: number): void | Promise<void> {
    if (this.#inputs !== undefined) return this.#workOnInputs()
    if (demand === 0) return undefined
    if (this.#outlet?.mode === 'accumulate') return this.#outlet.hold(demand)
    return this.#demand(demand)
  }

  #demand(demand: number): void | Promise<void> {
    const returned = this.#callbacks.handleDemand?.(demand)
    return andThen(this.#process, returned, this.#demandHandled)
  }

  #addConsumer(subscription: SubscriptionLink): void | Promise<void> {
    const { consumerProcess, options } = subscription
    if (this.#outlet === undefined) {
      consumerProcess.send({ type: 'cancelled', subscription, reason: 'not_a_producer' })
      return undefined
    }
    subscription.unwatchConsumer = consumerProcess.watch((reason) => {
      this.#process.send({ type: 'consumerDown', subscription, reason })
    })
    const answer = this.#callbacks.handleSubscribe?.('consumer', options, subscription)
    return andThen(this.#process, answer, (mode) => {
      if (mode !== undefined && mode !== 'automatic') {
        throw badReturn('handleSubscribe', this.#process.title, mode, "'automatic' to a consumer, or nothing")
      }
      const refused = this.#outlet?.add(subscription)
      if (refused === undefined) return undefined
      forget(subscription)
      consumerProcess.send({ type: 'cancelled', subscription, reason: refused })
      const returned = this.#callbacks.handleCancel?.({ type: 'cancel', reason: refused }, subscription)
      return andThen<unknown>(this.#process, returned, this.#cancelHandled)
    })
  }

  /** The dispatcher hears of it first, so that nothing the callback emits goes to the consumer that left. */
  #removeConsumer(subscription: SubscriptionLink, cause: CancelCause): void | Promise<void> {
    const outlet = this.#outlet
    if (outlet === undefined || subscription.unwatchConsumer === undefined) return undefined
    forget(subscription)
    const { reason } = cause
    if (cause.type === 'cancel') subscription.consumerProcess.send({ type: 'cancelled', subscription, reason })
    outlet.remove(subscription)
    const returned = this.#callbacks.handleCancel?.(cause, subscription)
    return andThen(this.#process, returned, (events) => {
      this.#emit('handleCancel', events)
      return this.#serve(outlet.settle())
    })
  }

  #setDemand(mode: DemandMode): void | Promise<void> {
    if (this.#outlet === undefined || this.#inputs !== undefined) {
      if (mode === 'accumulate') this.#process.log('error', 'demand_mode_not_a_producer')
      return undefined
    }
    if (mode === this.#outlet.mode) return undefined
    this.#outlet.setMode(mode)
    if (mode === 'accumulate') return undefined
    return andThen(this.#process, this.#serve(this.#outlet.settle()), () => this.#replayHeld())
  }

  /** Goes through what was held, each on its own: demands are not added up. */
  #replayHeld(): void | Promise<void> {
    const held = this.#process.isEnding ? undefined : this.#outlet?.nextHeld()
    if (held === undefined) return undefined
    const replayed = held.type === 'demand' ? this.#demand(held.demand) : this.#outlet?.emit(held.events)
    return andThen(this.#process, replayed, () => this.#replayHeld())
  }

  // ---- the consumer's side

  #eventsArrived(message: Input & { type: 'events' }): void | Promise<void> {
    const { subscription, events } = message
    if (subscription.state !== 'active') {
      subscription.producerProcess.send({ type: 'cancel', subscription, reason: 'unknown_subscription' })
      return undefined
    }
    subscription.received += events.length
    return this.#inputs === undefined ? this.#inlet?.handleEvents(subscription, events) : this.#input(message)
  }

  #lost(subscription: SubscriptionLink, cause: CancelCause): void | Promise<void> {
    if (subscription.state === 'ended') return undefined
    subscription.end()
    subscription.unwatchProducer?.()
    return this.#input({ type: 'lost', subscription, cause })
  }

  #input(input: Input): void | Promise<void> {
    const inputs = this.#inputs
    if (inputs === undefined || (inputs.length === 0 && input.type !== 'events')) return this.#handleInput(input)
    inputs.push(input)
    return this.#workOnInputs()
  }

  #workOnInputs(): void | Promise<void> {
    const inputs = this.#inputs
    const outlet = this.#outlet
    if (inputs === undefined || outlet === undefined) return undefined
    while (outlet.capacity > 0 && !this.#process.isEnding) {
      const input = inputs.shift()
      if (input === undefined) return undefined
      const pending = this.#handleInput(input)
      if (pending !== undefined) return andThen(this.#process, pending, this.#workOn)
    }
    return undefined
  }

  #handleInput(input: Input): void | Promise<void> {
    switch (input.type) {
      case 'events':
        return this.#inlet?.handleEvents(input.subscription, input.events)
      case 'info':
        return this.#handleInfo(input.message)
      case 'lost':
        return this.#inlet?.lost(input.subscription, input.cause)
      default:
        return unreachable(input)
    }
  }

  // ---- both sides

  #handleCall(message: unknown, from: PendingCall): CallAnswer<unknown> | void | Promise<CallAnswer<unknown> | void> {
    if (this.#callbacks.handleCall === undefined) throw this.#noHandler('handleCall')
    return this.#callbacks.handleCall(message, from)
  }

  #callHandled(answer: unknown, from: PendingCall): void {
    if (answer === undefined) return
    if (!isCallAnswer(answer)) {
      throw badReturn('handleCall', this.#process.title, answer, '{ reply }, { events }, both in one, or nothing')
    }
    this.#emit('handleCall', answer.events)
    if ('reply' in answer) from.reply(answer.reply)
  }

  #handleCast(message: unknown): void | Promise<void> {
    if (this.#callbacks.handleCast === undefined) throw this.#noHandler('handleCast')
    return andThen<unknown>(this.#process, this.#callbacks.handleCast(message), this.#castHandled)
  }

  #handleInfo(message: unknown): void | Promise<void> {
    if (this.#callbacks.handleInfo === undefined) {
      this.#process.log('warn', 'unexpected_info', [message])
      return undefined
    }
    return andThen<unknown>(this.#process, this.#callbacks.handleInfo(message), this.#infoHandled)
  }

  #noHandler(callback: string): RunnerError {
    return new RunnerError(
      'ERR_NO_HANDLER',
      `${this.#process.title} got a message for ${callback}, which it does not have`,
    )
  }

  #emittedOutside(events: unknown): void {
    if (!Array.isArray(events)) {
      const given = `emit of ${this.#process.title} was given ${shown(events)}; it takes an array of events`
      throw new RunnerError('ERR_BAD_RETURN', given)
    }
    this.#emit('emit', events)
  }

  /** Takes what a callback returned. Anything may come out of a consumer's arrow function; only events are worth a word. */
  #emit(callback: string, returned: unknown): void {
    if (returned === undefined) return
    if (this.#outlet === undefined) {
      const isEmission = Array.isArray(returned) && returned.length > 0
      if (isEmission) this.#process.log('error', 'consumer_cannot_dispatch', [returned.length])
      return
    }
    if (!Array.isArray(returned)) {
      throw badReturn(callback, this.#process.title, returned, 'an array of events, or nothing')
    }
    if (returned.length > 0) this.#outlet.emit(returned)
  }
}

function isCallAnswer(answer: unknown): answer is CallAnswer<unknown> {
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return false
  return Object.keys(answer).every((key) => key === 'reply' || key === 'events')
}

/** The producer forgets a subscription. Nobody watches for its sake any more: the last word is on its way, or not needed. */
function forget(subscription: SubscriptionLink): void {
  subscription.unwatchConsumer?.()
  subscription.unwatchConsumer = undefined
  subscription.unwatchProducer?.()
}
