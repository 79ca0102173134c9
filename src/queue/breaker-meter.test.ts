import { describe, expect, it } from 'vitest'

import { settled, testHost } from '../../test/support/test-host.ts'
import type { BreakerId } from '../job/breaker.ts'
import { storeError } from '../store/errors.ts'
import type { BreakerRecord, CallReport } from '../store/store.ts'
import { BreakerMeter } from './breaker-meter.ts'
import type { QueueBreaker } from './breaker-verdict.ts'

const BREAKER: QueueBreaker = {
  by: 'name',
  settings: { errorRate: 0.5, windowMs: 30_000, minimumCalls: 4, openForMs: 1, probes: 1 },
  isFailure: null,
}
const PING: BreakerId = { queue: 'q', by: 'name', subject: 'mail.ping' }
const PAY: BreakerId = { queue: 'q', by: 'name', subject: 'pay.charge' }

function aMeter(answer: () => readonly BreakerRecord[] = () => []) {
  const host = testHost()
  const reports: (readonly CallReport[])[] = []
  const opened: BreakerRecord[] = []
  const errors: unknown[] = []
  const meter = new BreakerMeter(host, {
    store: {
      countCalls: async (calls) => {
        reports.push(calls)
        return answer()
      },
    },
    onOpened: (breakers) => opened.push(...breakers),
    onError: (error) => errors.push(error),
  })
  return { host, meter, reports, opened, errors }
}

describe('BreakerMeter', () => {
  it('reports calls that passed once in a slice of the window, all together', async () => {
    const { host, meter, reports } = aMeter()
    for (let call = 0; call < 100; call++) meter.count(PING, BREAKER, 'passed')
    await host.clock.advance(2_900)
    expect(reports).toEqual([])
    await host.clock.advance(100)
    await settled()
    expect(reports).toEqual([[{ id: PING, settings: BREAKER.settings, calls: 100, failures: 0 }]])
  })

  it('reports a failure within a tenth of a second, with all that was counted before', async () => {
    const { host, meter, reports } = aMeter()
    meter.count(PING, BREAKER, 'passed')
    meter.count(PAY, BREAKER, 'passed')
    meter.count(PING, BREAKER, 'failed')
    await host.clock.advance(100)
    await settled()
    expect(reports[0]).toMatchObject([
      { id: PING, calls: 2, failures: 1 },
      { id: PAY, calls: 1, failures: 0 },
    ])
  })

  it('reports at once what would open the breaker by itself', async () => {
    const { host, meter, reports } = aMeter()
    for (const outcome of ['failed', 'passed', 'failed', 'failed'] as const) meter.count(PING, BREAKER, outcome)
    await host.clock.advance(0)
    await settled()
    expect(reports).toMatchObject([[{ calls: 4, failures: 3 }]])
  })

  it('counts nothing that says nothing', async () => {
    const { host, meter, reports } = aMeter()
    meter.count(PING, BREAKER, 'none')
    await host.clock.advance(60_000)
    expect(reports).toEqual([])
  })

  it('tells of breakers that opened', async () => {
    const record = { ...PING, state: 'open' } as BreakerRecord
    const { host, meter, opened } = aMeter(() => [record])
    meter.count(PING, BREAKER, 'failed')
    await host.clock.advance(100)
    await settled()
    expect(opened).toEqual([record])
  })

  it('keeps what the store did not take, and counts it once', async () => {
    let isAway = true
    const { host, meter, reports, errors } = aMeter(() => {
      if (isAway) throw storeError('ERR_STORE_UNAVAILABLE', 'away')
      return []
    })
    meter.count(PING, BREAKER, 'failed')
    await host.clock.advance(100)
    await settled()
    expect(errors).toHaveLength(1)
    isAway = false
    meter.count(PING, BREAKER, 'passed')
    await host.clock.advance(10_000)
    await settled()
    expect(reports.at(-1)).toMatchObject([{ calls: 2, failures: 1 }])
    expect(reports).toHaveLength(2)
  })

  it('reports what is left when it stops, and counts no more', async () => {
    const { host, meter, reports } = aMeter()
    meter.count(PING, BREAKER, 'passed')
    await meter.stop()
    meter.count(PING, BREAKER, 'failed')
    await host.clock.advance(60_000)
    expect(reports).toMatchObject([[{ calls: 1, failures: 0 }]])
  })
})
