import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { Duration } from './duration.ts'
import { DEFAULT_BACKOFF, nextDelayMs, parseBackoffRange } from './retry-policy.ts'

const lowest = { float: () => 0 }
const highest = { float: () => 1 - Number.EPSILON }

describe('nextDelayMs', () => {
  it('grows by the factor up to the maximum, half of it by chance', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map((attempt) => nextDelayMs(DEFAULT_BACKOFF, attempt, highest))
    expect(waits).toEqual([5_000, 20_000, 80_000, 320_000, 1_280_000, 3_600_000, 3_600_000])
    expect(nextDelayMs(DEFAULT_BACKOFF, 1, lowest)).toBe(2_500)
  })

  it('never passes the maximum and never overflows', () => {
    const settings = fc.record({
      baseMs: fc.integer({ min: 0, max: 315_360_000_000 }),
      factor: fc.double({ min: 1, max: 100, noNaN: true }),
      maxMs: fc.integer({ min: 0, max: 315_360_000_000 }),
    })
    fc.assert(
      fc.property(
        settings,
        fc.integer({ min: -5, max: 2 ** 31 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (policy, attempt, chance) => {
          const ms = nextDelayMs(policy, attempt, { float: () => chance })
          expect(Number.isSafeInteger(ms)).toBe(true)
          expect(ms).toBeGreaterThanOrEqual(0)
          expect(ms).toBeLessThanOrEqual(policy.maxMs)
        },
      ),
    )
  })

  it('takes what a function answers', () => {
    expect(nextDelayMs((attempt) => attempt * 1000, 3, lowest)).toBe(3000)
    expect(nextDelayMs(() => '1m', 1, lowest)).toBe(60_000)
  })

  it('falls back to the default when a function throws or answers rubbish, and says so', () => {
    const problems: string[] = []
    const note = (problem: string): void => void problems.push(problem)
    const throws = (): Duration => {
      throw new Error('no idea')
    }
    expect(nextDelayMs(throws, 2, highest, note)).toBe(20_000)
    expect(nextDelayMs(() => Number.NaN, 1, highest, note)).toBe(5_000)
    expect(nextDelayMs(() => -1, 1, highest, note)).toBe(5_000)
    expect(nextDelayMs(() => 'tomorrow', 1, highest)).toBe(5_000)
    expect(problems).toEqual([
      'the backoff function threw at attempt 2: no idea; the default backoff is used',
      expect.stringContaining('at attempt 1 is NaN'),
      expect.stringContaining('cannot be negative; the default backoff is used'),
    ])
  })
})

describe('parseBackoffRange', () => {
  it('fills in the defaults', () => {
    const problems: string[] = []
    expect(parseBackoffRange({ base: '1s' }, 'backoff', problems)).toEqual({
      baseMs: 1000,
      factor: 4,
      maxMs: 3_600_000,
    })
    expect(parseBackoffRange({ base: '2h' }, 'backoff', problems)).toEqual({
      baseMs: 7_200_000,
      factor: 4,
      maxMs: 7_200_000,
    })
    expect(parseBackoffRange({ base: 1, factor: undefined, max: undefined }, 'backoff', problems)?.factor).toBe(4)
    expect(problems).toEqual([])
  })

  it.each([
    [null, 'backoff is object; write'],
    ['5s', 'backoff is string; write'],
    [{}, 'base of backoff is undefined'],
    [{ base: '1s', factor: 0.5 }, 'factor of backoff is 0.5'],
    [{ base: '1s', factor: Number.NaN }, 'factor of backoff is NaN'],
    [{ base: '1s', facter: 2 }, 'unknown option "facter" of backoff; did you mean "factor"?'],
    [{ base: '1m', max: '1s' }, 'max of backoff (1000 ms) is below base (60000 ms)'],
  ])('refuses %o', (value, message) => {
    const problems: string[] = []
    expect(parseBackoffRange(value, 'backoff', problems)).toBeUndefined()
    expect(problems.join()).toContain(message)
  })
})
