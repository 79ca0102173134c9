import { describe, expect, it } from 'vitest'

import { countRestart } from './restart-intensity.ts'

const THREE_IN_FIVE = { maxRestarts: 3, maxSeconds: 5 }

describe('countRestart', () => {
  it('allows as many restarts as the bound says', () => {
    const count = countRestart([0, 1000], 2000, THREE_IN_FIVE)
    expect(count).toEqual({ isExceeded: false, restartsMs: [0, 1000, 2000] })
  })

  it('finds the one too many', () => {
    expect(countRestart([0, 1000, 2000], 3000, THREE_IN_FIVE).isExceeded).toBe(true)
  })

  it('forgets restarts that left the window', () => {
    const count = countRestart([0, 1000, 2000], 6500, THREE_IN_FIVE)
    expect(count).toEqual({ isExceeded: false, restartsMs: [2000, 6500] })
  })

  it('allows none with a bound of 0', () => {
    expect(countRestart([], 0, { maxRestarts: 0, maxSeconds: 5 }).isExceeded).toBe(true)
  })
})
