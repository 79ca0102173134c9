import { describe, expect, it } from 'vitest'

import { EventBuffer } from './buffer.ts'

describe('EventBuffer', () => {
  it('gives events back in order', () => {
    const buffer = new EventBuffer<number>(10, 'last')
    buffer.store([1, 2, 3])
    buffer.store([4])
    expect(buffer.take(3)).toEqual({ events: [1, 2, 3], released: [] })
    expect(buffer.take(3)).toEqual({ events: [4], released: [] })
    expect(buffer.length).toBe(0)
  })

  it('pushes the oldest out when it keeps the last', () => {
    const buffer = new EventBuffer<number>(3, 'last')
    expect(buffer.store([1, 2])).toEqual({ discarded: 0, released: [] })
    expect(buffer.store([3, 4, 5])).toEqual({ discarded: 2, released: [] })
    expect(buffer.take(9).events).toEqual([3, 4, 5])
  })

  it('drops the newest when it keeps the first', () => {
    const buffer = new EventBuffer<number>(3, 'first')
    buffer.store([1, 2])
    expect(buffer.store([3, 4, 5]).discarded).toBe(2)
    expect(buffer.take(9).events).toEqual([1, 2, 3])
  })

  it.each(['first', 'last'] as const)('keeps nothing with a size of 0 and keep %s', (keep) => {
    const buffer = new EventBuffer<number>(0, keep)
    expect(buffer.store([1, 2])).toEqual({ discarded: 2, released: [] })
    expect(buffer.length).toBe(0)
  })

  it('survives one emission of more than twice its size', () => {
    const buffer = new EventBuffer<number>(2, 'last')
    expect(buffer.store([1, 2, 3, 4, 5]).discarded).toBe(3)
    expect(buffer.take(9).events).toEqual([4, 5])
  })

  it('holds an info behind the last event, and ends a portion there', () => {
    const buffer = new EventBuffer<number>(10, 'last')
    buffer.store([1, 2])
    expect([buffer.holdInfo('a'), buffer.holdInfo('b')]).toEqual([true, true])
    buffer.store([3])
    expect(buffer.take(1)).toEqual({ events: [1], released: [] })
    expect(buffer.take(9)).toEqual({ events: [2], released: ['a', 'b'] })
    expect(buffer.take(9)).toEqual({ events: [3], released: [] })
  })

  it('holds no info when nothing is buffered', () => {
    expect(new EventBuffer<number>(10, 'last').holdInfo('a')).toBe(false)
  })

  it('releases an info whose event is pushed out', () => {
    const buffer = new EventBuffer<number>(2, 'last')
    buffer.store([1])
    buffer.holdInfo('a')
    expect(buffer.store([2, 3])).toEqual({ discarded: 1, released: ['a'] })
  })

  it('does not count infos', () => {
    const buffer = new EventBuffer<number>(Number.POSITIVE_INFINITY, 'last')
    buffer.store([1, 2])
    buffer.holdInfo('a')
    expect(buffer.length).toBe(2)
  })
})
