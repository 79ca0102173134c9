import { describe, expect, it } from 'vitest'

import { BusyMeter } from './busy-meter.ts'

/** Runs of `costs` milliseconds, over and over, for `totalMs`; each is measured when its turn has come. */
function runFor(
  totalMs: number,
  costs: readonly number[],
  pauseMs = 0,
): { readonly meter: BusyMeter; measured: number } {
  const meter = new BusyMeter()
  let untilMeasured = 0
  let measured = 0
  let nowMs = 0
  for (let run = 0; nowMs < totalMs; run++) {
    const costMs = costs[run % costs.length] ?? 0
    nowMs += costMs
    if (untilMeasured === 0) {
      untilMeasured = meter.measured(nowMs - costMs, nowMs)
      measured++
    } else untilMeasured--
    nowMs += pauseMs
  }
  return { meter, measured }
}

describe('BusyMeter', () => {
  it('measures every run of a process that runs rarely', () => {
    const { meter, measured } = runFor(1000, [0.01], 0.09)
    expect(measured).toBe(10_000)
    expect(meter.reading().busyMs).toBeCloseTo(100)
  })

  it('measures few of many quick runs, and lets them stand for the others', () => {
    const { meter, measured } = runFor(100, [0.0002], 0.0002)
    expect(measured).toBeLessThan(250_000 / 100)
    expect(meter.reading().busyMs).toBeGreaterThan(49)
    expect(meter.reading().busyMs).toBeLessThan(51)
  })

  it('is not taken in by runs of two sorts that take turns', () => {
    const { meter } = runFor(100, [0.0001, 0.0005], 0.0001)
    // 0.6 of 0.8 µs.
    expect(meter.reading().busyMs).toBeGreaterThan(74)
    expect(meter.reading().busyMs).toBeLessThan(76)
  })

  it('counts a wait for a promise whole, and shows one that goes on', () => {
    const meter = new BusyMeter()
    meter.beginWait(10)
    expect(meter.reading()).toEqual({ busyMs: 0, awaitedMs: 0, awaitingSinceMs: 10 })
    meter.endWait(35)
    expect(meter.reading()).toEqual({ busyMs: 25, awaitedMs: 25, awaitingSinceMs: undefined })
  })

  it('answers integers also on a clock that stands still', () => {
    const meter = new BusyMeter()
    expect(meter.measured(0, 0)).toBe(0)
    expect(meter.measured(0, 0)).toBe(250)
  })
})
