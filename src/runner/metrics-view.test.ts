import { describe, expect, it } from 'vitest'

import type { MetricQuery } from '../store/store.ts'
import { readMetrics, type MetricsOptions } from './metrics-view.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000
/** Noon of a day of UTC. */
const NOW = 20_000 * DAY + 12 * HOUR

/** The step that is taken, and that the store is asked for. */
async function stepOf(options: MetricsOptions): Promise<number> {
  const queries: MetricQuery[] = []
  const store = { readMetrics: async (query: MetricQuery) => (queries.push(query), []) }
  const { stepMs } = await readMetrics(store, options, NOW)
  expect(queries.map((query) => query.stepMs)).toEqual([stepMs, stepMs])
  return stepMs
}

const ago = (ms: number): Date => new Date(NOW - ms)

describe('readMetrics', () => {
  it.each([
    ['1h', MINUTE],
    ['2h', MINUTE],
    ['12h', 5 * MINUTE],
    ['1d', HOUR],
    ['3d', HOUR],
    ['7d', 6 * HOUR],
    ['30d', DAY],
    ['90d', DAY],
  ] as const)('takes a step for the last %s that makes a chart', async (since, stepMs) => {
    expect(await stepOf({ since })).toBe(stepMs)
  })

  it('takes no finer step than what is kept of a time long ago', async () => {
    expect(await stepOf({ since: ago(2 * DAY), until: ago(2 * DAY - HOUR) })).toBe(MINUTE)
    expect(await stepOf({ since: ago(5 * DAY), until: ago(5 * DAY - HOUR) })).toBe(HOUR)
    expect(await stepOf({ since: ago(40 * DAY), until: ago(38 * DAY) })).toBe(DAY)
  })

  it('refuses a finer step than what is kept, and says which it can take', async () => {
    expect(await stepOf({ since: '2d', step: '5m' })).toBe(5 * MINUTE)
    await expect(stepOf({ since: '3d', step: '10m' })).rejects.toThrow(
      'option "step" of metrics is 600000 ms; what is older than 2 days is kept by the hour: take a multiple of "1h", or a later "since"',
    )
    expect(await stepOf({ since: '35d', step: '1h' })).toBe(HOUR)
    await expect(stepOf({ since: '40d', step: '6h' })).rejects.toThrow('older than 35 days is kept by the day')
    expect(await stepOf({ since: '300d', step: '7d' })).toBe(7 * DAY)
  })
})
