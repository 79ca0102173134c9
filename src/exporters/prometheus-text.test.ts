import { describe, expect, it } from 'vitest'

import { readMetrics } from '../../test/support/prometheus.ts'
import { prometheusLines } from './prometheus-text.ts'

describe('prometheusLines', () => {
  it('writes name, help, type and samples', () => {
    const text = prometheusLines([
      { type: 'gauge', name: 'up', help: 'Whether.', samples: [{ labels: {}, value: 1 }] },
      {
        type: 'counter',
        name: 'jobs_total',
        help: 'Jobs.',
        samples: [{ labels: { queue: 'q', name: 'a.b' }, value: 2.5 }],
      },
    ])
    expect(text).toBe(
      '# HELP up Whether.\n# TYPE up gauge\nup 1\n# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{queue="q",name="a.b"} 2.5\n',
    )
  })

  it.each([
    ['quotes', 'a"b'],
    ['backslashes', 'a\\nb\\'],
    ['line breaks', 'a\nb'],
    ['braces, commas and equals signs', '{a="b",c}'],
    ['everything else', 'größe 🦆 \u2028'],
  ])('keeps %s in label values', (_what, queue) => {
    const text = prometheusLines([
      { type: 'gauge', name: 'up', help: 'A\\B\nC', samples: [{ labels: { queue }, value: 1 }] },
    ])
    expect(readMetrics(text).value('up', { queue })).toBe(1)
  })

  it('writes histograms that add up', () => {
    const sample = {
      labels: { queue: 'q' },
      buckets: [
        [0.1, 1],
        [1, 3],
      ] as const,
      sum: 2.25,
      count: 4,
    }
    const samples = [sample, { ...sample, labels: { queue: 'r' }, count: 5 }]
    const text = prometheusLines([{ type: 'histogram', name: 'run_seconds', help: 'How long.', samples }])
    const read = readMetrics(text).family('run_seconds').samples
    expect(read).toMatchObject([
      { labels: { queue: 'q' }, sum: 2.25, count: 4 },
      { labels: { queue: 'r' }, sum: 2.25, count: 5 },
    ])
    expect([...(read[0]?.buckets ?? [])]).toEqual([
      [0.1, 1],
      [1, 3],
      [Infinity, 4],
    ])
  })

  it('is read by something that notices a histogram that does not add up', () => {
    const sample = { labels: {}, buckets: [[1, 5]] as const, sum: 1, count: 4 }
    const text = prometheusLines([{ type: 'histogram', name: 'run_seconds', help: 'H', samples: [sample] }])
    expect(() => readMetrics(text)).toThrow('buckets that fall')
  })

  it('writes numbers that JavaScript writes otherwise', () => {
    const samples = [Infinity, -Infinity, NaN, 1e21].map((value, at) => ({ labels: { at: `${at}` }, value }))
    const lines = prometheusLines([{ type: 'gauge', name: 'up', help: 'H', samples }]).split('\n')
    expect(lines.slice(2, 6)).toEqual(['up{at="0"} +Inf', 'up{at="1"} -Inf', 'up{at="2"} NaN', 'up{at="3"} 1e+21'])
  })

  it('leaves out a family without samples', () => {
    expect(prometheusLines([{ type: 'gauge', name: 'up', help: 'H', samples: [] }])).not.toContain('up')
  })
})
