/** Lists as the text of PostgreSQL arrays: one parameter for a whole batch, whatever its size. */

/** The literal of an array of values that need no quotes: UUIDs and numbers; null becomes NULL. */
export function plainArray(values: readonly (string | number | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`
}

/** The literal of an array of any text; null becomes NULL. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map(quote).join(',')}}`
}

/** The elements of an array of text without nulls, as the server writes it. */
export function parseTextArray(literal: string): readonly string[] {
  if (literal === '{}') return []
  const elements: string[] = []
  // An element is quoted, with backslashes before quotes and backslashes, or plain.
  for (const [, quoted, plain] of literal.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gsu)) {
    elements.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/gsu, '$1'))
  }
  return elements
}

function quote(value: string | null): string {
  if (value === null) return 'NULL'
  if (!SPECIAL.test(value)) return `"${value}"`
  return `"${value.replaceAll(ALL_SPECIAL, '\\$&')}"`
}

const SPECIAL = /["\\]/
const ALL_SPECIAL = /["\\]/g
