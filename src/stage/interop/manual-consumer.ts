/**
 * A consumer whose demand is the room that somebody outside has: what the readable streams are made of.
 *
 *     new ── start ──▶ subscribed ── source ended cleanly ──▶ `ended`, once
 *                          │ └────── abnormal end, of the source or of this stage ──▶ `failed`, once
 *                          └ stop ──▶ over, silently
 */

import { isClean, type ExitReason } from '../../process/exit-reason.ts'
import type { ProcessRef } from '../../process/ref.ts'
import { consumer, type Source } from '../definition.ts'
import type { Subscription } from '../subscription-link.ts'
import { parseSubscriptionOptions, type SubscriptionOptions } from '../subscription.ts'
import type { System } from '../system.ts'

/** Who gets the events. */
export interface EventSink<In> {
  events(events: readonly In[]): void
  ended(): void
  failed(reason: ExitReason): void
}

/** What to read, and how much of it at a time. Ends and errors of the source become those of the stream. */
export interface ReadRequest<In> {
  /** The producer: its definition, while that runs exactly once; a running stage; or a name. */
  readonly to: Source<In> | string
  /** The most events that are asked for or held unread; an integer >= 1. Default: 1000. */
  readonly maxDemand?: number | undefined
  /** Asks again when no more than this many are. Default: half of `maxDemand`, rounded down. */
  readonly minDemand?: number | undefined
  /** Whatever both `handleSubscribe` callbacks, or the dispatcher, want to know. */
  readonly [option: string]: unknown
}

/** The consumer behind a readable stream. */
export class ManualConsumer<In> {
  readonly #system: System
  readonly #request: ReadRequest<In>
  readonly #sink: EventSink<In>
  readonly #options: SubscriptionOptions
  #ref: ProcessRef | undefined
  #subscription: Subscription | undefined
  #outstanding = 0
  #isOver = false

  /** @throws `ERR_BAD_OPTIONS`. */
  constructor(system: System, request: ReadRequest<In>, sink: EventSink<In>) {
    this.#system = system
    this.#request = request
    this.#sink = sink
    this.#options = parseSubscriptionOptions(request)
  }

  /** How many events are asked for or held at most. */
  get maxDemand(): number {
    return this.#options.maxDemand
  }

  /** Starts the stage and subscribes it. */
  async start(): Promise<void> {
    const definition = consumer<In>((self) => ({
      // The cancel mode is ours: a name that nobody has fails the start.
      subscribeTo: [{ ...this.#request, cancel: 'transient' }],
      handleSubscribe: (_role, _options, subscription) => {
        this.#subscription = subscription
        return 'manual'
      },
      handleEvents: (events) => {
        this.#outstanding -= events.length
        if (!this.#isOver) this.#sink.events(events)
      },
      handleCancel: ({ reason }) => {
        this.#finish(() => (isClean(reason) ? this.#sink.ended() : this.#sink.failed(reason)))
        self.stop()
      },
    }))
    const ref = await this.#system.start(definition)
    this.#ref = ref
    ref.monitor((reason) => this.#finish(() => this.#sink.failed(reason)))
    if (this.#isOver) await ref.stop()
  }

  /** There is room for `room` events, those that were asked for included. Asks when no more than `minDemand` are on their way or held. */
  want(room: number): void {
    const subscription = this.#subscription
    if (subscription === undefined || this.#isOver) return
    const { maxDemand, minDemand } = this.#options
    const isLow = maxDemand - room + this.#outstanding <= minDemand
    const count = room - this.#outstanding
    if (!isLow || count <= 0) return
    this.#outstanding += count
    subscription.ask(count)
  }

  /** Cancels and ends the stage; the sink hears nothing more. */
  async stop(): Promise<void> {
    this.#isOver = true
    await this.#ref?.stop()
  }

  #finish(tell: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    tell()
  }
}
