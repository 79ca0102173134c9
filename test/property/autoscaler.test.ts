/** The autoscaler under any load: within its bounds, at rest when the load is, and quicker than a fixed number of the same mean. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { decide, NEW_SCALER, type ScalerState } from '../../src/queue/autoscaler.ts'
import { fixed, scaled, turns, type Course, type Load } from './load-simulation.ts'
import { LOAD_TRACES, steady } from './load-traces.ts'

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

/** A load that changes at random, and is calm at the end. */
const randomLoad = fc
  .record({
    seed: fc.integer(),
    steps: fc.array(fc.tuple(fc.integer({ min: 5, max: 180 }), fc.integer({ min: 0, max: 60 })), {
      minLength: 1,
      maxLength: 8,
    }),
    meanRunMs: fc.integer({ min: 50, max: 1_000 }),
  })
  .map(({ seed, steps, meanRunMs }) => {
    const perSecond = [...steps.flatMap(([seconds, rate]) => steady(seconds, rate)), ...steady(600, 1)]
    return { load: { seed, perSecond, meanRunMs }, changes: steps.length }
  })

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
            { seed, perSecond: steady(1_800, perSecond), meanRunMs },
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
        const load: Load = { seed, perSecond: steady(600, perSecond), meanRunMs: 500 }
        const { depths, meanConsumers } = scaled(load, { min: 1, max: 40 })
        expect(Math.max(...depths.slice(60))).toBeLessThan(5 * perSecond + 10)
        // Not by having many more than are needed, either.
        expect(meanConsumers).toBeLessThan(perSecond * 0.5 * 2 + 8)
      }),
      { numRuns: 30 },
    )
  })

  it.each(LOAD_TRACES)('keeps its bounds, and does not flap: $name', ({ perSecond, meanRunMs, most }) => {
    for (const seed of [1, 2, 3]) {
      const { targets, mostBusy } = scaled({ seed, perSecond, meanRunMs }, { min: 2, max: most })
      expect(Math.min(...targets)).toBeGreaterThanOrEqual(2)
      expect(Math.max(...targets, mostBusy)).toBeLessThanOrEqual(most)
      // Twenty minutes with up to three rises: one of the load may be one of the number, and so its fall.
      expect(turns(targets)).toBeLessThanOrEqual(6)
      // At the end two or three are busy on average, and a few more at times: those are kept.
      expect(targets.at(-1)).toBeLessThanOrEqual(10)
    }
  })

  it('does so whatever the load does: it turns no more often than that', () => {
    fc.assert(
      fc.property(randomLoad, bounds, ({ load, changes }, { min, max }) => {
        const { targets, mostBusy } = scaled(load, { min, max })
        expect(Math.min(...targets)).toBeGreaterThanOrEqual(min)
        expect(Math.max(...targets, mostBusy)).toBeLessThanOrEqual(max)
        expect(turns(targets)).toBeLessThanOrEqual(2 * changes + 2)
      }),
      { numRuns: 60 },
    )
  })

  it.each(LOAD_TRACES)('is calm again sooner than a fixed number of the same mean: $name', (trace) => {
    const { perSecond, meanRunMs, most, calmFrom } = trace
    for (const seed of [1, 2, 3]) {
      const load: Load = { seed, perSecond, meanRunMs }
      const own = scaled(load, { min: 2, max: most })
      const same = fixed(load, Math.round(own.meanConsumers))
      // Where the load ends slowly, so many are calm by then as well.
      const other = calmAt(same, calmFrom, 5)
      if (other > calmFrom) expect(calmAt(own, calmFrom, 5)).toBeLessThan(other)
      else expect(calmAt(own, calmFrom, 5)).toBe(calmFrom)
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
            perSecond: [...steady(120, calm), ...steady(seconds, burst), ...steady(1_500, calm)],
            meanRunMs: 600,
          }
          const own = scaled(load, { min: 2, max: 60 })
          const same = fixed(load, Math.round(own.meanConsumers))
          const from = 120 + seconds
          const other = calmAt(same, from, 5)
          // Else it was not too much for that number.
          fc.pre(other > from + 1)
          expect(calmAt(own, from, 5)).toBeLessThan(other)
        },
      ),
      { numRuns: 60 },
    )
  })
})
