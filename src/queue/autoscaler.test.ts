import { describe, expect, it } from 'vitest'

import { decide, NEW_SCALER, type Decision, type Observed, type ScalerState } from './autoscaler.ts'

const QUIET: Observed = {
  at: 0,
  bounds: { min: 1, max: 20 },
  consumers: 4,
  busy: 0,
  depth: 0,
  oldestAgeMs: null,
  waitP95Ms: null,
  loopLagMs: 0,
}

/** All of them busy, and jobs wait for long. */
const PRESSED = { busy: 4, depth: 50, oldestAgeMs: 3_000 }

/** Looks once a second, with what changes from look to look, and answers every decision; the number follows the decisions. */
function looks(seconds: number, of: (second: number) => Partial<Observed>, from: Partial<Observed> = {}): Decision[] {
  const decisions: Decision[] = []
  let state: ScalerState = NEW_SCALER
  let { consumers } = { ...QUIET, ...from }
  for (let second = 1; second <= seconds; second++) {
    const decision = decide({ ...QUIET, ...from, consumers, at: second * 1_000, ...of(second) }, state)
    decisions.push(decision)
    ;({ state, target: consumers } = decision)
  }
  return decisions
}

const targets = (decisions: readonly Decision[]): number[] => decisions.map(({ target }) => target)
const lastOf = (decisions: readonly Decision[]): Decision | undefined => decisions.at(-1)

describe('decide', () => {
  it('grows when all are busy and jobs wait for more than a moment: up to twice as many', () => {
    const decisions = looks(2, () => PRESSED)
    expect(targets(decisions)).toEqual([4, 8])
    expect(lastOf(decisions)).toMatchObject({
      reason: 'waiting',
      detail: '50 jobs wait, up to 3000 ms, while all 4 consumers are busy',
    })
  })

  it('grows by no more than the jobs that wait', () => {
    expect(targets(looks(2, () => ({ ...PRESSED, depth: 1 })))).toEqual([4, 5])
  })

  it('leaves a moment alone, and what waits for no time', () => {
    expect(targets(looks(20, (second) => (second % 2 === 0 ? PRESSED : {})))).toEqual(Array(20).fill(4))
    expect(targets(looks(20, () => ({ ...PRESSED, oldestAgeMs: 20, waitP95Ms: 30 })))).toEqual(Array(20).fill(4))
  })

  it('takes the waits of jobs that began for what the age of the oldest does not show', () => {
    expect(targets(looks(2, () => ({ ...PRESSED, oldestAgeMs: 20, waitP95Ms: 900 })))).toEqual([4, 8])
  })

  it('waits after a change until it can be seen what it did', () => {
    const decisions = looks(7, () => ({ ...PRESSED, busy: 20 }), { bounds: { min: 1, max: 100 } })
    expect(targets(decisions)).toEqual([4, 8, 8, 16, 16, 32, 32])
  })

  it('says when there may be no more', () => {
    const decisions = looks(10, () => ({ ...PRESSED, busy: 20 }), { bounds: { min: 1, max: 6 } })
    expect(lastOf(decisions)).toMatchObject({ target: 6, reason: 'at-max' })
  })

  it('shrinks when few are busy for half a minute, to what was busy at most and a quarter more, by half at most', () => {
    const decisions = looks(60, (second) => ({ busy: second === 20 ? 5 : 3 }), { consumers: 16 })
    const changes = decisions.filter(({ reason }) => reason === 'idle')
    expect(targets(changes)).toEqual([8, 4])
    expect(targets(decisions).indexOf(8)).toBe(30)
    expect(changes[0]?.detail).toBe('at most 5 of 16 consumers were busy for 30 s')
  })

  it('does not shrink while jobs wait, however few are busy', () => {
    expect(targets(looks(100, () => ({ busy: 1, depth: 3, oldestAgeMs: 5 })))).toEqual(Array(100).fill(4))
  })

  it('is more patient with shrinking each time that it had to grow soon after', () => {
    const decisions = looks(1_200, (second) => (second % 100 < 10 ? { busy: 100, depth: 50, oldestAgeMs: 900 } : {}))
    const [first, second, third] = decisions.flatMap(({ reason }, at) => (reason === 'waiting' ? [at] : []))
    const shrinks = decisions.filter(({ reason }) => reason === 'idle').length
    expect([first, second, third].every((at) => at !== undefined)).toBe(true)
    expect(shrinks).toBeLessThan(12)
    expect(lastOf(decisions)?.state.patienceMs).toBeGreaterThan(60_000)
  })

  it.each([
    ['depth', { depth: null }],
    ['age', { oldestAgeMs: null }],
    ['lag', { loopLagMs: null }],
    ['busy', { busy: Number.NaN }],
    ['infinite lag', { loopLagMs: Infinity }],
    ['depth below zero', { depth: -1 }],
  ])('holds while a figure is missing: %s', (_, missing) => {
    const decisions = looks(100, () => ({ ...PRESSED, ...missing }))
    expect(targets(decisions)).toEqual(Array(100).fill(4))
    expect(lastOf(decisions)?.reason).toBe('no-figures')
  })

  it('begins to watch anew after a figure was missing', () => {
    expect(targets(looks(3, (second) => (second === 2 ? { ...PRESSED, depth: null } : PRESSED)))).toEqual([4, 4, 4])
  })

  it('keeps within bounds that change, at once and whatever else is so', () => {
    const bounds = { min: 6, max: 8 }
    expect(decide({ ...QUIET, bounds, depth: null }, NEW_SCALER)).toMatchObject({ target: 6, reason: 'bounds' })
    expect(decide({ ...QUIET, bounds, consumers: 30, busy: 30 }, NEW_SCALER)).toMatchObject({
      target: 8,
      reason: 'bounds',
    })
  })

  it('does not grow while the event loop is late, and lets fewer run when it is very late for seconds', () => {
    expect(targets(looks(10, () => ({ ...PRESSED, loopLagMs: 250 })))).toEqual(Array(10).fill(4))
    const decisions = looks(30, (second) => ({ ...PRESSED, busy: 8, loopLagMs: second < 6 ? 800 : 0 }), {
      consumers: 8,
    })
    expect(targets(decisions).slice(0, 5)).toEqual([8, 8, 8, 6, 6])
    expect(decisions[3]?.reason).toBe('loop-late')
    // Also when it is on time again, for a minute.
    expect(lastOf(decisions)).toMatchObject({ target: 6, reason: 'loop-late' })
  })
})
