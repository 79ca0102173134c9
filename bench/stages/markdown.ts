/** The report of the stage benchmark as Markdown. */

import { numberText, QUICK_WARNING, surroundingsMarkdown, table, type Surroundings } from '../report/markdown.ts'
import { summarize, type RunResult, type Summary } from '../report/results.ts'
import { labelOf, topologies, type Cell } from './cell.ts'
import type { Absent } from './competitor.ts'
import { recordedOf } from './genstage.ts'
import { PER_CPU_SECOND, ratiosTo, targetsOf, type Target } from './targets.ts'

/** What was found, and in which cells nothing could be. */
export interface StageResults {
  readonly cells: readonly Cell[]
  /** The columns, in order; millrace first. */
  readonly contenders: readonly string[]
  readonly runs: readonly RunResult[]
  readonly absent: readonly Absent[]
  /** Why a cell has no figure, by contender and cell. */
  readonly missing: readonly { readonly contender: string; readonly cell: string; readonly reason: string }[]
}

const ABOUT =
  'The producer counts; each step of a chain adds 1 to every event; the consumers add all events up, and the sum is checked. A cell is measured in a fresh process after a warm-up, in processor time of the whole process: collecting garbage and compiling count. Millions of events per CPU second.'

/** The whole report. */
export function stageReportMarkdown(surroundings: Surroundings, results: StageResults): string {
  const { at, isQuick, rounds } = surroundings
  return [
    `# Benchmark of the stages of ${at.slice(0, 16).replace('T', ' ')} UTC`,
    ...(isQuick ? [`**${QUICK_WARNING}**`] : []),
    `Medians of ${rounds} interleaved ${rounds === 1 ? 'round' : 'rounds'}, with the least and the most in brackets where there are several. Only figures of one report can be compared.`,
    stageTablesMarkdown(results),
    ...surroundingsMarkdown(surroundings),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

/** The tables alone. */
export function stageTablesMarkdown(results: StageResults): string {
  const { cells, contenders, runs } = results
  const shapes = topologies.filter((topology) => cells.some((cell) => cell.topology === topology))
  const targets = targetsOf(cells, runs)
  return [
    '## Events per CPU second',
    ABOUT,
    shapes.map(({ name, title }) => `- ${name}: ${title}`).join('\n'),
    speedTable(results),
    notes(results),
    '## Ratios of millrace to the others, and its targets',
    'Each is the median of the ratios within a round. Behind a ratio stands what it is meant to be, and whether it is.',
    ratioTable(cells, contenders, runs, targets),
    targetsText(targets),
  ].join('\n\n')
}

function speedTable({ cells, contenders, runs, absent }: StageResults): string {
  const columns = [{ key: PER_CPU_SECOND, title: 'events per CPU second' }]
  const summaries = summarize({ columns, reference: 'millrace' }, runs)
  const cellText = (contender: string, cell: Cell): string => {
    const summary = summaries.find((one) => one.contender === contender && one.variant === labelOf(cell))
    if (summary !== undefined) return speedText(summary)
    const recorded = absent.some(({ name }) => name === contender) ? recordedOf(contender, labelOf(cell)) : undefined
    return recorded === undefined ? '-' : `${millions(recorded)} recorded`
  }
  return table(
    ['topology, max demand', ...contenders],
    cells.map((cell) => [labelOf(cell), ...contenders.map((contender) => cellText(contender, cell))]),
  )
}

function speedText({ rounds, cells: [figure] }: Summary): string {
  if (figure === undefined) return '-'
  const { median, least, most } = figure
  return rounds === 1 ? millions(median) : `${millions(median)} (${millions(least)}-${millions(most)})`
}

/** Three digits that count. */
function millions(events: number): string {
  const value = events / 1_000_000
  return numberText(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

function notes({ absent, missing }: StageResults): string {
  const lines = [
    ...absent.map(({ name, reason }) => `- ${name} was not measured: ${reason}`),
    ...missing.map(({ contender, cell, reason }) => `- ${contender}, ${cell}: ${reason}`),
  ]
  return lines.join('\n')
}

function ratioTable(
  cells: readonly Cell[],
  contenders: readonly string[],
  runs: readonly RunResult[],
  targets: readonly Target[],
): string {
  const peers = contenders.filter((name) => name !== 'millrace')
  const ratios = new Map(peers.map((peer) => [peer, ratiosTo(peer, runs)]))
  const cellText = (peer: string, cell: string): string => {
    const ratio = ratios.get(peer)?.get(cell)
    const target = targets.find((one) => one.peer === peer && one.cell === cell)
    const text = ratio === undefined ? '-' : numberText(ratio, 2)
    return target === undefined ? text : `${text} (${target.wanted}: ${target.state})`
  }
  return table(
    ['millrace to', ...peers],
    cells.map((cell) => [labelOf(cell), ...peers.map((peer) => cellText(peer, labelOf(cell)))]),
  )
}

/** How many targets are met, in one line. */
export function targetsText(targets: readonly Target[]): string {
  const count = (state: Target['state']): number => targets.filter((target) => target.state === state).length
  return `Of ${targets.length} targets ${count('met')} are met, ${count('not met')} are not met, ${count('not measured')} were not measured.`
}
