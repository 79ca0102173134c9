/**
 * The handle of one subscription, the same object on both sides.
 *
 *     consumer's side:  pending ── subscribe sent ──▶ active ── last word or death notice arrives ──▶ ended
 *     producer's side:  absent ── subscribe taken ──▶ present ── cancel, refusal or death notice ──▶ absent
 *
 * Each side's field is written by that side's stage alone. `asked`, `sent`, `received` and `handled` only ever grow and are there
 * to be looked at.
 */

import { RunnerError } from '../host/errors.ts'
import type { ExitReason } from '../process/exit-reason.ts'
import { processOf } from '../process/ref.ts'
import type { Process } from '../process/process.ts'
import type { StageRef } from './stage-ref.ts'
import type { SubscriptionOptions } from './subscription.ts'

/** A consumer's subscription to a producer. Whoever holds the handle can ask and cancel. */
export interface Subscription extends AsyncDisposable {
  /** Unique within the system. */
  readonly id: number
  readonly consumer: StageRef
  readonly producer: StageRef
  readonly options: SubscriptionOptions
  /** Whether the consumer still counts on it. */
  readonly isActive: boolean
  /**
   * Asks for `count` further events on the consumer's behalf; 0 does nothing, and so does asking after the end. Meant for
   * manual subscriptions; on an automatic one the events come on top (`excess_events`).
   *
   * @throws `ERR_BAD_DEMAND` when `count` is no integer >= 0.
   */
  ask(count: number): void
  /** Ends the subscription; both sides learn the reason through `handleCancel`. Harmless after the end. Default: `normal`. */
  cancel(reason?: ExitReason): void
  /** Cancels with `normal`, and resolves when the consumer knows that nothing more comes, or is gone. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What the consumer keeps about a subscription. */
export interface ConsumerSide {
  readonly mode: 'automatic' | 'manual'
  /** Events asked for and not yet received; kept in automatic mode only. */
  due: number
}

/** The implementation of {@link Subscription}. */
export class SubscriptionLink implements Subscription {
  readonly id: number
  readonly consumer: StageRef
  readonly producer: StageRef
  readonly options: SubscriptionOptions
  /** Where asks go. */
  readonly producerProcess: Process
  /** Where events go. */
  readonly consumerProcess: Process
  /** Written by the consumer. */
  state: 'pending' | 'active' | 'ended' = 'pending'
  /** Written by the consumer; absent until its `handleSubscribe` answered, and after the end was handled. */
  consumerSide: ConsumerSide | undefined
  /** Written by the consumer: stops watching the producer. */
  unwatchProducer: (() => void) | undefined
  /** Written by the producer: stops watching the consumer. Present while the producer knows the subscription. */
  unwatchConsumer: (() => void) | undefined
  /** Events asked for since the beginning. */
  asked = 0
  /** Events that the producer sent since the beginning; written by it. */
  sent = 0
  /** Events that reached the consumer since the beginning. */
  received = 0
  /** Events handed to `handleEvents` since the beginning. */
  handled = 0
  /** When it was made, on the monotonic clock. */
  readonly bornMs: number
  #whenOver: (() => void)[] = []

  constructor(id: number, consumer: StageRef, producer: StageRef, options: SubscriptionOptions, bornMs: number) {
    this.id = id
    this.consumer = consumer
    this.producer = producer
    this.options = options
    this.consumerProcess = processOf(consumer)
    this.producerProcess = processOf(producer)
    this.bornMs = bornMs
  }

  get isActive(): boolean {
    return this.state !== 'ended' && this.consumerProcess.isAlive
  }

  ask(count: number): void {
    if (!Number.isInteger(count) || count < 0) {
      throw new RunnerError('ERR_BAD_DEMAND', `the demand of an ask must be an integer >= 0, not ${String(count)}`)
    }
    if (count === 0 || this.state === 'ended') return
    this.asked += count
    this.producerProcess.send({ type: 'ask', subscription: this, count })
  }

  cancel(reason: ExitReason = 'normal'): void {
    if (this.state !== 'ended') this.producerProcess.send({ type: 'cancel', subscription: this, reason })
  }

  /** The consumer heard the last word. */
  end(): void {
    this.state = 'ended'
    const listeners = this.#whenOver
    this.#whenOver = []
    for (const tell of listeners) tell()
  }

  /** Calls `tell` once when the consumer heard the last word, or is gone. */
  whenOver(tell: () => void): void {
    if (!this.isActive) {
      tell()
      return
    }
    const unwatch = this.consumerProcess.watch(tell)
    this.#whenOver.push(() => {
      unwatch()
      tell()
    })
  }

  /** Ends the subscription when `signal` is aborted, also while the consumer has yet to subscribe. */
  endOn(signal: AbortSignal): void {
    const end = (): void => {
      if (this.state !== 'pending') this.cancel('shutdown')
      else this.consumerProcess.send({ type: 'giveUp', subscription: this, reason: 'shutdown' })
    }
    signal.addEventListener('abort', end, { once: true })
    this.whenOver(() => signal.removeEventListener('abort', end))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cancel()
    await new Promise<void>((resolve) => this.whenOver(resolve))
  }
}
