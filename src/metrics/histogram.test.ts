import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { boundsOf, bucketOf, Histogram } from './histogram.ts'

const LONGEST_MS = (2 ** 42 - 1) / 1_000

describe('the buckets', () => {
  it('hold every duration between their bounds, to a microsecond, no wider than a sixteenth', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: LONGEST_MS, noNaN: true }), (ms) => {
        const [from, to] = boundsOf(bucketOf(ms))
        const us = Math.floor(ms * 1_000)
        expect(us).toBeGreaterThanOrEqual(Math.round(from * 1_000))
        expect(us).toBeLessThan(Math.round(to * 1_000))
        // In whole microseconds: a quotient of fractions is off by its last digit.
        if (us >= 16) expect(16 * Math.round((to - from) * 1_000)).toBeLessThanOrEqual(Math.round(from * 1_000))
      }),
    )
  })

  it('follow each other without a gap', () => {
    for (let bucket = 1; bucket < 624; bucket++) expect(boundsOf(bucket)[0]).toBe(boundsOf(bucket - 1)[1])
    expect(bucketOf(LONGEST_MS)).toBe(623)
  })

  it.each([
    [-1, 0],
    [Number.NaN, 0],
    [0, 0],
    [Infinity, 623],
    [1e15, 623],
  ])('take what is no duration: %d', (ms, bucket) => expect(bucketOf(ms)).toBe(bucket))

  // Stored numbers mean these durations for ever.
  it.each([
    [0.001, 1],
    [0.016, 16],
    [1, 111],
    [250, 238],
    [60_000, 364],
    [2_147_483.648, 448],
  ])('never change: %d ms is number %d', (ms, bucket) => expect(bucketOf(ms)).toBe(bucket))
})

describe('Histogram', () => {
  it('answers quantiles that are off by at most 1/32', () => {
    const durations = fc.array(fc.double({ min: 0.02, max: 1e7, noNaN: true }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(durations, fc.constantFrom(0.5, 0.95, 0.99, 1), (values, fraction) => {
        const histogram = new Histogram()
        for (const ms of values) histogram.record(ms)
        const sorted = values.toSorted((a, b) => a - b)
        const exact = sorted[Math.max(1, Math.ceil(fraction * values.length)) - 1] ?? 0
        expect(Math.abs((histogram.quantile(fraction) ?? 0) - exact)).toBeLessThanOrEqual(exact / 32 + 0.001)
      }),
    )
  })

  it('is the same whether durations were counted here or by several and added', () => {
    const [one, other, both] = [new Histogram(), new Histogram(), new Histogram()]
    for (let ms = 1; ms < 500; ms++) {
      ;(ms % 3 === 0 ? one : other).record(ms)
      both.record(ms)
    }
    one.add(other.toCounts())
    expect(one.toCounts()).toEqual(both.toCounts())
    expect(one.count).toBe(both.count)
    expect(one.quantile(0.95)).toBe(both.quantile(0.95))
  })

  it('answers null for nothing, and leaves out what is no bucket', () => {
    const histogram = new Histogram()
    expect(histogram.quantile(0.5)).toBeNull()
    histogram.add({ 9999: 4, '-1': 2, x: 1 })
    expect(histogram.count).toBe(0)
  })

  it('counts what is below bounds of buckets', () => {
    const histogram = new Histogram()
    for (const ms of [0.5, 1.023, 1.024, 2]) histogram.record(ms)
    expect(histogram.countsBelow([0.001, 1.024, 1.024 * 2, 1.024 * 4])).toEqual([0, 2, 4, 4])
  })
})
