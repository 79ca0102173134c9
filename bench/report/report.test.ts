import { describe, expect, it } from 'vitest'

import type { Scenario } from '../scenario.ts'
import { reportMarkdown, scenarioMarkdown, table } from './markdown.ts'
import { summarize, type RunResult } from './results.ts'

const scenario: Scenario = {
  name: 'drain',
  title: 'Drain',
  about: 'How it is done.',
  contenders: ['ours', 'theirs'],
  reference: 'theirs',
  columns: [
    { key: 'perSecond', title: 'jobs/s', hasRatio: true },
    { key: 'sustained', title: 'sustained', isYesNo: true },
  ],
  variants: () => ['1 worker'],
  measure: () => Promise.resolve({}),
}

const run = (contender: string, round: number, perSecond: number, sustained: number): RunResult => ({
  variant: '1 worker',
  contender,
  round,
  figures: { perSecond, sustained },
})

/** The machine was twice as fast in the second round, and thrice in the third. */
const runs = [
  run('theirs', 1, 1_000, 1),
  run('ours', 1, 2_000, 1),
  run('theirs', 2, 2_000, 0),
  run('ours', 2, 6_000, 1),
  run('theirs', 3, 3_000, 1),
  run('ours', 3, 7_500, 1),
]

describe('summarize', () => {
  it('takes the median of the rounds, and of the ratios within a round', () => {
    const ours = summarize(scenario, runs).find(({ contender }) => contender === 'ours')
    expect(ours?.rounds).toBe(3)
    expect(ours?.cells[0]).toEqual({ key: 'perSecond', median: 6_000, least: 2_000, most: 7_500, ratio: 2.5 })
  })

  it('has no ratio where the reference was not measured in that round', () => {
    const [ours] = summarize(scenario, [run('ours', 1, 2_000, 1), run('theirs', 2, 1_000, 1)])
    expect(ours?.cells[0]?.ratio).toBeNaN()
  })
})

describe('scenarioMarkdown', () => {
  const notMeasured = [{ variant: '2 workers', contender: 'theirs', reason: 'it did not start' }]
  const text = scenarioMarkdown(scenario, { scenario: 'drain', runs, notMeasured })

  it('lists the contenders in the order of the scenario, with range and ratio', () => {
    const rows = text.split('\n').filter((line) => line.startsWith('| 1 worker'))
    const cells = rows.map((row) => row.split('|').map((cell) => cell.trim()))
    expect(cells).toEqual([
      ['', '1 worker', 'ours', '6,000 (2,000-7,500)', '2.50', 'yes', ''],
      ['', '1 worker', 'theirs', '2,000 (1,000-3,000)', '1.00', 'not always', ''],
    ])
  })

  it('says what was not measured and why', () => {
    expect(text).toContain('- not measured: theirs, 2 workers: it did not start')
  })
})

describe('reportMarkdown', () => {
  it('says of a quick run that it proves nothing, and names machine, server, versions and settings', () => {
    const surroundings = {
      at: '2030-01-02T03:04:05.000Z',
      isQuick: true,
      rounds: 1,
      machine: { kernel: 'Linux 6' },
      servers: ['PostgreSQL 18.4 (fsync=on)'],
      contenders: [{ name: 'ours', versions: ['ours 1.0.0'], settings: 'none' }],
    }
    const text = reportMarkdown(surroundings, [scenario], [{ scenario: 'drain', runs: [], notMeasured: [] }])
    expect(text).toContain('proves nothing')
    for (const part of ['2030-01-02 03:04 UTC', 'Linux 6', 'fsync=on', 'ours 1.0.0', '## Drain']) {
      expect(text).toContain(part)
    }
  })
})

describe('table', () => {
  it('pads the columns and keeps bars and line ends from breaking the row', () => {
    expect(table(['a', 'b'], [['long cell', 'x|y\nz']]).split('\n')).toEqual([
      '| a         | b      |',
      '| --------- | ------ |',
      '| long cell | x\\|y z |',
    ])
  })
})
