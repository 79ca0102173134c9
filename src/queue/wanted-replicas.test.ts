import { describe, expect, it } from 'vitest'

import { wantedReplicas, type ReplicaFacts, type WantedReplicas } from './wanted-replicas.ts'

const of = (facts: Partial<ReplicaFacts>): WantedReplicas =>
  wantedReplicas({
    ...{ depth: 0, parked: 0, running: 0, slots: null, endedPerSecond: 0, isPaused: false, slotsPerReplica: 10 },
    ...facts,
  })

const wanted = (facts: Partial<ReplicaFacts>): number => of(facts).count

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
  it('takes what is claimed ahead for no slot in use', () => {
    // A process with 10 slots ends 5,000 a second and holds 110; what waits is gone in two.
    expect(wanted({ depth: 10_000, running: 110, slots: 10, endedPerSecond: 5_000 })).toBe(1)
    expect(wanted({ depth: 10, running: 110, slots: 10, endedPerSecond: 5_000 })).toBe(1)
    expect(wanted({ depth: 0, running: 110, slots: 10, endedPerSecond: 5_000 })).toBe(1)
    // Half a minute's work: twice as many.
    expect(wanted({ depth: 150_000, running: 110, slots: 10, endedPerSecond: 5_000 })).toBe(2)
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
  it.each<[string, Partial<ReplicaFacts>]>([
    ['nothing waits, and nothing runs', {}],
    ['it is paused, and nothing runs', { depth: 1_000, isPaused: true }],
    [
      'it is paused, and 1 job still runs: 1 at the same time would do, and a process runs 10',
      { running: 1, isPaused: true },
    ],
    ['7 jobs wait that nobody can run at present: one, for when that changes', { depth: 7, parked: 7 }],
    [
      '1 job waits, 1 runs, and none ended in the last minute: 2 at the same time would do, and a process runs 10',
      { depth: 1, running: 1 },
    ],
    [
      '300 jobs wait, 20 run, and 600 ended in the last minute: 40 at the same time would do, and a process runs 10',
      { depth: 300, running: 20, endedPerSecond: 10 },
    ],
  ])('says why: %s', (reason, facts) => {
    expect(of(facts).reason).toBe(reason)
  })
})
