import { describe, expect, it } from 'vitest'

import { readPrometheusText } from './prometheus-text.ts'

const HEAD = '# HELP jobs_total Jobs.\n# TYPE jobs_total counter\n'

describe('readPrometheusText', () => {
  it('reads samples with their labels', () => {
    const samples = readPrometheusText(`${HEAD}jobs_total{queue="a\\"b,c}",name="d.e"} 2.5\n`).get('jobs_total')
    expect(samples).toEqual([{ name: 'jobs_total', labels: { queue: 'a"b,c}', name: 'd.e' }, value: 2.5 }])
  })

  it('reads the lines of a histogram', () => {
    const text = '# TYPE run histogram\nrun_bucket{le="+Inf"} 1\nrun_sum 0.5\nrun_count 1\n'
    expect([...readPrometheusText(text).keys()]).toEqual(['run_bucket', 'run_sum', 'run_count'])
  })

  it.each([
    ['a line without an end', `${HEAD}jobs_total 1`, 'has no end'],
    ['a sample without a type', 'jobs_total 1\n', 'has no type'],
    ['a sample that comes twice', `${HEAD}jobs_total 1\njobs_total 1\n`, 'comes twice'],
    ['a type that comes twice', `${HEAD}${HEAD}`, 'comes twice'],
    ['a value that is no number', `${HEAD}jobs_total many\n`, 'has no number'],
    ['labels without quotes', `${HEAD}jobs_total{queue=a} 1\n`, 'has labels that cannot be read'],
    ['an empty line', `${HEAD}\njobs_total 1\n`, 'is no sample'],
  ])('refuses %s', (_what, text, why) => {
    expect(() => readPrometheusText(text)).toThrow(why)
  })
})
