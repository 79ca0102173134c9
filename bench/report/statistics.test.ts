import { describe, expect, it } from 'vitest'

import { median, quantile } from './statistics.ts'

describe('median', () => {
  it('is the middle value, whatever the order', () => {
    expect(median([9, 1, 5])).toBe(5)
  })

  it('is the mean of the two in the middle of an even sample', () => {
    expect(median([10, 1, 2, 4])).toBe(3)
  })

  it('is not a number when there is nothing', () => {
    expect(median([])).toBeNaN()
  })
})

describe('quantile', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)

  it('is the value of the nearest rank', () => {
    expect([0, 0.5, 0.99, 1].map((share) => quantile(hundred, share))).toEqual([1, 50, 99, 100])
  })

  it('is the only value of a sample of one, and not a number of none', () => {
    expect(quantile([3], 0.99)).toBe(3)
    expect(quantile([], 0.5)).toBeNaN()
  })
})
