/** Reads the text format of Prometheus, version 0.0.4, strictly: what is not valid throws. Pure. */

/** A sample: a line of the text. */
export interface TextSample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)/y
const HEAD = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/
const NUMBER = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/
const ESCAPED: Readonly<Record<string, string>> = { '\\n': '\n', '\\"': '"', '\\\\': '\\' }

/** The samples of a text, by name. Each name has a type before its first sample, and no sample comes twice. */
export function readPrometheusText(text: string): ReadonlyMap<string, readonly TextSample[]> {
  if (!text.endsWith('\n')) throw new Error('the last line of the metrics has no end')
  const types = new Map<string, string>()
  const samples = new Map<string, TextSample[]>()
  const seen = new Set<string>()
  for (const line of text.slice(0, -1).split('\n')) {
    if (line.startsWith('#')) {
      const [, kind, name = '', rest = ''] = HEAD.exec(line) ?? complain(line, 'is neither HELP nor TYPE')
      if (kind === 'TYPE') {
        if (types.has(name)) complain(line, 'comes twice')
        if (!['counter', 'gauge', 'histogram'].includes(rest)) complain(line, 'has a type that is not known')
        types.set(name, rest)
      }
      continue
    }
    const [, name = '', pairs = '', number = ''] = SAMPLE.exec(line) ?? complain(line, 'is no sample')
    const family = name.replace(/_(bucket|sum|count)$/, '')
    if (!types.has(name) && types.get(family) !== 'histogram') complain(line, 'has no type')
    const labels = labelsOf(pairs, line)
    const key = JSON.stringify([name, Object.entries(labels).sort(([one], [other]) => (one < other ? -1 : 1))])
    if (seen.has(key)) complain(line, 'comes twice')
    seen.add(key)
    samples.set(name, [...(samples.get(name) ?? []), { name, labels, value: numberOf(number, line) }])
  }
  return samples
}

function labelsOf(pairs: string, line: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {}
  for (LABEL.lastIndex = 0; LABEL.lastIndex < pairs.length;) {
    const [, label = '', value = ''] = LABEL.exec(pairs) ?? complain(line, 'has labels that cannot be read')
    if (label in labels) complain(line, `has the label ${label} twice`)
    labels[label] = value.replaceAll(/\\[n"\\]/g, (escape) => ESCAPED[escape] ?? escape)
  }
  return labels
}

function numberOf(text: string, line: string): number {
  if (text === '+Inf') return Infinity
  return NUMBER.test(text) ? Number(text) : complain(line, 'has no number')
}

function complain(line: string, what: string): never {
  throw new Error(`the line "${line}" of the metrics ${what}`)
}
