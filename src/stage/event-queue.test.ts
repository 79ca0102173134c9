import { describe, expect, it } from 'vitest'

import { add, emptyQueue, take } from './event-queue.ts'

/** An array that counts how often one of its events is looked at. */
function counted(events: readonly number[], looks: { count: number }): readonly number[] {
  return new Proxy(events, {
    get: (target, key, receiver) => {
      if (typeof key === 'string' && /^\d+$/.test(key)) looks.count++
      return Reflect.get(target, key, receiver) as unknown
    },
  })
}

describe('EventQueue', () => {
  it('gives events back in order, whatever came together', () => {
    const queue = add(add(add(emptyQueue<number>(), [1, 2, 3]), []), [4, 5])
    const first = take(queue, 2)
    const second = take(first.queue, 2)
    const third = take(second.queue, 9)
    expect([first.events, second.events, third.events]).toEqual([[1, 2], [3, 4], [5]])
    expect(third.queue).toEqual(emptyQueue())
  })

  it('leaves the queue that something was taken from as it was', () => {
    const queue = add(take(add(add(emptyQueue<number>(), [1, 2]), [3]), 1).queue, [4])
    expect(take(queue, 2).events).toEqual([2, 3])
    expect(take(queue, 9).events).toEqual([2, 3, 4])
    expect(take(add(queue, [5]), 9).events).toEqual([2, 3, 4, 5])
  })

  it('keeps undefined and empty places as events', () => {
    const sparse: unknown[] = []
    sparse.length = 2
    expect(take(add(add(emptyQueue<unknown>(), sparse), [undefined]), 9).events).toHaveLength(3)
  })

  it.each([1, 7, 1_000])('looks twice at each of 10,000 events at most, when %i are taken at a time', (limit) => {
    const looks = { count: 0 }
    let queue = emptyQueue<number>()
    for (let event = 0; event < 10_000; event += 4) {
      queue = add(queue, counted([event, event + 1, event + 2, event + 3], looks))
    }
    expect(looks.count).toBe(0)
    const all: number[] = []
    while (queue.length > 0) {
      const taken = take(queue, limit)
      all.push(...taken.events)
      ;({ queue } = taken)
    }
    expect(all).toEqual(Array.from({ length: 10_000 }, (_, event) => event))
    expect(looks.count).toBeLessThanOrEqual(2 * 10_000)
  })
})
