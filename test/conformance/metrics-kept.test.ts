/** How long metrics are kept, on a clock that a test can move by weeks. */

import { expect, it, onTestFinished } from 'vitest'

import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts'
import { storeTestHost } from '../support/store-clock.ts'
import { aMetricRow } from './metrics-conformance.ts'

const HOUR = 3_600_000
const DAY = 86_400_000

it('minutes are kept for two days, hours for five weeks, days for four hundred', async () => {
  const host = storeTestHost()
  const store = openSqliteStore({ host, location: 'sqlite::memory:', transport: 'inline' })
  onTestFinished(() => store.close())
  const at = Math.floor(host.clock.now() / DAY) * DAY
  const waitUntil = async (age: number): Promise<void> => {
    host.advance(at + age - host.clock.now())
    while (!(await store.rollUpMetrics()).isDone);
  }
  const counted = async (): Promise<readonly number[]> => {
    const steps = [60_000, HOUR, DAY].map((stepMs) =>
      store.readMetrics({ since: at, until: at + DAY, by: 'step', stepMs }),
    )
    return (await Promise.all(steps)).map((groups) => groups.length)
  }
  await store.recordMetrics([aMetricRow({ at }), aMetricRow({ at: at + HOUR })])
  expect(await counted()).toEqual([2, 2, 1])
  await waitUntil(1.9 * DAY)
  expect(await counted()).toEqual([2, 2, 1])
  await waitUntil(2.1 * DAY)
  expect(await counted()).toEqual([0, 2, 1])
  await waitUntil(34 * DAY)
  expect(await counted()).toEqual([0, 2, 1])
  await waitUntil(36 * DAY)
  expect(await counted()).toEqual([0, 0, 1])
  await waitUntil(399 * DAY)
  expect(await counted()).toEqual([0, 0, 1])
  await waitUntil(401 * DAY)
  expect(await counted()).toEqual([0, 0, 0])
})
