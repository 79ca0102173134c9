import { describe, expect, it } from 'vitest'

import { KillTally } from './kill-tally.ts'

describe('KillTally', () => {
  it('says how long the jobs of a killed process took to start again, once all of them have', () => {
    const tally = new KillTally()
    tally.started(1, 'a', 0)
    tally.started(1, 'b', 0)
    tally.started(2, 'c', 0)
    expect(tally.killed(1, 100)).toBe(2)
    expect(tally.started(2, 'a', 300)).toEqual([])
    expect(tally.started(3, 'b', 400)).toEqual([{ jobs: 2, slowestMs: 300 }])
    expect(tally.ranAgain).toEqual({ jobs: 2, slowestMs: 300 })
    expect(tally.kills).toBe(1)
  })

  it('waits for no job that had ended before the kill', () => {
    const tally = new KillTally()
    tally.started(1, 'a', 0)
    tally.completed(1, 'a')
    expect(tally.killed(1, 100)).toBe(0)
    expect(tally.endedTwice).toBe(0)
  })

  it('counts a job that ended twice', () => {
    const tally = new KillTally()
    tally.completed(1, 'a')
    tally.completed(2, 'a')
    tally.completed(2, 'b')
    expect(tally.endedTwice).toBe(1)
  })
})
