/**
 * The buffer of a producer: events that nobody had asked for yet, oldest first, at most `size` of them, and messages that wait
 * for their place among them. It knows no processes; whoever owns it sends what it gives back.
 *
 * A message waits behind the last event that was stored before it, and comes out when that event leaves, whichever way. Messages
 * do not count towards the size and are never lost; several on one spot keep their order.
 */

import { Mailbox } from '../process/mailbox.ts'
import { add, emptyQueue, take, type EventQueue } from './event-queue.ts'

/** Which events stay when the buffer is full: the oldest (`first`) or the newest (`last`). */
export type BufferKeep = 'first' | 'last'

/** What {@link EventBuffer.take} gives: events up to the next message, then the messages that waited behind them. */
export interface Portion<Event> {
  readonly events: readonly Event[]
  readonly released: readonly unknown[]
}

/** What {@link EventBuffer.store} could not keep. */
export interface Overflow {
  readonly discarded: number
  /** Messages that waited behind events that were pushed out. */
  readonly released: readonly unknown[]
}

interface WaitingInfo {
  readonly message: unknown
  /** How many events have to leave before it: a position counted from the buffer's first event ever. */
  readonly position: number
}

const NOTHING: readonly unknown[] = []

/** Events that wait for demand. */
export class EventBuffer<Event> {
  readonly #size: number
  readonly #keep: BufferKeep
  #events: EventQueue<Event> = emptyQueue()
  /** How many events left so far; positions of messages count from here. */
  #left = 0
  readonly #infos: Mailbox<WaitingInfo> = new Mailbox()

  /** @param size An integer >= 0, or `Infinity`. */
  constructor(size: number, keep: BufferKeep) {
    this.#size = size
    this.#keep = keep
  }

  /** How many events wait. */
  get length(): number {
    return this.#events.length
  }

  /** Adds events at the end and answers what had to go. */
  store(events: readonly Event[]): Overflow {
    const surplus = Math.max(0, this.length + events.length - this.#size)
    if (this.#keep === 'first') {
      this.#events = add(this.#events, surplus === 0 ? events : events.slice(0, events.length - surplus))
      return { discarded: surplus, released: NOTHING }
    }
    this.#events = add(this.#events, events)
    return { discarded: surplus, released: surplus === 0 ? NOTHING : this.#remove(surplus).released }
  }

  /** Takes the oldest events: at most `limit`, and only up to the next waiting message. */
  take(limit: number): Portion<Event> {
    const { first } = this.#infos
    return this.#remove(first === undefined ? limit : Math.min(limit, first.position - this.#left))
  }

  /** Puts a message behind the last event; answers false, and keeps nothing, when no event is there to wait for. */
  holdInfo(message: unknown): boolean {
    if (this.length === 0) return false
    this.#infos.push({ message, position: this.#left + this.length })
    return true
  }

  #remove(count: number): Portion<Event> {
    const { events, queue } = take(this.#events, count)
    this.#events = queue
    this.#left += events.length
    const released: unknown[] = []
    for (let info = this.#infos.first; info !== undefined && info.position <= this.#left; info = this.#infos.first) {
      this.#infos.shift()
      released.push(info.message)
    }
    return { events, released: released.length === 0 ? NOTHING : released }
  }
}
