import { describe, expect, it } from 'vitest'

import { MOST_AHEAD, Pace } from './prefetch.ts'

/** Runs jobs of one length on all slots, all beginning together and again at once, and answers the time at the end. */
function run(pace: Pace, { slots, jobMs, rounds, from = 0 }: Work): number {
  pace.note(from, slots, 0)
  let now = from
  for (let round = 0; round < rounds; round++) {
    now += jobMs
    for (let slot = 0; slot < slots; slot++) pace.note(now, slots, 1)
  }
  return now
}

interface Work {
  readonly slots: number
  readonly jobMs: number
  readonly rounds: number
  readonly from?: number
}

describe('Pace', () => {
  it('holds nothing ahead of which it has seen nothing', () => {
    const pace = new Pace(10)
    expect(pace.ahead(0)).toBe(0)
    pace.note(0, 10, 0)
    expect(pace.ahead(50)).toBe(0)
  })

  it.each([
    { slots: 10, jobMs: 5, ahead: 80 },
    { slots: 10, jobMs: 20, ahead: 20 },
    { slots: 1, jobMs: 4, ahead: 10 },
    { slots: 100, jobMs: 40, ahead: 100 },
  ])('holds twice what $slots slots need in 20 ms with jobs of $jobMs ms', ({ slots, jobMs, ahead }) => {
    const pace = new Pace(slots)
    const now = run(pace, { slots, jobMs, rounds: 20 })
    // What ended together says a little too much for what ended before.
    expect(pace.ahead(now)).toBeGreaterThanOrEqual(ahead)
    expect(pace.ahead(now)).toBeLessThanOrEqual(1.1 * ahead)
  })

  it.each([120, 1_000, 60_000])('holds nothing ahead with jobs of %i ms, however many slots there are', (jobMs) => {
    const pace = new Pace(100)
    const now = run(pace, { slots: 100, jobMs, rounds: 3 })
    for (const sinceMs of [0, 1, jobMs / 2, jobMs - 1]) expect(pace.ahead(now + sinceMs)).toBe(0)
  })

  it('knows the full pace of short jobs from the first few ends, though most slots stand empty', () => {
    const pace = new Pace(10)
    pace.note(0, 1, 0)
    pace.note(0.1, 0, 1)
    expect(pace.ahead(0.1)).toBe(MOST_AHEAD)
  })

  it('never holds more than its bound, also when the clock stands still', () => {
    const pace = new Pace(10)
    const now = run(pace, { slots: 10, jobMs: 0, rounds: 5 })
    expect(pace.ahead(now)).toBe(MOST_AHEAD)
  })

  it('falls while no job ends, to nothing within half a second', () => {
    const pace = new Pace(10)
    const now = run(pace, { slots: 10, jobMs: 0.1, rounds: 5_000 })
    const held = [0, 5, 50, 100, 200, 500].map((sinceMs) => pace.ahead(now + sinceMs))
    expect(held[0]).toBeGreaterThan(1_900)
    expect(held).toEqual([...held].sort((a, b) => b - a))
    expect(held.at(3)).toBeLessThanOrEqual(10)
    expect(held.at(-1)).toBe(0)
  })

  it('holds nothing ahead as soon as slow jobs end that came after quick ones', () => {
    const pace = new Pace(10)
    const now = run(pace, { slots: 10, jobMs: 0.1, rounds: 5_000 })
    const later = run(pace, { slots: 10, jobMs: 1_000, rounds: 1, from: now })
    expect(pace.ahead(later)).toBe(0)
  })

  it('rises again within some thousand ends of quick jobs after slow ones', () => {
    const pace = new Pace(10)
    const now = run(pace, { slots: 10, jobMs: 1_000, rounds: 5 })
    const soon = run(pace, { slots: 10, jobMs: 0.1, rounds: 200, from: now })
    expect(pace.ahead(soon)).toBeGreaterThan(25)
    const later = run(pace, { slots: 10, jobMs: 0.1, rounds: 400, from: soon })
    expect(pace.ahead(later)).toBeGreaterThan(MOST_AHEAD / 2)
  })

  it('is not confused by a short stop of everything', () => {
    const pace = new Pace(10)
    const now = run(pace, { slots: 10, jobMs: 1, rounds: 200 })
    expect(pace.ahead(now)).toBeGreaterThanOrEqual(400)
    const later = run(pace, { slots: 10, jobMs: 1, rounds: 20, from: now + 20 })
    expect(pace.ahead(later)).toBeGreaterThan(200)
  })

  it('forgets the pace when nothing has run for a while', () => {
    const pace = new Pace(10)
    const now = run(pace, { slots: 10, jobMs: 0.1, rounds: 100 })
    pace.note(now, 0, 0)
    expect(pace.ahead(now + 50)).toBe(MOST_AHEAD)
    expect(pace.ahead(now + 101)).toBe(0)
  })
})
