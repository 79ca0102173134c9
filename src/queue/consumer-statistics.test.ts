import { describe, expect, it } from 'vitest'

import { aClaimedJob, aConsumerRef, aFinishedJob } from '../../test/support/factories.ts'
import { testHost } from '../../test/support/test-host.ts'
import { ConsumerStatistics } from './consumer-statistics.ts'

describe('ConsumerStatistics', () => {
  it('counts how jobs ended and shows when the last one did, by the wall clock', async () => {
    const { clock } = testHost()
    const statistics = new ConsumerStatistics(clock)
    const startedAt = clock.now()
    const consumer = aConsumerRef()
    const own = statistics.begin(consumer)
    const job = aClaimedJob()
    own.started(job)
    expect(statistics.snapshot()).toEqual([{ startedAt, done: 0, failed: 0, lastJobAt: null, job: job.id }])
    await clock.advance(1_500)
    own.ended(aFinishedJob({ job, endedAt: clock.monotonic() }))
    await clock.advance(700)
    own.ended(undefined)
    expect(statistics.snapshot()).toEqual([{ startedAt, done: 1, failed: 0, lastJobAt: startedAt + 1_500, job: null }])
    statistics.end(consumer)
    expect(statistics.snapshot()).toEqual([])
  })
  it('tells idle consumers from busy ones, and how many were busy at most', () => {
    const statistics = new ConsumerStatistics(testHost().clock)
    const [one, other] = [aConsumerRef(), aConsumerRef()]
    const [first, second] = [statistics.begin(one), statistics.begin(other)]
    expect(statistics.takeMostBusy()).toBe(0)
    first.started(aClaimedJob())
    second.started(aClaimedJob())
    second.ended(undefined)
    expect(statistics.idle()).toEqual([other])
    expect(statistics.takeMostBusy()).toBe(2)
    expect(statistics.takeMostBusy()).toBe(1)
    statistics.end(one)
    first.ended(undefined)
    expect(statistics.takeMostBusy()).toBe(1)
    expect(statistics.takeMostBusy()).toBe(0)
    expect(statistics.refs()).toEqual([other])
  })
})
