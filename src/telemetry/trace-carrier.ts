/** A trace context in its stored form: the headers that propagators write, as a JSON object. */

/** Longer texts are not stored: baggage may hold anything. */
const LONGEST = 2_048

/** What the W3C's recommendation "Trace Context" names: enough to go on with a trace. */
const NEEDED = ['traceparent', 'tracestate'] as const

/** The text to be stored; null when there is nothing to go on with. */
export function writeCarrier(carrier: Readonly<Record<string, string>>): string | null {
  if (Object.keys(carrier).length === 0) return null
  const text = JSON.stringify(carrier)
  if (text.length <= LONGEST) return text
  const needed = NEEDED.flatMap((name) => (carrier[name] === undefined ? [] : [[name, carrier[name]] as const]))
  const short = JSON.stringify(Object.fromEntries(needed))
  return needed.length === 0 || short.length > LONGEST ? null : short
}

/** The headers of a stored text; none where it is not what {@link writeCarrier} writes. */
export function readCarrier(text: string): Readonly<Record<string, string>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return {}
  }
  if (typeof value !== 'object' || value === null) return {}
  const carrier: Record<string, string> = {}
  for (const [name, header] of Object.entries(value)) if (typeof header === 'string') carrier[name] = header
  return carrier
}
