/**
 * A first-in first-out queue of events, as a value: adding and taking answer another queue and leave the old one as it was, so
 * that pure dispatchers can keep one in their state.
 *
 *     oldest   front: chunk ─▶ chunk ─▶ …       … ◀─ chunk ◀─ chunk :back   newest
 *
 * Events stay in the arrays they came in, and are copied once, when they are taken. The back is turned round when the front is
 * used up, each chunk once. So what an event costs does not depend on how many wait. An array is kept until its last event is
 * taken.
 */

/** Events that came together. */
interface Chunk<Event> {
  readonly events: readonly Event[]
  /** In the front the next newer one, in the back the next older one. */
  readonly next: Chunk<Event> | undefined
}

/** Events that wait, oldest first. */
export interface EventQueue<Event> {
  readonly length: number
  readonly front: Chunk<Event> | undefined
  /** How many events of the first chunk in front were taken. */
  readonly taken: number
  readonly back: Chunk<Event> | undefined
}

const EMPTY: EventQueue<never> = { length: 0, front: undefined, taken: 0, back: undefined }

/** The queue with nothing in it. */
export function emptyQueue<Event>(): EventQueue<Event> {
  return EMPTY
}

/** Adds events at the end. The array must not be changed afterwards. */
export function add<Event>(queue: EventQueue<Event>, events: readonly Event[]): EventQueue<Event> {
  if (events.length === 0) return queue
  const { length, front, taken, back } = queue
  return { length: length + events.length, front, taken, back: { events, next: back } }
}

/** Takes the oldest events, at most `limit`. */
export function take<Event>(
  queue: EventQueue<Event>,
  limit: number,
): { readonly events: readonly Event[]; readonly queue: EventQueue<Event> } {
  const count = Math.min(limit, queue.length)
  let { front, taken, back } = queue
  const parts: (readonly Event[])[] = []
  for (let left = count; left > 0;) {
    if (front === undefined) {
      front = turnedRound(back)
      back = undefined
    }
    // As long as events are left there is a chunk that holds them.
    const chunk = front as Chunk<Event>
    const end = Math.min(chunk.events.length, taken + left)
    const isWhole = taken === 0 && end === chunk.events.length
    parts.push(isWhole ? chunk.events : chunk.events.slice(taken, end))
    left -= end - taken
    const isUsedUp = end === chunk.events.length
    front = isUsedUp ? chunk.next : chunk
    taken = isUsedUp ? 0 : end
  }
  return {
    events: joined(parts),
    queue: count === queue.length ? EMPTY : { length: queue.length - count, front, taken, back },
  }
}

function joined<Event>(parts: readonly (readonly Event[])[]): readonly Event[] {
  const [first = []] = parts
  if (parts.length <= 1) return first
  const events: Event[] = []
  for (const part of parts) for (const event of part) events.push(event)
  return events
}

function turnedRound<Event>(back: Chunk<Event> | undefined): Chunk<Event> | undefined {
  let front: Chunk<Event> | undefined
  for (let chunk = back; chunk !== undefined; chunk = chunk.next) front = { events: chunk.events, next: front }
  return front
}
