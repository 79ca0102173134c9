import { describe, expect, it } from 'vitest'

import { wantedReplicas, type ReplicaFacts } from './wanted-replicas.ts'

const wanted = (facts: Partial<ReplicaFacts>): number =>
  wantedReplicas({ depth: 0, parked: 0, running: 0, endedPerSecond: 0, isPaused: false, slotsPerReplica: 10, ...facts })

describe('wantedReplicas', () => {
  it('is none with nothing to do, and one with anything', () => {
    expect(wanted({})).toBe(0)
    expect(wanted({ endedPerSecond: 5 })).toBe(0)
    expect(wanted({ running: 1, endedPerSecond: 100 })).toBe(1)
    expect(wanted({ depth: 1, endedPerSecond: 100 })).toBe(1)
  })
  it('is a slot for each job as long as nothing has ended', () => {
    expect(wanted({ depth: 15, running: 10 })).toBe(3)
  })
  it('is what works off the backlog in half a minute, at the pace of the last one', () => {
    // 20 slots end 10 a second; 300 more in 30 s need as many again.
    expect(wanted({ depth: 300, running: 20, endedPerSecond: 10 })).toBe(4)
    expect(wanted({ depth: 3_000, running: 20, endedPerSecond: 10 })).toBe(22)
  })
  it('is not more than there are jobs', () => {
    expect(wanted({ depth: 12, running: 8, endedPerSecond: 0.01 })).toBe(2)
  })
  it('is one for all that nobody can run at present', () => {
    expect(wanted({ depth: 1_000, parked: 1_000 })).toBe(1)
    expect(wanted({ depth: 1_015, parked: 1_000, running: 10 })).toBe(3)
    expect(wanted({ depth: 1_000, parked: 1_000, isPaused: true })).toBe(0)
  })
  it('is only what still runs for a queue that is paused', () => {
    expect(wanted({ depth: 1_000, running: 11, isPaused: true })).toBe(2)
    expect(wanted({ depth: 1_000, isPaused: true })).toBe(0)
  })
})
