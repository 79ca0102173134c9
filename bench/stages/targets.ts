/** What is promised of millrace/stage beside others, and whether it holds. Pure. */

import type { RunResult } from '../report/results.ts'
import { summarize } from '../report/results.ts'
import { labelOf, type Cell } from './cell.ts'
import { genStageNames } from './genstage.ts'

/** The figure that is compared. */
export const PER_CPU_SECOND = 'perCpuSecond'

/** How a ratio of millrace to a peer stands to what is promised. */
export interface Target {
  readonly peer: string
  readonly cell: string
  /** In words: `2` or more, or `more than 1`. */
  readonly wanted: string
  /** Of the events per CPU second of millrace to those of the peer; undefined when they did not run side by side. */
  readonly ratio: number | undefined
  readonly state: 'met' | 'not met' | 'not measured'
}

/** At least twice GenStage's figures at 1000, at least the same elsewhere; ahead of the streams of Node and of the web. */
export function targetsOf(cells: readonly Cell[], runs: readonly RunResult[]): readonly Target[] {
  return [...genStageNames, 'node-streams', 'web-streams'].flatMap((peer) => {
    const ratios = ratiosTo(peer, runs)
    return cells.map((cell): Target => {
      const ratio = ratios.get(labelOf(cell))
      const isGenStage = genStageNames.includes(peer)
      const least = isGenStage && cell.maxDemand === 1_000 ? 2 : 1
      const isMet = ratio !== undefined && (isGenStage ? ratio >= least : ratio > least)
      const state = ratio === undefined ? 'not measured' : isMet ? 'met' : 'not met'
      return { peer, cell: labelOf(cell), wanted: isGenStage ? `${least}` : `more than ${least}`, ratio, state }
    })
  })
}

/** The ratio of millrace to the peer, for each cell in which both ran: the median of the ratios within a round. */
export function ratiosTo(peer: string, runs: readonly RunResult[]): ReadonlyMap<string, number> {
  const columns = [{ key: PER_CPU_SECOND, title: 'events per CPU second' }]
  const ours = summarize({ columns, reference: peer }, runs).filter(({ contender }) => contender === 'millrace')
  return new Map(
    ours.flatMap(({ variant, cells }) => {
      const ratio = cells[0]?.ratio ?? Number.NaN
      return Number.isNaN(ratio) ? [] : [[variant, ratio] as const]
    }),
  )
}
