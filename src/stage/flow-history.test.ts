import { describe, expect, it } from 'vitest'

import { FlowHistory, type Counters, type Sample } from './flow-history.ts'

function counters(eventsIn: number, busyMs = 0, awaitingSinceMs?: number): Counters {
  return { eventsIn, eventsOut: 2 * eventsIn, busy: { busyMs, awaitedMs: busyMs / 2, awaitingSinceMs } }
}

/** A sample of stage 1. */
function sample(sinceMs: number, atMs: number, ...values: Parameters<typeof counters>): Sample {
  return { sinceMs, atMs, counters: new Map([[1, counters(...values)]]) }
}

describe('FlowHistory', () => {
  it('tells the rates of a young stage since it began', () => {
    expect(new FlowHistory().rates(1, 1000, sample(2900, 3000, 50, 500))).toEqual({
      windowMs: 2000,
      eventsInPerSecond: 25,
      eventsOutPerSecond: 50,
      busyShare: 0.25,
      awaitingShare: 0.125,
    })
  })

  it('tells the rates of the last five seconds, and up to a second more', () => {
    const history = new FlowHistory()
    for (let second = 0; second <= 10; second++) history.add(sample(second * 1000, second * 1000, second * second))
    const rates = history.rates(1, 0, sample(10_400, 10_400, 104))
    // From the sample at five seconds.
    expect(rates).toMatchObject({ windowMs: 5400, eventsInPerSecond: (79 * 1000) / 5400 })
  })

  it('is 0 when nothing ran for so long, whatever happened before', () => {
    const history = new FlowHistory()
    history.add(sample(0, 0, 0))
    history.add(sample(1000, 1000, 500))
    expect(history.rates(1, 0, sample(1500, 7000, 600))).toMatchObject({ windowMs: 5000, eventsInPerSecond: 0 })
  })

  it('begins its window where it should when that is in a time in which nothing ran', () => {
    const history = new FlowHistory()
    history.add(sample(0, 0, 0))
    // Nothing ran for eight seconds; then 100 events in one.
    history.add(sample(1000, 9000, 600))
    expect(history.rates(1, 0, sample(10_000, 10_000, 700))).toMatchObject({ windowMs: 5000, eventsInPerSecond: 20 })
  })

  it('counts a wait that goes on, as far as it is in the window', () => {
    const history = new FlowHistory()
    history.add(sample(0, 0, 0))
    history.add(sample(1000, 1000, 0, 0, 1000))
    const rates = history.rates(1, 0, sample(1000, 60_000, 0, 0, 1000))
    expect(rates).toMatchObject({ windowMs: 5000, busyShare: 1, awaitingShare: 1 })
  })

  it('never tells of more than all the time, and of nothing when no time has passed', () => {
    const history = new FlowHistory()
    expect(history.rates(1, 0, sample(900, 1000, 0, 1200))).toMatchObject({ busyShare: 1 })
    expect(history.rates(1, 1000, sample(1000, 1000, 5, 5))).toEqual({
      windowMs: 0,
      eventsInPerSecond: 0,
      eventsOutPerSecond: 0,
      busyShare: 0,
      awaitingShare: 0,
    })
  })

  it('keeps no more than the window needs', () => {
    const history = new FlowHistory()
    for (let second = 0; second <= 1000; second++) history.add(sample(second * 1000, second * 1000, second))
    expect(history.size).toBeLessThan(8)
  })
})
