/** The report as Markdown. */

import type { Column, Scenario } from '../scenario.ts'
import { summarize, type Cell, type ScenarioResult, type Summary } from './results.ts'

/** What was measured where. */
export interface Surroundings {
  readonly at: string
  readonly isQuick: boolean
  readonly rounds: number
  /** Label and text: processor, memory, load, kernel and so on. */
  readonly machine: Readonly<Record<string, string>>
  readonly servers: readonly string[]
  readonly contenders: readonly {
    readonly name: string
    readonly versions: readonly string[]
    readonly settings: string
  }[]
}

export const QUICK_WARNING =
  'This was a quick run: small, short and once. It shows that the bench works and proves nothing about speed.'

/** The whole report. */
export function reportMarkdown(
  surroundings: Surroundings,
  scenarios: readonly Scenario[],
  results: readonly ScenarioResult[],
): string {
  const { at, isQuick, rounds } = surroundings
  const parts = results.flatMap((result) => {
    const scenario = scenarios.find(({ name }) => name === result.scenario)
    return scenario === undefined ? [] : [scenarioMarkdown(scenario, result)]
  })
  return [
    `# Benchmark of ${at.slice(0, 16).replace('T', ' ')} UTC`,
    ...(isQuick ? [`**${QUICK_WARNING}**`] : []),
    `Medians of ${rounds} interleaved ${rounds === 1 ? 'round' : 'rounds'}, with the least and the most in brackets where there are several. A ratio is the median of the ratios to the reference's run of the same round. Only figures of one report can be compared.`,
    ...parts,
    ...surroundingsMarkdown(surroundings),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
    .concat('\n')
}

/** The paragraphs that say what was measured where. */
export function surroundingsMarkdown({ machine, servers, contenders }: Surroundings): readonly string[] {
  return [
    '## Machine',
    table(['what', 'is'], Object.entries(machine)),
    ...servers
      .map((server) => `- ${server}`)
      .join('\n')
      .split('\n\n'),
    '## Contenders',
    table(
      ['contender', 'versions', 'settings'],
      contenders.map(({ name, versions, settings }) => [name, versions.join(', '), settings]),
    ),
  ]
}

/** One scenario: what was measured, its table, and what was not measured. */
export function scenarioMarkdown(scenario: Scenario, { runs, notMeasured }: ScenarioResult): string {
  const order = ({ contender }: { readonly contender: string }) => scenario.contenders.indexOf(contender)
  const summaries = summarize(scenario, runs)
  const variants = [...new Set(summaries.map(({ variant }) => variant))]
  const rows = variants.flatMap((variant) =>
    summaries
      .filter((summary) => summary.variant === variant)
      .toSorted((one, other) => order(one) - order(other))
      .map((summary) => rowOf(scenario.columns, summary)),
  )
  const missing = notMeasured.map(
    ({ variant, contender, reason }) => `- not measured: ${contender}, ${variant}: ${reason}`,
  )
  return [
    `## ${scenario.title}`,
    `${scenario.about} Ratios are to ${scenario.reference}.`,
    rows.length === 0 ? '' : table(headersOf(scenario.columns), rows),
    missing.join('\n'),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function headersOf(columns: readonly Column[]): string[] {
  return [
    '',
    'contender',
    ...columns.flatMap(({ title, hasRatio }) => (hasRatio === true ? [title, 'ratio'] : [title])),
  ]
}

function rowOf(columns: readonly Column[], { variant, contender, rounds, cells }: Summary): string[] {
  return [
    variant,
    contender,
    ...columns.flatMap((column) => {
      const cell = cells.find((one) => one.key === column.key)
      const value = cell === undefined ? '' : valueText(cell, column, rounds)
      return column.hasRatio === true ? [value, ratioText(cell)] : [value]
    }),
  ]
}

function valueText({ median, least, most }: Cell, { digits = 0, isYesNo }: Column, rounds: number): string {
  if (isYesNo === true) return least === most ? yesOrNo(median) : 'not always'
  const text = numberText(median, digits)
  return rounds === 1 ? text : `${text} (${numberText(least, digits)}-${numberText(most, digits)})`
}

function yesOrNo(value: number): string {
  return value === 1 ? 'yes' : 'no'
}

function ratioText(cell: Cell | undefined): string {
  return cell === undefined || !Number.isFinite(cell.ratio) ? '' : numberText(cell.ratio, 2)
}

/** 1234.5 as `1,235`, or with so many decimals. */
export function numberText(value: number, digits: number): string {
  if (!Number.isFinite(value)) return '?'
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** A table whose columns are padded, so that it can be read in a terminal too. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const clean = [headers, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')))
  const widths = headers.map((_, column) => Math.max(3, ...clean.map((row) => row[column]?.length ?? 0)))
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...body] = clean
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)].join('\n')
}
