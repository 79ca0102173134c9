/** What every store must do with metrics; a part of the suite for all stores. */

import { randomUUID } from 'node:crypto'

import { expect } from 'vitest'

import type { MetricGroup, MetricQuery, MetricRow, Store } from '../../src/store/store.ts'

const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 86_400_000

/** What one process counted in a minute, with one completed attempt that waited 2 ms and ran 5. */
export function aMetricRow(parts: Partial<MetricRow> & { readonly at: number }): MetricRow {
  return {
    queue: 'q',
    name: 'mail.ping',
    source: randomUUID(),
    counts: { completed: 1, snoozed: 0, cancelled: 0, discarded: 0, retry: 0, failed: 0 },
    waitMs: 2,
    runMs: 5,
    wait: { '120': 1 },
    run: { '140': 1 },
    ...parts,
  }
}

/** What a suite lends to this part. */
export interface MetricsConformance {
  readonly test: (sentence: string, run: () => Promise<void>) => void
  readonly store: () => Store
  /** The store's clock. */
  readonly now: () => Promise<number>
}

/** Declares the tests. */
export function metricsConformance({ test, store, now }: MetricsConformance): void {
  const read = (query: Partial<MetricQuery> & Pick<MetricQuery, 'since' | 'until'>): Promise<readonly MetricGroup[]> =>
    store().readMetrics({ by: 'step', stepMs: MINUTE, ...query })
  const rollUp = async (): Promise<number> => {
    let steps = 0
    while (!(await store().rollUpMetrics()).isDone) steps += 1
    return steps
  }
  /** The beginnings of the hour before the last and of the day in which it is: over, and settled. */
  const anHour = async (): Promise<{ readonly at: number; readonly day: number }> => {
    const at = Math.floor((await now()) / HOUR) * HOUR - 2 * HOUR
    return { at, day: Math.floor(at / DAY) * DAY }
  }

  test('adds up what several counted, by step and by job', async () => {
    const { at } = await anHour()
    const more = { counts: { completed: 1, snoozed: 2, cancelled: 3, discarded: 4, retry: 5, failed: 6 }, waitMs: 0.5 }
    await store().recordMetrics([
      aMetricRow({ at }),
      aMetricRow({ at, ...more, wait: { '120': 3, '7': 1 }, run: {} }),
      aMetricRow({ at: at + MINUTE, name: 'mail.pong' }),
    ])
    await store().recordMetrics([aMetricRow({ at: at + MINUTE, queue: 'r' })])
    const both = {
      counts: { completed: 2, snoozed: 2, cancelled: 3, discarded: 4, retry: 5, failed: 6 },
      waitMs: 2.5,
      runMs: 10,
      wait: { '120': 4, '7': 1 },
      run: { '140': 1 },
    }
    const query = { since: at, until: at + HOUR }
    expect(await read(query)).toEqual([
      { at, queue: '', name: '', ...both },
      expect.objectContaining({
        at: at + MINUTE,
        counts: expect.objectContaining({ completed: 2 }),
        wait: { '120': 2 },
      }),
    ])
    expect(await read({ ...query, by: 'job' })).toEqual([
      { at, queue: 'q', name: 'mail.ping', ...both },
      expect.objectContaining({ queue: 'q', name: 'mail.pong' }),
      expect.objectContaining({ queue: 'r', name: 'mail.ping' }),
    ])
    expect(await read({ ...query, stepMs: 5 * MINUTE })).toMatchObject([
      { at, waitMs: 6.5, wait: { '120': 6, '7': 1 } },
    ])
  })

  test('replaces what a source counted of the same minute before', async () => {
    const { at } = await anHour()
    const row = aMetricRow({ at })
    const newer = { ...row, counts: { ...row.counts, completed: 7 }, wait: { '120': 7 } }
    await store().recordMetrics([row])
    await store().recordMetrics([newer])
    await store().recordMetrics([newer])
    expect(await read({ since: at, until: at + HOUR })).toMatchObject([
      { counts: { completed: 7 }, wait: { '120': 7 } },
    ])
  })

  test('reads no more than was asked for', async () => {
    const { at } = await anHour()
    await store().recordMetrics([
      aMetricRow({ at: at - MINUTE }),
      aMetricRow({ at }),
      aMetricRow({ at, queue: 'r' }),
      aMetricRow({ at, name: 'mail.pong' }),
      aMetricRow({ at: at + MINUTE }),
    ])
    const query = { since: at, until: at + MINUTE, by: 'job' as const }
    const names = async (parts: Partial<MetricQuery>): Promise<string[]> =>
      (await read({ ...query, ...parts })).map(({ queue, name }) => `${queue} ${name}`)
    expect(await names({})).toEqual(['q mail.ping', 'q mail.pong', 'r mail.ping'])
    expect(await names({ queue: 'r' })).toEqual(['r mail.ping'])
    expect(await names({ name: 'mail.ping' })).toEqual(['q mail.ping', 'r mail.ping'])
    expect(await names({ queue: 'r', name: 'mail.pong' })).toEqual([])
    expect(await names({ queue: '' })).toEqual([])
    expect((await read({ since: at, until: at + MINUTE })).map((group) => group.counts.completed)).toEqual([3])
  })

  test('answers the same before and after minutes become hours and days, also with what comes later', async () => {
    const { at, day } = await anHour()
    const queries = [MINUTE, HOUR, DAY].flatMap((stepMs) =>
      (['step', 'job'] as const).map((by) => ({ since: day - DAY, until: day + 2 * DAY, stepMs, by })),
    )
    const answers = (): Promise<(readonly MetricGroup[])[]> => Promise.all(queries.map(read))
    const record = (): Promise<void> =>
      store().recordMetrics([
        ...[0, 1, 59].map((minute) => aMetricRow({ at: at + minute * MINUTE, wait: { [minute]: 2 } })),
        aMetricRow({ at: at - HOUR, name: 'mail.pong' }),
        // An hour that is not over.
        aMetricRow({ at: Math.floor(at / HOUR) * HOUR + 2 * HOUR }),
      ])
    await record()
    const before = await answers()
    expect(before[2]).toHaveLength(3)
    expect(await rollUp()).toBeGreaterThanOrEqual(2)
    expect(await answers()).toEqual(before)
    expect(await rollUp()).toBe(0)
    await record()
    const later = await answers()
    expect(later[2]?.map(({ counts }) => counts.completed)).toEqual([2, 6, 2])
    expect(later[5]?.map(({ counts }) => counts.completed)).toEqual([8, 2])
    await rollUp()
    expect(await answers()).toEqual(later)
  })

  test('lets several add up at the same time', async () => {
    const { at } = await anHour()
    await store().recordMetrics([0, 1, 2].map((hour) => aMetricRow({ at: at - hour * HOUR })))
    await Promise.all([rollUp(), rollUp(), rollUp()])
    const query = { since: at - DAY, until: at + HOUR, stepMs: HOUR }
    expect((await read(query)).map(({ counts }) => counts.completed)).toEqual([1, 1, 1])
  })

  test('does not take minutes of more than a day ago', async () => {
    const { at } = await anHour()
    await store().recordMetrics([aMetricRow({ at: at - DAY - HOUR }), aMetricRow({ at })])
    await store().recordMetrics([])
    expect(await read({ since: at - 3 * DAY, until: at + DAY })).toMatchObject([{ at }])
  })

  test('keeps counts under whatever names', async () => {
    const { at } = await anHour()
    const name = `'"\\{}\0\u{1F600}`
    await store().recordMetrics([aMetricRow({ at, name, queue: '' })])
    const [group] = await read({ since: at, until: at + HOUR, by: 'job' })
    expect(group).toMatchObject({ queue: '', name: name.replace('\0', '\u{FFFD}'), counts: { completed: 1 } })
  })
}
