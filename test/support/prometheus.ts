/** Reads metrics as Prometheus does, and as strictly: what is not valid throws. */

import { createRequire } from 'node:module'

/** One sample of a counter or gauge, or one histogram. */
export interface ReadSample {
  readonly labels: Readonly<Record<string, string>>
  /** Of a counter or gauge. */
  readonly value: number
  /** Of a histogram: counts by the upper bound of the bucket. */
  readonly buckets: ReadonlyMap<number, number>
  readonly count: number
  readonly sum: number
}

/** All samples of one name. */
export interface ReadFamily {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly samples: readonly ReadSample[]
}

/** What was read. */
export interface ReadMetrics {
  readonly families: readonly ReadFamily[]
  family(name: string): ReadFamily
  /** The value of the sample with exactly these labels. */
  value(name: string, labels?: Readonly<Record<string, string>>): number
}

interface ParsedFamily {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly metrics: readonly { readonly labels?: Readonly<Record<string, string>>; readonly value?: string }[]
}

// The package has no types; these are what its page says it answers.
const parse = createRequire(import.meta.url)('parse-prometheus-text-format') as (
  text: string,
) => readonly ParsedFamily[]

/** Parses a text and checks what the parser lets pass: types, samples that come twice, histograms that do not add up. */
export function readMetrics(text: string): ReadMetrics {
  // The parser joins histograms that differ only in their labels, so it is shown all lines without types too.
  const parsed = parse(text.replaceAll(/^#.*\n/gm, ''))
  const families = parse(text).map(({ name, help, type, metrics }): ReadFamily => {
    if (type === 'HISTOGRAM') return { name, help, type, samples: histogramsOf(name, parsed) }
    const samples = metrics.map(({ labels = {}, value = '' }) => ({
      ...{ labels, value: numberOf(value) },
      ...{ buckets: new Map<number, number>(), count: NaN, sum: NaN },
    }))
    return { name, help, type, samples }
  })
  for (const family of families) check(family)
  const family = (name: string): ReadFamily => {
    const found = families.find((one) => one.name === name)
    if (found === undefined) throw new Error(`there is no ${name} among ${families.map((one) => one.name).join(', ')}`)
    return found
  }
  return {
    families,
    family,
    value: (name, labels = {}) => {
      const wanted = keyOf(labels)
      const { samples } = family(name)
      const sample = samples.find((one) => keyOf(one.labels) === wanted)
      if (sample === undefined)
        throw new Error(`${name} has no ${wanted}, but ${samples.map((one) => keyOf(one.labels)).join(' ')}`)
      return sample.value
    },
  }
}

function histogramsOf(name: string, parsed: readonly ParsedFamily[]): ReadSample[] {
  const lines = (suffix: string): ParsedFamily['metrics'] =>
    parsed.flatMap((one) => (one.name === `${name}${suffix}` ? one.metrics : []))
  const valueIn = (all: ParsedFamily['metrics'], labels: Readonly<Record<string, string>>): number =>
    numberOf(all.find((one) => keyOf(one.labels ?? {}) === keyOf(labels))?.value ?? '')
  const buckets = new Map<string, Map<number, number>>()
  for (const { labels: { le = '', ...labels } = {}, value = '' } of lines('_bucket')) {
    const key = keyOf(labels)
    const own = buckets.get(key) ?? new Map<number, number>()
    if (own.has(numberOf(le))) throw new Error(`${name} has the bucket ${le} of ${key} twice`)
    buckets.set(key, own.set(numberOf(le), numberOf(value)))
  }
  return lines('_count').map(({ labels = {}, value = '' }) => ({
    labels,
    value: NaN,
    buckets: buckets.get(keyOf(labels)) ?? new Map<number, number>(),
    count: numberOf(value),
    sum: valueIn(lines('_sum'), labels),
  }))
}

function check({ name, help, type, samples }: ReadFamily): void {
  const complain = (what: string): never => {
    throw new Error(`${name}: ${what}`)
  }
  if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) complain('is no name of a metric')
  if (help === '') complain('has no help')
  if (!['COUNTER', 'GAUGE', 'HISTOGRAM'].includes(type)) complain(`has the type ${type}`)
  if ((type === 'COUNTER') !== name.endsWith('_total')) complain(`is a ${type}`)
  const keys = samples.map(({ labels }) => keyOf(labels))
  if (new Set(keys).size !== keys.length) complain('has a sample twice')
  for (const { labels, value, buckets, count, sum } of samples) {
    for (const label of Object.keys(labels)) if (!/^[a-zA-Z_]\w*$/.test(label)) complain(`has the label ${label}`)
    if (type !== 'HISTOGRAM') {
      if (Number.isNaN(value)) complain('has a sample that is no number')
      continue
    }
    const bounds = [...buckets].sort(([one], [other]) => one - other)
    if (bounds.at(-1)?.[0] !== Infinity || bounds.at(-1)?.[1] !== count) complain('has no last bucket with all')
    if (bounds.some(([, below], index) => below < (bounds[index - 1]?.[1] ?? 0))) complain('has buckets that fall')
    if (!(sum >= 0)) complain('has no sum')
  }
}

function keyOf(labels: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1)))
}

function numberOf(text: string): number {
  if (text === '+Inf') return Infinity
  if (text === '-Inf') return -Infinity
  return text === '' ? NaN : Number(text)
}
