import { describe, expect, it } from 'vitest'

import { aClaimedJob, aFinishedJob } from '../../test/support/factories.ts'
import { testHost } from '../../test/support/test-host.ts'
import { ConsumerStatistics } from './consumer-statistics.ts'

describe('ConsumerStatistics', () => {
  it('counts how jobs ended and shows when the last one did, by the wall clock', async () => {
    const { clock } = testHost()
    const statistics = new ConsumerStatistics(clock)
    const startedAt = clock.now()
    const consumer = {}
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
})
