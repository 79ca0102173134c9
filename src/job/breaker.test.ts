import { describe, expect, it } from 'vitest'

import {
  callsInWindow,
  freeProbes,
  NEW_BREAKER,
  stepBreaker,
  type Breaker,
  type BreakerEvent,
  type BreakerSettings,
} from './breaker.ts'

const SETTINGS: BreakerSettings = { errorRate: 0.5, windowMs: 10_000, minimumCalls: 4, openForMs: 5_000, probes: 2 }
const A = { id: 'a', lease: '1' }
const B = { id: 'b', lease: '1' }

function counted(calls: number, failures: number, settings = SETTINGS): BreakerEvent {
  return { type: 'counted', settings, calls, failures }
}

/** A breaker to which this has happened, at these times. */
function after(...events: readonly (readonly [at: number, event: BreakerEvent])[]): Breaker {
  return events.reduce<Breaker>((breaker, [at, event]) => stepBreaker(breaker, event, at), NEW_BREAKER)
}

const opened = [0, counted(4, 4)] as const
const halfOpen = [opened, [5_000, { type: 'due' }]] as const
const probed = (probe: typeof A, outcome: 'passed' | 'failed' | 'none'): BreakerEvent => ({
  type: 'probed',
  probe,
  outcome,
})
const set = (mode: 'auto' | 'open' | 'closed', why: string | null = null): BreakerEvent => ({
  type: 'set',
  mode,
  who: 'ana',
  why,
})

describe('stepBreaker, closed', () => {
  it('opens when enough of enough calls failed, and says so', () => {
    const breaker = after([1_000, counted(3, 0)], [2_000, counted(3, 3)])
    expect(breaker).toMatchObject({ state: 'open', openUntil: 7_000, changedAt: 2_000, slices: [] })
    expect(breaker.changes).toEqual([
      {
        version: breaker.version,
        at: 2_000,
        from: 'closed',
        to: 'open',
        reason: '3 of 6 calls failed within 10 s',
        calls: 6,
        failures: 3,
      },
    ])
  })

  it.each([
    ['too few calls', counted(3, 3)],
    ['too few failures', counted(100, 49)],
    ['no calls', counted(0, 0)],
  ])('stays closed with %s', (_, event) => {
    expect(after([0, event]).state).toBe('closed')
  })

  it('opens at a rate of one when everything failed, and not before', () => {
    const settings = { ...SETTINGS, errorRate: 1 }
    expect(after([0, counted(10, 9, settings)]).state).toBe('closed')
    expect(after([0, counted(10, 10, settings)]).state).toBe('open')
  })

  it('counts what is in the window, in slices of a tenth of it', () => {
    const breaker = after([0, counted(3, 0)], [500, counted(3, 0)], [9_999, counted(1, 0)], [10_400, counted(1, 0)])
    // What came within a second of the first call goes with it.
    expect(breaker.slices.map(({ at, calls }) => [at, calls])).toEqual([[9_999, 2]])
    expect(callsInWindow(breaker, 10_400)).toEqual({ calls: 2, failures: 0 })
    expect(callsInWindow(breaker, 20_000)).toEqual({ calls: 0, failures: 0 })
  })

  it('keeps no more slices than the window has, however many reports come', () => {
    let breaker = NEW_BREAKER
    for (let at = 0; at < 60_000; at += 7) breaker = stepBreaker(breaker, counted(1, 0), at)
    expect(breaker.slices.length).toBeLessThanOrEqual(11)
  })

  it('forgets the window when the clock was set back', () => {
    const breaker = after([100_000, counted(3, 3)], [0, counted(3, 1)])
    expect(breaker).toMatchObject({ state: 'closed', slices: [{ at: 0, calls: 3, failures: 1 }] })
  })

  it('takes new settings with the next report', () => {
    expect(after([0, counted(3, 0)], [1, counted(1, 0, { ...SETTINGS, probes: 7 })]).settings?.probes).toBe(7)
  })
})

describe('stepBreaker, open', () => {
  it('counts nothing, and changes nothing before its time', () => {
    const breaker = after(opened)
    expect(stepBreaker(breaker, counted(9, 9), 100)).toBe(breaker)
    expect(stepBreaker(breaker, { type: 'due' }, 4_999)).toBe(breaker)
    expect(stepBreaker(breaker, { type: 'admitted', probes: [] }, 1)).toBe(breaker)
    expect(stepBreaker(breaker, probed(A, 'passed'), 1)).toBe(breaker)
  })

  it('goes to half-open when its time is over', () => {
    expect(after(...halfOpen)).toMatchObject({ state: 'half-open', openUntil: null, probes: [], passed: 0 })
  })
})

describe('stepBreaker, half-open', () => {
  const running = [...halfOpen, [5_001, { type: 'admitted', probes: [A, B] }]] as const

  it('lets as many probes through as its settings say, and no more', () => {
    expect(freeProbes(after(...halfOpen))).toBe(2)
    const breaker = after(...running)
    expect(freeProbes(breaker)).toBe(0)
    expect(after(...running, [5_002, { type: 'admitted', probes: [{ id: 'c', lease: '1' }] }]).probes).toEqual([A, B])
  })

  it('closes when all probes passed', () => {
    expect(after(...running, [5_002, probed(A, 'passed')])).toMatchObject({
      state: 'half-open',
      passed: 1,
      probes: [B],
    })
    const breaker = after(...running, [5_002, probed(A, 'passed')], [5_003, probed(B, 'passed')])
    expect(breaker).toMatchObject({ state: 'closed', changedAt: 5_003, probes: [], passed: 0 })
    expect(breaker.changes.at(-1)).toMatchObject({ from: 'half-open', to: 'closed', reason: '2 probes passed' })
  })

  it('opens again with the first probe that failed', () => {
    const breaker = after(...running, [5_002, probed(A, 'passed')], [5_003, probed(B, 'failed')])
    expect(breaker).toMatchObject({ state: 'open', openUntil: 10_003, probes: [] })
    expect(breaker.changes.at(-1)?.reason).toBe('a probe failed, after 1 that passed')
  })

  it('frees the place of a probe that says nothing, and of one that was lost', () => {
    expect(freeProbes(after(...running, [5_002, probed(A, 'none')]))).toBe(1)
    expect(freeProbes(after(...running, [5_002, { type: 'lost', probes: [B] }]))).toBe(1)
    const breaker = after(...running)
    expect(stepBreaker(breaker, { type: 'lost', probes: [] }, 5_002)).toBe(breaker)
  })

  it('takes no word of a probe that it does not know, or twice', () => {
    const breaker = after(...running, [5_002, probed(A, 'passed')])
    expect(stepBreaker(breaker, probed(A, 'failed'), 5_003)).toBe(breaker)
    expect(stepBreaker(breaker, probed({ ...B, lease: '2' }, 'failed'), 5_003)).toBe(breaker)
  })
})

describe('stepBreaker, held by an operator', () => {
  it('stays open until it is let go, and then lets probes through', () => {
    const breaker = after(opened, [1, set('open', 'a move')])
    expect(breaker).toMatchObject({ state: 'open', mode: 'open', openUntil: null })
    expect(stepBreaker(breaker, { type: 'due' }, 1_000_000)).toBe(breaker)
    expect(stepBreaker(breaker, set('auto'), 2)).toMatchObject({ state: 'half-open', mode: 'auto' })
  })

  it('closes when it is let go where nobody could judge a probe', () => {
    const breaker = after([0, set('open', 'a move')])
    expect(breaker.changes).toMatchObject([{ from: 'closed', to: 'open', reason: 'ana opened it: a move' }])
    expect(stepBreaker(breaker, set('auto'), 2)).toMatchObject({ state: 'closed', mode: 'auto' })
  })

  it('stays closed whatever fails, until it is let go', () => {
    const breaker = after(opened, [1, set('closed')], [2, counted(100, 100)])
    expect(breaker).toMatchObject({ state: 'closed', mode: 'closed' })
    expect(stepBreaker(stepBreaker(breaker, set('auto'), 3), counted(4, 4), 4).state).toBe('open')
  })

  it('takes no probe of before for one of its own', () => {
    const breaker = after(...halfOpen, [5_001, { type: 'admitted', probes: [A] }], [5_002, set('open')])
    expect(stepBreaker(breaker, probed(A, 'passed'), 5_003)).toBe(breaker)
  })
})

it('remembers the last twenty changes', () => {
  let breaker = NEW_BREAKER
  for (let index = 0; index < 50; index++)
    breaker = stepBreaker(breaker, set(index % 2 === 0 ? 'open' : 'closed'), index)
  expect(breaker.changes).toHaveLength(20)
  expect(breaker.changes.at(-1)?.version).toBe(breaker.version)
})
