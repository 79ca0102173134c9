/** The autoscaler under any load: within its bounds, at rest when the load is, and quicker than a fixed number of the same mean. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { decide, NEW_SCALER, type ScalerState } from '../../src/queue/autoscaler.ts'
import { fixed, scaled, turns, type Course, type Load } from './load-simulation.ts'

const figure = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 5_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(null, Number.NaN, Infinity, -1) },
)
const bounds = fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 0, max: 50 })).map(([min, more]) => ({
  min,
  max: min + more,
}))
const seen = fc.record({
  afterMs: fc.integer({ min: 1, max: 60_000 }),
  bounds: fc.option(bounds),
  busy: fc.integer({ min: 0, max: 100 }),
  depth: figure,
  oldestAgeMs: figure,
  waitP95Ms: figure,
  loopLagMs: figure,
})

/** A second of nothing, a little, or a lot; written down as jobs per second. */
const step = (seconds: number, perSecond: number): number[] => Array.from({ length: seconds }, () => perSecond)

/** Shapes that loads have: each begins calm, has one burst, and is calm again. */
const TRACES: readonly (readonly [name: string, perSecond: readonly number[], burstEndsAt: number])[] = [
  ['a mailing', [...step(120, 2), ...step(20, 60), ...step(900, 2)], 140],
  ['a morning', [...step(120, 1), ...step(60, 4), ...step(60, 10), ...step(60, 18), ...step(900, 3)], 300],
  ['a job of every hour', [...step(300, 0), ...step(2, 400), ...step(900, 1)], 302],
  [
    'an import in waves',
    [...step(60, 1), ...[0, 1, 2].flatMap(() => [...step(30, 20), ...step(30, 2)]), ...step(900, 1)],
    210,
  ],
]

/** In which second after the burst all that waited was gone. */
function calmAt({ depths }: Course, from: number, few: number): number {
  const at = depths.findIndex((depth, second) => second >= from && depth <= few)
  return at === -1 ? Infinity : at
}

describe('the autoscaler', () => {
  it('never goes out of bounds, and holds when a figure is missing', () => {
    fc.assert(
      fc.property(fc.array(seen, { maxLength: 200 }), bounds, (looks, first) => {
        let state: ScalerState = NEW_SCALER
        let consumers = first.min
        let current = first
        let at = 0
        for (const look of looks) {
          at += look.afterMs
          current = look.bounds ?? current
          const { target, state: next } = decide({ ...look, at, bounds: current, consumers }, state)
          expect(target).toBeGreaterThanOrEqual(current.min)
          expect(target).toBeLessThanOrEqual(current.max)
          const figures = [look.depth, look.loopLagMs, ...(look.depth === 0 ? [] : [look.oldestAgeMs])]
          const isMissing = figures.some((value) => value === null || !Number.isFinite(value) || value < 0)
          if (isMissing) expect(target).toBe(Math.min(current.max, Math.max(current.min, consumers)))
          state = next
          consumers = target
        }
      }),
      { numRuns: 500 },
    )
  })

  it('comes to rest under a steady load', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 50, max: 1_500 }),
        (seed, perSecond, meanRunMs) => {
          const needed = Math.ceil((perSecond * meanRunMs) / 1_000)
          const course = scaled(
            { seed, perSecond: step(1_800, perSecond), meanRunMs },
            { min: 1, max: 2 * needed + 10 },
          )
          const settled = course.targets.slice(120)
          // Half an hour: a turn every five minutes, at most.
          expect(turns(settled)).toBeLessThanOrEqual(6)
        },
      ),
      { numRuns: 40 },
    )
  })

  it('keeps up with a steady load that its bounds allow', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 20 }), (seed, perSecond) => {
        const load: Load = { seed, perSecond: step(600, perSecond), meanRunMs: 500 }
        const { depths, meanConsumers } = scaled(load, { min: 1, max: 40 })
        expect(Math.max(...depths.slice(60))).toBeLessThan(5 * perSecond + 10)
        // Not by having many more than are needed, either.
        expect(meanConsumers).toBeLessThan(perSecond * 0.5 * 2 + 8)
      }),
      { numRuns: 30 },
    )
  })

  it.each(TRACES)('is calm again sooner than a fixed number of the same mean: %s', (_, perSecond, burstEndsAt) => {
    for (const seed of [1, 2, 3]) {
      const load: Load = { seed, perSecond, meanRunMs: 800 }
      const own = scaled(load, { min: 2, max: 40 })
      const same = fixed(load, Math.round(own.meanConsumers))
      expect(calmAt(own, burstEndsAt, 5)).toBeLessThan(calmAt(same, burstEndsAt, 5))
    }
  })

  it('is so for any burst that is too much for that number', () => {
    fc.assert(
      fc.property(
        fc.record({
          seed: fc.integer(),
          calm: fc.integer({ min: 0, max: 3 }),
          burst: fc.integer({ min: 30, max: 80 }),
          seconds: fc.integer({ min: 10, max: 60 }),
        }),
        ({ seed, calm, burst, seconds }) => {
          const load: Load = {
            seed,
            perSecond: [...step(120, calm), ...step(seconds, burst), ...step(1_500, calm)],
            meanRunMs: 600,
          }
          const own = scaled(load, { min: 2, max: 60 })
          const same = fixed(load, Math.round(own.meanConsumers))
          const from = 120 + seconds
          expect(calmAt(own, from, 5)).toBeLessThan(calmAt(same, from, 5))
        },
      ),
      { numRuns: 30 },
    )
  })
})
