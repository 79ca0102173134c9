/**
 * A pipeline's end as an async iterable: a consumer stage of its own that asks only as its reader comes along.
 *
 *     idle ── first next() ──▶ reading ── reader leaves, abort, a producer lost for good, no subscription left ──▶ over
 *
 * A batch's ask is sent when the reader comes back after the batch's last item. Items that arrived before the end are still given
 * to the reader, except after an abort. When it is over, every subscription is cancelled and the stage is gone.
 */

import { ExitError, type ExitReason } from '../process/exit-reason.ts'
import { Mailbox } from '../process/mailbox.ts'
import { isFatalLoss } from './inlet.ts'
import { consumer, type SubscribeRequest } from './definition.ts'
import type { ProducerRef, ConsumerRef } from './stage-ref.ts'
import type { Subscription } from './subscription-link.ts'
import { planBatches, type CancelMode } from './subscription.ts'
import type { System } from './system.ts'

/** Options of {@link System.stream}. */
export interface StreamOptions {
  /** Ends the stream: subscriptions are cancelled with `shutdown`, and the reader gets the signal's reason as an error. */
  readonly signal?: AbortSignal | undefined
  /** The producers to set to `forward` once everything is subscribed. Default: those subscribed to. */
  readonly producers?: readonly ProducerRef<unknown>[] | undefined
}

/** The events of a pipeline, to be read once, by one reader. */
export interface EventStream<Item> extends AsyncIterableIterator<Item>, AsyncDisposable {
  return(): Promise<IteratorResult<Item>>
  [Symbol.asyncIterator](): EventStream<Item>
}

/** One item, and what to ask for when the reader comes back after it. */
interface Waiting<Item> {
  readonly item: Item
  readonly ask: (() => void) | undefined
}

/** The implementation of {@link EventStream}. */
export class SubscriptionStream<Item> implements EventStream<Item> {
  readonly #system: System
  readonly #requests: readonly SubscribeRequest<Item>[]
  readonly #options: StreamOptions
  readonly #due = new Map<Subscription, number>()
  readonly #items: Mailbox<Waiting<Item>> = new Mailbox()
  #askNow: (() => void) | undefined
  #stage: ConsumerRef<Item> | undefined
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #isOver = false
  #failure: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined
  readonly #aborted = (): void => {
    this.#items.clear()
    this.#finish({ error: this.#options.signal?.reason })
    void this.#close('shutdown')
  }

  constructor(system: System, requests: readonly SubscribeRequest<Item>[], options: StreamOptions) {
    this.#system = system
    this.#requests = requests
    this.#options = options
  }

  async next(): Promise<IteratorResult<Item>> {
    this.#askNow?.()
    this.#askNow = undefined
    this.#opening ??= this.#open()
    await this.#opening
    for (;;) {
      const waiting = this.#items.shift()
      if (waiting !== undefined) {
        this.#askNow = waiting.ask
        return { done: false, value: waiting.item }
      }
      if (this.#isOver) break
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    await this.#close('normal')
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure.error
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Item>> {
    await this.#opening
    this.#finish(undefined)
    this.#items.clear()
    await this.#close('normal')
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): EventStream<Item> {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  async #open(): Promise<void> {
    if (this.#isOver) return
    const { signal } = this.#options
    if (signal?.aborted === true) {
      this.#aborted()
      return
    }
    signal?.addEventListener('abort', this.#aborted, { once: true })
    try {
      await this.#subscribe()
    } catch (error) {
      this.#finish({ error })
    }
  }

  async #subscribe(): Promise<void> {
    const stage = await this.#system.start(this.#consumer())
    this.#stage = stage
    stage.monitor((reason) => this.#finish({ error: new ExitError('the stream', reason) }))
    for (const request of this.#requests) {
      // What a lost producer does is decided here, so that the stage outlives the reader's last item.
      const options = { ...request, cancel: 'temporary' as const, streamCancel: request.cancel ?? 'permanent' }
      const subscription = await this.#system.subscribe<Item>(stage, options)
      if (!subscription.isActive && !this.#due.has(subscription)) this.#lost(subscription, 'noproc')
    }
    const producers = this.#options.producers ?? [...this.#due.keys()].map(({ producer }) => producer)
    for (const producer of producers) producer.demand('forward')
    if (this.#due.size === 0) this.#finish(undefined)
  }

  #consumer(): ReturnType<typeof consumer<Item>> {
    return consumer<Item>(() => ({
      handleSubscribe: (_role, { maxDemand }, subscription) => {
        this.#due.set(subscription, maxDemand)
        subscription.ask(maxDemand)
        return 'manual'
      },
      handleEvents: (events, from) => this.#arrived(events, from),
      handleCancel: ({ reason }, subscription) => this.#lost(subscription, reason),
    }))
  }

  #arrived(events: readonly Item[], from: Subscription): void {
    if (this.#isOver) return
    const { batches, due } = planBatches(this.#due.get(from) ?? 0, events.length, from.options)
    this.#due.set(from, due)
    let end = 0
    let index = 0
    for (const { size, ask } of batches) {
      end += size
      for (; index < end; index++) {
        const isLast = index === end - 1 && ask > 0
        // The index is within the message.
        this.#items.push({ item: events[index] as Item, ask: isLast ? () => from.ask(ask) : undefined })
      }
    }
    this.#wakeUp()
  }

  #lost(subscription: Subscription, reason: ExitReason): void {
    this.#due.delete(subscription)
    // Set by `#subscribe` from the request, whose cancel mode was checked with the other options.
    const cancel = subscription.options['streamCancel'] as CancelMode
    if (isFatalLoss(cancel, reason)) this.#finish({ error: new ExitError(`producer ${nameOf(subscription)}`, reason) })
    else if (this.#due.size === 0 && this.#stage !== undefined) this.#finish(undefined)
    this.#wakeUp()
  }

  #finish(failure: { readonly error: unknown } | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#failure = failure
    this.#options.signal?.removeEventListener('abort', this.#aborted)
    this.#wakeUp()
  }

  #wakeUp(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #close(reason: ExitReason): Promise<void> {
    this.#closing ??= this.#cancelAll(reason)
    return this.#closing
  }

  async #cancelAll(reason: ExitReason): Promise<void> {
    const stage = this.#stage
    if (stage === undefined) return
    for (const subscription of this.#due.keys()) subscription.cancel(reason)
    while (this.#due.size > 0 && stage.isAlive) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    await stage.stop(reason)
  }
}

function nameOf({ producer: { name, id } }: Subscription): string {
  return name === undefined ? `#${id}` : `"${name}"`
}
