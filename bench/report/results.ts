/** What a benchmark found, as data: this is the JSON of the report. */

import type { Figures, Scenario } from '../scenario.ts'
import { median } from './statistics.ts'

/** One run of one contender. */
export interface RunResult {
  readonly variant: string
  readonly contender: string
  readonly round: number
  readonly figures: Figures
}

/** Why there are no figures. */
export interface NotMeasured {
  readonly variant: string
  readonly contender: string
  readonly reason: string
}

export interface ScenarioResult {
  readonly scenario: string
  readonly runs: readonly RunResult[]
  readonly notMeasured: readonly NotMeasured[]
}

/** The runs of one contender in one variant, taken together. */
export interface Summary {
  readonly variant: string
  readonly contender: string
  readonly rounds: number
  readonly cells: readonly Cell[]
}

/** A column of a summary. */
export interface Cell {
  readonly key: string
  readonly median: number
  readonly least: number
  readonly most: number
  /** The median of the ratios to the reference's run of the same round; NaN where there is none. */
  readonly ratio: number
}

/** Takes the rounds together: medians, ranges, and ratios of runs that lay beside each other. */
export function summarize(scenario: Pick<Scenario, 'columns' | 'reference'>, runs: readonly RunResult[]): Summary[] {
  const isFirst = (run: RunResult, index: number) => runs.findIndex((other) => isAlike(run, other)) === index
  return runs.filter(isFirst).map(({ variant, contender }) => {
    const group = runs.filter((run) => isAlike(run, { variant, contender }))
    const references = runs.filter((run) => run.variant === variant && run.contender === scenario.reference)
    const cells = scenario.columns.flatMap(({ key }) => cellOf(key, group, references))
    return { variant, contender, rounds: group.length, cells }
  })
}

type Place = Pick<RunResult, 'variant' | 'contender'>

function isAlike(one: Place, other: Place): boolean {
  return one.variant === other.variant && one.contender === other.contender
}

function cellOf(key: string, group: readonly RunResult[], references: readonly RunResult[]): Cell[] {
  const values = group.flatMap(({ figures }) => figures[key] ?? [])
  if (values.length === 0) return []
  const ratios = group.flatMap(({ round, figures }) => {
    const reference = references.find((run) => run.round === round)?.figures[key]
    const value = figures[key]
    if (reference === undefined || value === undefined) return []
    return reference > 0 && value > 0 ? value / reference : []
  })
  return [{ key, median: median(values), least: Math.min(...values), most: Math.max(...values), ratio: median(ratios) }]
}
