import { describe, expect, it } from 'vitest'

import type { InstrumentPoint } from '../open-telemetry.ts'
import { openTelemetrySource } from './open-telemetry.ts'

const JOB = { queue: 'q', name: 'a.b' }

function counter(instrument: string, attributes: Readonly<Record<string, string>>, value: number): InstrumentPoint {
  return { instrument, attributes, value, buckets: null }
}

function runs(end: string, sum: number, counts: readonly number[]): InstrumentPoint {
  return { instrument: `${end}.run`, attributes: JOB, value: sum, buckets: { bounds: [0.01, 0.1], counts } }
}

function node(name: string, points: readonly InstrumentPoint[], killedAt: number | null = null) {
  return { name, points, killedAt }
}

describe('openTelemetrySource', () => {
  const enqueued = counter('millrace.job.enqueue', { ...JOB, status: 'created' }, 30)
  const completed = (value: number) => counter('millrace.job.stop', { ...JOB, outcome: 'completed' }, value)
  const retried = counter('millrace.job.exception', { ...JOB, outcome: 'retry' }, 2)

  it('adds up what every process counted', async () => {
    const nodes = [
      node('A', [completed(10), runs('millrace.job.stop', 0.5, [10, 0, 0])]),
      node('B', [
        completed(18),
        retried,
        runs('millrace.job.stop', 1, [9, 9, 0]),
        runs('millrace.job.exception', 0.1, [2, 0, 0]),
      ]),
    ]
    const { jobs } = await openTelemetrySource(
      () => nodes,
      () => Promise.resolve([enqueued]),
    ).read()
    expect(jobs).toMatchObject([
      {
        ...JOB,
        enqueued: 30,
        attempts: { completed: 28, retry: 2, failed: 0 },
        run: { count: 30, p95: { from: 10, to: 100 } },
      },
    ])
    expect(jobs[0]?.run?.sumMs).toBeCloseTo(1_600)
  })

  it('takes the depth of a queue once, however many nodes tell it', async () => {
    const depth = counter('millrace.queue.depth.depth', { queue: 'q' }, 4)
    const nodes = [node('A', [depth]), node('B', [depth])]
    const reading = await openTelemetrySource(
      () => nodes,
      () => Promise.resolve([enqueued]),
    ).read()
    expect(reading.depth).toBe(4)
  })

  it('has nothing of a node that was killed', async () => {
    const nodes = [node('A', [], 500)]
    const { losses } = await openTelemetrySource(
      () => nodes,
      () => Promise.resolve([]),
    ).read()
    expect(losses).toEqual([{ node: 'A', surelyUntil: 0, perhapsUntil: 0 }])
  })
})
