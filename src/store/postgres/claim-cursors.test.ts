import { describe, expect, it } from 'vitest'

import { ClaimCursors, type ClaimedFrom } from './claim-cursors.ts'

/** A claim that met rows of priority 0 up to a place. */
function aClaim(seq: number, rest: Partial<ClaimedFrom> = {}): ClaimedFrom {
  return { isFull: true, isRescan: false, now: 0, tookMs: 1, met: new Map([[0, seq]]), ...rest }
}

const RESCAN = { isRescan: true, levels: [] }
const at = (seq: number) => ({ isRescan: false, levels: [{ priority: 0, seq }] })

describe('ClaimCursors', () => {
  it('begin at the start', () => {
    expect(new ClaimCursors().start('q', 0)).toEqual(RESCAN)
  })

  it('go on exactly where a full claim ended, each queue and priority for itself', () => {
    const cursors = new ClaimCursors()
    const met = new Map([
      [-5, 90],
      [0, 100],
    ])
    cursors.advance('q', aClaim(0, { isRescan: true, met }))
    expect(cursors.start('q', 10).levels).toEqual([
      { priority: -5, seq: 90 },
      { priority: 0, seq: 100 },
    ])
    expect(cursors.start('r', 10)).toEqual(RESCAN)
    cursors.advance('q', aClaim(150, { now: 20 }))
    expect(cursors.start('q', 30).levels).toEqual([
      { priority: -5, seq: 90 },
      { priority: 0, seq: 150 },
    ])
  })

  it('go back to the end of a full claim that ended before an earlier one did', () => {
    const cursors = new ClaimCursors()
    cursors.advance('q', aClaim(500, { isRescan: true }))
    cursors.advance('q', aClaim(300, { now: 10 }))
    expect(cursors.start('q', 20)).toEqual(at(300))
  })

  it('stay where they are when a short claim met what lies before', () => {
    const cursors = new ClaimCursors()
    cursors.advance('q', aClaim(500, { isRescan: true }))
    cursors.advance('q', aClaim(300, { isFull: false, now: 10 }))
    cursors.advance('q', aClaim(510, { now: 20 }))
    expect(cursors.start('q', 30)).toEqual(at(510))
  })

  it('begin after a short claim where they were at most a second ago, and no more than a step before', () => {
    const cursors = new ClaimCursors()
    // A walk from the start has taken 100 ms, so the next comes two seconds later.
    cursors.advance('q', aClaim(1, { isRescan: true, tookMs: 100 }))
    for (let now = 10; now <= 1_500; now += 10) cursors.advance('q', aClaim(now, { now }))
    cursors.advance('q', aClaim(1_510, { now: 1_510, isFull: false }))
    const [level] = cursors.start('q', 1_520).levels
    expect(level?.seq).toBeLessThanOrEqual(520)
    expect(level?.seq).toBeGreaterThan(520 - 250)
  })

  it('have caught up when nothing has moved for more than a second', () => {
    const cursors = new ClaimCursors()
    cursors.advance('q', aClaim(100, { isRescan: true, tookMs: 1_000 }))
    cursors.advance('q', aClaim(200, { now: 10, isFull: false }))
    expect(cursors.start('q', 900).levels[0]?.seq).toBeLessThan(200)
    expect(cursors.start('q', 1_200)).toEqual(at(200))
  })

  it.each([
    ['100 ms', 0.1, 100],
    ['twenty times what it takes', 10, 200],
    ['a minute', 1e6, 60_000],
  ])('look from the start again after %s', (_what, tookMs, pauseMs) => {
    const cursors = new ClaimCursors()
    cursors.advance('q', aClaim(100, { isRescan: true, tookMs, now: 1_000 }))
    cursors.advance('q', aClaim(200, { now: 1_001 }))
    expect(cursors.start('q', 1_000 + pauseMs - 1)).toEqual(at(200))
    expect(cursors.start('q', 1_000 + pauseMs)).toEqual(RESCAN)
  })

  it('count only what a look from the start takes longer than other claims', () => {
    const cursors = new ClaimCursors()
    cursors.advance('q', aClaim(100, { isRescan: true, tookMs: 100 }))
    cursors.advance('q', aClaim(200, { tookMs: 90 }))
    cursors.advance('q', aClaim(300, { isRescan: true, tookMs: 100, now: 2_000 }))
    expect(cursors.start('q', 2_199)).toEqual(at(300))
    expect(cursors.start('q', 2_200)).toEqual(RESCAN)
  })

  it('begin at the start once the generation has been raised, and only then', () => {
    const cursors = new ClaimCursors()
    expect(cursors.see(7)).toBe(false)
    cursors.advance('q', aClaim(100, { isRescan: true }))
    expect(cursors.see(7)).toBe(false)
    expect(cursors.start('q', 10)).toEqual(at(100))
    expect(cursors.see(8)).toBe(true)
    expect(cursors.start('q', 10)).toEqual(RESCAN)
    expect(cursors.see(8)).toBe(false)
  })
})
