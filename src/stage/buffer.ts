/**
 * The buffer of a producer: events that nobody had asked for yet, oldest first, at most `size` of them, and messages that wait
 * for their place among them. It knows no processes; whoever owns it sends what it gives back.
 *
 * A message waits behind the last event that was stored before it, and comes out when that event leaves, whichever way. Messages
 * do not count towards the size and are never lost; several on one spot keep their order.
 */

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
/** How many empty places at the front are worth a copy. */
const COMPACT_FROM = 1024

/** Events that wait for demand. */
export class EventBuffer<Event> {
  readonly #size: number
  readonly #keep: BufferKeep
  #events: Event[] = []
  #head = 0
  /** How many events left so far; positions of messages count from here. */
  #left = 0
  #infos: WaitingInfo[] = []

  /** @param size An integer >= 0, or `Infinity`. */
  constructor(size: number, keep: BufferKeep) {
    this.#size = size
    this.#keep = keep
  }

  /** How many events wait. */
  get length(): number {
    return this.#events.length - this.#head
  }

  /** Adds events at the end and answers what had to go. */
  store(events: readonly Event[]): Overflow {
    const surplus = Math.max(0, this.length + events.length - this.#size)
    const kept = this.#keep === 'first' ? events.slice(0, events.length - surplus) : events
    for (const event of kept) this.#events.push(event)
    return { discarded: surplus, released: this.#keep === 'last' ? this.#drop(surplus) : NOTHING }
  }

  /** Takes the oldest events: at most `limit`, and only up to the next waiting message. */
  take(limit: number): Portion<Event> {
    const first = this.#infos[0]
    const count = Math.min(limit, this.length, first === undefined ? limit : first.position - this.#left)
    const events = this.#events.slice(this.#head, this.#head + count)
    return { events, released: this.#drop(count) }
  }

  /** Puts a message behind the last event; answers false, and keeps nothing, when no event is there to wait for. */
  holdInfo(message: unknown): boolean {
    if (this.length === 0) return false
    this.#infos.push({ message, position: this.#left + this.length })
    return true
  }

  #drop(count: number): readonly unknown[] {
    this.#head += count
    this.#left += count
    if (this.#head === this.#events.length) {
      this.#events = []
      this.#head = 0
    } else if (this.#head >= COMPACT_FROM && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head)
      this.#head = 0
    }
    const stillWaiting = this.#infos.findIndex(({ position }) => position > this.#left)
    const released = this.#infos.splice(0, stillWaiting === -1 ? this.#infos.length : stillWaiting)
    return released.length === 0 ? NOTHING : released.map(({ message }) => message)
  }
}
