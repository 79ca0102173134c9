/**
 * A first-in first-out queue as a ring buffer: adding and taking cost the same however long it is.
 * Holds no `undefined`: taking from an empty ring answers `undefined`.
 */

/** Slots of an empty ring; always a power of two, so that a mask wraps the index. */
const SMALLEST_CAPACITY = 16
/** A ring that grew past this gives its memory back when it runs empty. */
const LARGEST_KEPT_CAPACITY = 4096

/** The queue of messages of one process, of processes that have mail, and of whatever else waits its turn. */
export class Mailbox<Item> {
  #slots: (Item | undefined)[] = new Array<Item | undefined>(SMALLEST_CAPACITY)
  #head = 0
  #length = 0

  /** How many items wait. */
  get length(): number {
    return this.#length
  }

  /** The oldest item, which stays; `undefined` of an empty queue. */
  get first(): Item | undefined {
    return this.#slots[this.#head]
  }

  /** Adds an item at the end. */
  push(item: Item): void {
    if (this.#length === this.#slots.length) this.#grow()
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = item
    this.#length++
  }

  /** Takes the oldest item, or `undefined` from an empty queue. */
  shift(): Item | undefined {
    if (this.#length === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#slots.length - 1)
    this.#length--
    if (this.#length === 0 && this.#slots.length > LARGEST_KEPT_CAPACITY) this.clear()
    return item
  }

  /** The items from the oldest to the newest, which stay. */
  *[Symbol.iterator](): IterableIterator<Item> {
    const mask = this.#slots.length - 1
    for (let index = 0; index < this.#length; index++) {
      const item = this.#slots[(this.#head + index) & mask]
      if (item !== undefined) yield item
    }
  }

  /** Drops everything. */
  clear(): void {
    this.#slots = new Array<Item | undefined>(SMALLEST_CAPACITY)
    this.#head = 0
    this.#length = 0
  }

  #grow(): void {
    const old = this.#slots
    const grown = new Array<Item | undefined>(old.length * 2)
    for (let index = 0; index < this.#length; index++) grown[index] = old[(this.#head + index) & (old.length - 1)]
    this.#slots = grown
    this.#head = 0
  }
}
