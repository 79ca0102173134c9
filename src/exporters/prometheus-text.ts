/** The text format of Prometheus, version 0.0.4. Pure. */

/** The media type of the text. */
export const PROMETHEUS_TYPE = 'text/plain; version=0.0.4; charset=utf-8'

/** Names and values of labels. */
export type Labels = Readonly<Record<string, string>>

/** One value of a counter or gauge. */
export interface Sample {
  readonly labels: Labels
  readonly value: number
}

/** One histogram: counts of what was at most a bound, by bound, in rising order; infinity is added. */
export interface HistogramSample {
  readonly labels: Labels
  readonly buckets: readonly (readonly [atMost: number, count: number])[]
  readonly sum: number
  readonly count: number
}

/** All samples of one name. */
export type Family =
  | {
      readonly type: 'counter' | 'gauge'
      readonly name: string
      readonly help: string
      readonly samples: readonly Sample[]
    }
  | {
      readonly type: 'histogram'
      readonly name: string
      readonly help: string
      readonly samples: readonly HistogramSample[]
    }

/** Families as text; those without a sample are left out. */
export function prometheusLines(families: readonly Family[]): string {
  const lines: string[] = []
  for (const family of families) {
    const { name, help, type } = family
    if (family.samples.length === 0) continue
    lines.push(`# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`, `# TYPE ${name} ${type}`)
    if (family.type === 'histogram') for (const sample of family.samples) lines.push(...histogramLines(name, sample))
    else for (const { labels, value } of family.samples) lines.push(line(name, pairsOf(labels), value))
  }
  return `${lines.join('\n')}\n`
}

function histogramLines(name: string, { labels, buckets, sum, count }: HistogramSample): string[] {
  const pairs = pairsOf(labels)
  const bucket = (atMost: string, below: number): string =>
    line(`${name}_bucket`, `${pairs}${pairs === '' ? '' : ','}le="${atMost}"`, below)
  return [
    ...buckets.map(([atMost, below]) => bucket(number(atMost), below)),
    bucket('+Inf', count),
    line(`${name}_sum`, pairs, sum),
    line(`${name}_count`, pairs, count),
  ]
}

function line(name: string, pairs: string, value: number): string {
  return `${name}${pairs === '' ? '' : `{${pairs}}`} ${number(value)}`
}

function pairsOf(labels: Labels): string {
  return Object.entries(labels)
    .map(([label, text]) => `${label}="${escape(text)}"`)
    .join(',')
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}

function number(value: number): string {
  if (value === Infinity) return '+Inf'
  if (value === -Infinity) return '-Inf'
  return Number.isNaN(value) ? 'NaN' : String(value)
}
