/** The report of a soak run, as Markdown. Pure. */

import type { Check } from './checks.ts'
import type { Comparison } from './figures/agreement.ts'

/** A run, as it is written as JSON too. */
export interface SoakRun {
  /** When it began, as ISO 8601. */
  readonly at: string
  readonly minutes: number
  readonly tookMs: number
  readonly machine: Readonly<Record<string, string>>
  readonly server: string
  readonly sources: readonly string[]
  readonly scrapes: Readonly<Record<string, number>>
  readonly checks: readonly Check[]
  readonly comparisons: readonly Comparison[]
  readonly counted: Readonly<Record<string, number>>
  readonly timeline: readonly string[]
}

export function soakMarkdown(run: SoakRun): string {
  const failed = run.checks.filter(({ holds }) => !holds)
  return `# A soak run of ${run.minutes} minutes

${run.at}, took ${Math.round(run.tookMs / 1_000)} s. ${failed.length === 0 ? `All ${run.checks.length} checks hold.` : `**${failed.length} of ${run.checks.length} checks failed.**`}

${Object.entries({ ...run.machine, server: run.server })
  .map(([what, text]) => `- ${what}: ${text}`)
  .join('\n')}

## Checks

| check | holds | seen |
| --- | --- | --- |
${run.checks.map(({ name, holds, seen }) => `| ${cell(name)} | ${holds ? 'yes' : '**no**'} | ${cell(seen)} |`).join('\n')}

## Figures

${figuresMarkdown(run.comparisons, run.sources)}

Scrapes of \`/metrics\`: ${Object.entries(run.scrapes)
    .map(([node, count]) => `${count} of ${node}`)
    .join(', ')}.

## Timeline

Counted only: ${Object.entries(run.counted)
    .map(([event, count]) => `${count} \`${event}\``)
    .join(', ')}.

\`\`\`text
${run.timeline.join('\n')}
\`\`\`
`
}

/** The same figures by each source, side by side. */
export function figuresMarkdown(comparisons: readonly Comparison[], sources: readonly string[]): string {
  const rows = new Map<string, Comparison[]>()
  for (const one of comparisons)
    rows.set(`${one.of} ${one.figure}`, [...(rows.get(`${one.of} ${one.figure}`) ?? []), one])
  const lines = [...rows.values()].map((row) => {
    const first = row[0]
    const cells = sources.map((source) => toldText(row.find((one) => one.source === source)))
    return `| ${first?.of} | ${first?.figure} | ${numberText(first?.events ?? 0)} | ${cells.join(' | ')} |`
  })
  return `In brackets is what a figure must lie in, where a killed node leaves room. A percentile of a source is a bucket.

| queue and job | figure | events | ${sources.join(' | ')} |
| --- | --- | --: | ${sources.map(() => '--:').join(' | ')} |
${lines.join('\n')}`
}

function toldText(one: Comparison | undefined): string {
  if (one === undefined) return '–'
  const { told, toldFrom, allowed, agrees } = one
  const [least, most] = [numberText(allowed.from), numberText(allowed.to)]
  const room = least === most ? '' : ` (${least}–${most})`
  const text = toldFrom === undefined ? numberText(told) : `${numberText(toldFrom)}–${numberText(told)}`
  return agrees ? `${text}${room}` : `**${text}**${room} ✗`
}

function numberText(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(2)
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
