/** The protocol, searched: no order of events breaks it, and each weaker form of it is broken by some. */

import { describe, expect, it } from 'vitest'
import { leaseFence, type Fence } from './protocol.ts'
import { search } from './search.ts'
import type { Setting } from './world.ts'

const TWO_WORKERS: Setting = {
  workers: 2,
  fence: leaseFence,
  leases: 'random',
  maxAttempts: 2,
  mostHeld: 3,
  hasDatabaseCrashes: true,
}

describe('the protocol', () => {
  it('holds, and lets every job come to an end, in all that two workers can come to with three claims at a time', () => {
    const { worlds, steps, violation } = search(TWO_WORKERS)
    expect(violation).toBeNull()
    // The search really went everywhere: a rule that forbids too much would make it small.
    expect(worlds).toBeGreaterThan(100_000)
    expect(steps).toBeGreaterThan(1_000_000)
  })

  it('holds for three workers', () => {
    const { worlds, violation } = search({ ...TWO_WORKERS, workers: 3, mostHeld: 2 })
    expect(violation).toBeNull()
    expect(worlds).toBeGreaterThan(20_000)
  })

  it('holds with leases that are numbers, as long as no crash rewinds them', () => {
    const numbered: Setting = { ...TWO_WORKERS, leases: 'sequence', mostClaims: 3, hasDatabaseCrashes: false }
    expect(search(numbered).violation).toBeNull()
  })
})

describe('a weaker protocol', () => {
  const weaker = (parts: Partial<Setting>) => search({ ...TWO_WORKERS, hasDatabaseCrashes: false, ...parts }).violation
  const isPaused = 'worker 1, which is only paused, is taken for dead, and what it held is rescued'

  it('without a fence lets a process that was taken for dead change a job that nobody holds', () => {
    expect(weaker({ fence: () => true })).toEqual({
      rule: 'a stale write changed the job',
      trace: ['worker 1 claims the job', isPaused, 'worker 1 hands the job back'],
    })
  })

  it('with a fence on the state lets it change a job that another one runs', () => {
    const byState: Fence = ({ state }) => state === 'running'
    expect(weaker({ fence: byState })).toEqual({
      rule: 'a stale write changed the job',
      trace: ['worker 1 claims the job', isPaused, 'worker 2 claims the job', 'worker 1 hands the job back'],
    })
  })

  it('with a fence on the attempt does the same, because attempts are given back', () => {
    const byAttempt: Fence = ({ state, attempt }, held) => state === 'running' && attempt === held.attempt
    expect(weaker({ fence: byAttempt })).toEqual({
      rule: 'a stale write changed the job',
      trace: ['worker 1 claims the job', isPaused, 'worker 2 claims the job', 'worker 1 hands the job back'],
    })
  })

  it('with leases of a sequence gives one lease twice, when a crash of the database rewinds it', () => {
    expect(weaker({ leases: 'sequence', mostClaims: 3, hasDatabaseCrashes: true })).toEqual({
      rule: 'one lease is held twice',
      trace: [
        'worker 1 claims the job',
        'the database crashes, and the last claim was not on the disk',
        'worker 1 claims the job',
      ],
    })
  })

  it('in which the dead are not rescued leaves jobs that can never end', () => {
    const { violation } = search({ ...TWO_WORKERS, isRescued: false })
    expect(violation).toEqual({
      rule: 'the job can never come to an end',
      trace: ['worker 1 claims the job', 'worker 1 is killed'],
    })
  })
})
