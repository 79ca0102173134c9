import { describe, expect, it } from 'vitest'

import { settled, testHost } from '../../test/support/test-host.ts'
import type { MetricRow } from '../store/store.ts'
import { MetricsRecorder, OTHER, type EndedAttempt } from './metrics-recorder.ts'

const MINUTE = 60_000
const AT = 1_767_225_600_000

function anAttempt(parts: Partial<EndedAttempt> = {}): EndedAttempt {
  return { queue: 'q', name: 'mail.ping', outcome: 'completed', at: AT, waitMs: 2, runMs: 5, ...parts }
}

/** A recorder, and what it wrote: the rows of each write. */
function aRecorder() {
  const host = testHost()
  const writes: (readonly MetricRow[])[] = []
  const errors: unknown[] = []
  const steps: boolean[] = []
  let isAway = false
  const store = {
    recordMetrics: async (rows: readonly MetricRow[]) => {
      if (isAway) throw new Error('away')
      writes.push(rows)
    },
    rollUpMetrics: async () => ({ isDone: steps.shift() ?? true }),
  }
  const recorder = new MetricsRecorder(host, { store, onError: (error) => errors.push(error) })
  return { recorder, clock: host.clock, writes, errors, steps, setAway: (away: boolean) => (isAway = away) }
}

const completed = (rows: readonly MetricRow[] | undefined): (number | string)[][] =>
  (rows ?? []).map(({ at, name, counts }) => [at - AT, name, counts.completed])

describe('MetricsRecorder', () => {
  it('writes what changed every ten seconds, in one write, and nothing when nothing did', async () => {
    const { recorder, clock, writes } = aRecorder()
    recorder.start()
    recorder.ended(anAttempt())
    recorder.ended(anAttempt({ name: 'mail.pong' }))
    recorder.ended(anAttempt({ at: AT + MINUTE }))
    await clock.advance(9_999)
    expect(writes).toEqual([])
    await clock.advance(1)
    expect(writes.map(completed)).toEqual([
      [
        [0, 'mail.ping', 1],
        [0, 'mail.pong', 1],
        [MINUTE, 'mail.ping', 1],
      ],
    ])
    await clock.advance(60_000)
    expect(writes).toHaveLength(1)
  })

  it('writes a minute under one source until it is over, with all that was counted', async () => {
    const { recorder, writes } = aRecorder()
    recorder.ended(anAttempt())
    await recorder.flush()
    recorder.ended(anAttempt({ outcome: 'failed', runMs: null }))
    await recorder.flush()
    const [first, second] = writes.flat()
    expect(second).toMatchObject({ counts: { completed: 1, failed: 1 }, waitMs: 4, runMs: 5 })
    expect(second?.source).toBe(first?.source)
  })

  it('counts what comes for a minute that is over under another source, so that both stay', async () => {
    const { recorder, writes } = aRecorder()
    recorder.ended(anAttempt())
    recorder.ended(anAttempt({ at: AT + MINUTE }))
    await recorder.flush()
    recorder.ended(anAttempt())
    await recorder.flush()
    expect(completed(writes[1])).toEqual([[0, 'mail.ping', 1]])
    expect(writes[1]?.[0]?.source).not.toBe(writes[0]?.[0]?.source)
  })

  it('writes what the store did not take with the next flush, whole, and says so', async () => {
    const { recorder, writes, errors, setAway } = aRecorder()
    recorder.ended(anAttempt())
    setAway(true)
    await recorder.flush()
    recorder.ended(anAttempt())
    setAway(false)
    await recorder.flush()
    expect(errors).toHaveLength(1)
    expect(writes.map(completed)).toEqual([[[0, 'mail.ping', 2]]])
  })

  it('keeps an hour of minutes while the store is away, and the life of the process whole', async () => {
    const { recorder, writes, setAway } = aRecorder()
    setAway(true)
    for (let minute = 0; minute < 100; minute++) recorder.ended(anAttempt({ at: AT + minute * MINUTE }))
    await recorder.flush()
    setAway(false)
    await recorder.flush()
    expect(writes[0]).toHaveLength(60)
    expect(recorder.life()).toMatchObject([{ queue: 'q', name: 'mail.ping', totals: { counts: { completed: 100 } } }])
  })

  it('counts the pairs of queue and name beyond a thousand together', async () => {
    const { recorder, writes } = aRecorder()
    for (let queue = 0; queue < 1_500; queue++) recorder.ended(anAttempt({ queue: `q${queue}` }))
    await recorder.flush()
    expect(writes[0]).toHaveLength(1_001)
    expect(writes[0]?.at(-1)).toMatchObject({ queue: OTHER, name: OTHER, counts: { completed: 500 } })
  })

  it('rolls up once a minute, step by step', async () => {
    const { recorder, clock, steps } = aRecorder()
    recorder.start()
    await clock.advance(60_000)
    steps.push(false, false, true, false)
    await clock.advance(61_000)
    expect(steps).toEqual([false])
  })

  it('writes the last when it stops, and ends its timer', async () => {
    const { recorder, clock, writes } = aRecorder()
    recorder.start()
    recorder.ended(anAttempt())
    await recorder.stop()
    await settled()
    expect(writes).toHaveLength(1)
    expect(clock.timers).toBe(0)
  })
})
