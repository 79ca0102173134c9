import { describe, expect, it } from 'vitest'

import { ArrivalPace } from './arrival-pace.ts'

/** A pace after two seconds at so many jobs a second, claimed every 10 ms. */
function aPaceAt(perSecond: number): { readonly pace: ArrivalPace; readonly now: number } {
  const pace = new ArrivalPace()
  let now = 0
  for (; now < 2_000; now += 10) pace.arrived(perSecond / 100, now)
  return { pace, now }
}

describe('ArrivalPace', () => {
  it.each([50, 150, 275, 400, 10_000])('measures %d jobs a second', (perSecond) => {
    const { pace, now } = aPaceAt(perSecond)
    expect(pace.perSecond(now)).toBeGreaterThan(perSecond * 0.9)
    expect(pace.perSecond(now)).toBeLessThan(perSecond * 1.1)
  })

  it.each([
    [100, true, true],
    [275, false, true],
    [400, false, false],
  ])('at %d jobs a second: a busy process wants notice %s, an idle one %s', (perSecond, busy, idle) => {
    const { pace, now } = aPaceAt(perSecond)
    expect([pace.wantsNotice(false, now), pace.wantsNotice(true, now)]).toEqual([busy, idle])
  })

  it('forgets a pace after a pause', () => {
    const { pace, now } = aPaceAt(10_000)
    expect(pace.perSecond(now + 1_100)).toBeLessThan(5_000)
    pace.arrived(1, now + 10_000)
    expect(pace.perSecond(now + 10_000)).toBe(2)
    pace.arrived(0, now + 20_000)
    expect(pace.perSecond(now + 20_000)).toBe(0)
  })

  it('looks every few milliseconds while it does not want to be notified', () => {
    const { pace, now } = aPaceAt(1_000)
    const state = { isIdle: false, isHeard: true }
    expect([1, 2, 3].map(() => pace.lookAgainInMs(state, now))).toEqual([5, 5, 5])
  })

  it('looks a few times more after it has said that it is idle, then leaves it to the caller until something comes', () => {
    const { pace, now } = aPaceAt(10)
    const state = { isIdle: true, isHeard: true }
    const looks = () => [1, 2, 3, 4, 5].map(() => pace.lookAgainInMs(state, now))
    pace.saidIdle()
    expect(looks()).toEqual([5, 20, 100, null, null])
    pace.arrived(1, now)
    expect(looks()).toEqual([5, 20, 100, null, null])
  })

  it('looks by itself while notifications do not arrive, more often while there is something to find', () => {
    const { pace, now } = aPaceAt(10)
    const deaf = { isIdle: true, isHeard: false }
    expect(pace.lookAgainInMs(deaf, now)).toBe(20)
    pace.arrived(0, now + 5_000)
    expect(pace.lookAgainInMs(deaf, now + 5_000)).toBe(500)
  })
})
