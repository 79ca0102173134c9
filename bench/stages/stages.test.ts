import { describe, expect, it } from 'vitest'

import type { RunResult } from '../report/results.ts'
import { readStageArguments } from './arguments.ts'
import { topologies, type Cell, type Topology } from './cell.ts'
import { Tally } from './contender.ts'
import { stageTablesMarkdown, targetsText } from './markdown.ts'
import { PER_CPU_SECOND, targetsOf } from './targets.ts'

const [direct] = topologies as readonly [Topology]
const cells: readonly Cell[] = [
  { topology: direct, maxDemand: 1_000 },
  { topology: direct, maxDemand: 1 },
]

const run = (contender: string, variant: string, round: number, events: number): RunResult => ({
  variant,
  contender,
  round,
  figures: { [PER_CPU_SECOND]: events },
})

/** The machine was twice as fast in the second round. */
const runs = [
  run('millrace', 'direct, 1000', 1, 3_000_000),
  run('genstage', 'direct, 1000', 1, 2_000_000),
  run('node-streams', 'direct, 1000', 1, 2_000_000),
  run('millrace', 'direct, 1000', 2, 6_000_000),
  run('genstage', 'direct, 1000', 2, 4_000_000),
  run('node-streams', 'direct, 1000', 2, 4_000_000),
  run('millrace', 'direct, 1', 1, 1_000_000),
  run('genstage', 'direct, 1', 1, 1_000_000),
  run('node-streams', 'direct, 1', 1, 1_000_000),
]

describe('targetsOf', () => {
  const stateOf = (peer: string, cell: string) =>
    targetsOf(cells, runs).find((target) => target.peer === peer && target.cell === cell)

  it('wants twice the figure of GenStage at a max demand of 1000, and the same at others', () => {
    expect(stateOf('genstage', 'direct, 1000')).toMatchObject({ ratio: 1.5, wanted: '2', state: 'not met' })
    expect(stateOf('genstage', 'direct, 1')).toMatchObject({ ratio: 1, wanted: '1', state: 'met' })
  })

  it('wants more than the streams of Node reach', () => {
    expect(stateOf('node-streams', 'direct, 1000')).toMatchObject({ ratio: 1.5, state: 'met' })
    expect(stateOf('node-streams', 'direct, 1')).toMatchObject({ ratio: 1, state: 'not met' })
  })

  it('counts what did not run side by side as not measured', () => {
    expect(stateOf('web-streams', 'direct, 1')).toMatchObject({ ratio: undefined, state: 'not measured' })
    expect(targetsText(targetsOf(cells, runs))).toContain('4 were not measured')
  })
})

describe('stageTablesMarkdown', () => {
  const text = stageTablesMarkdown({
    cells,
    contenders: ['millrace', 'genstage-1', 'rxjs'],
    runs,
    absent: [{ name: 'genstage-1', reason: 'there is no elixir' }],
    missing: [{ contender: 'rxjs', cell: 'direct, 1', reason: 'it cannot' }],
  })
  const rowsOf = (cell: string) =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`| ${cell} `))
      .map((line) => line.split('|').map((part) => part.trim()))

  it('prints medians with their range, what was recorded once, and a dash for nothing', () => {
    const [speeds] = rowsOf('direct, 1000')
    expect(speeds).toEqual(['', 'direct, 1000', '4.50 (3.00-6.00)', '19.6 recorded', '-', ''])
  })

  it('compares nothing with what was recorded', () => {
    const [, ratios] = rowsOf('direct, 1000')
    expect(ratios).toEqual(['', 'direct, 1000', '- (2: not measured)', '-', ''])
  })

  it('says why a cell or a column has no figures', () => {
    expect(text).toContain('- genstage-1 was not measured: there is no elixir')
    expect(text).toContain('- rxjs, direct, 1: it cannot')
  })
})

describe('Tally', () => {
  it('finds out when an event is missing, doubled or not changed', () => {
    const tally = new Tally()
    tally.addAll([1, 2, 3])
    expect(() => tally.check(3, 1)).not.toThrow()
    expect(() => tally.check(3, 0)).toThrow('3 events add up to 3, but 3 came and added up to 6')
    tally.add(4)
    expect(() => tally.check(3, 1)).toThrow('but 4 came')
  })

  it('adds up beyond 32 bits', () => {
    const tally = new Tally()
    for (let event = 0; event < 200_000; event++) tally.add(event)
    expect(() => tally.check(200_000, 0)).not.toThrow()
  })
})

describe('readStageArguments', () => {
  it('measures every cell three times when nothing is asked for', () => {
    const args = readStageArguments([], ['millrace', 'rxjs'])
    expect(args).toMatchObject({ isQuick: false, rounds: 3, contenders: ['millrace', 'rxjs'], genStage: undefined })
    expect(args.cells).toHaveLength(9)
  })

  it('chooses topologies, demands and contenders', () => {
    const args = readStageArguments(['--only', 'chain', '--max-demand', '1,10', '--contenders', 'rxjs'], ['x', 'rxjs'])
    expect(args.cells.map(({ topology, maxDemand }) => `${topology.name} ${maxDemand}`)).toEqual([
      'chain 10',
      'chain 1',
    ])
    expect(args.contenders).toEqual(['rxjs'])
  })

  it('names what there is when it is asked for what there is not', () => {
    expect(() => readStageArguments(['--only', 'ring'], [])).toThrow('no topology "ring"; there are: direct, chain, ')
    expect(() => readStageArguments(['--max-demand', '7'], [])).toThrow('no max demand "7"; there are: 1000, 10, 1')
  })
})
