/** Values of jobs as JSON, for programs: what JSON has no form for is written as near as it can be. */

import { types } from 'node:util'

/** The JSON text of anything that a job may carry; what JSON has no form for is written as near as it can be. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(plain(value, new Set()), undefined, indent) ?? 'null'
  return text.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function plain(value: unknown, within: Set<object>): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'symbol' || typeof value === 'function') return String(value)
  if (typeof value !== 'object' || value === null || types.isDate(value)) return value
  if (within.has(value)) return '[Circular]'
  within.add(value)
  const result = plainObject(value, within)
  within.delete(value)
  return result
}

function plainObject(value: object, within: Set<object>): unknown {
  const each = (one: unknown): unknown => plain(one, within)
  if (types.isMap(value)) return [...value].map(([key, one]) => [each(key), each(one)])
  if (types.isSet(value)) return [...value].map(each)
  if (types.isTypedArray(value)) return Array.from<unknown>(value).map(each)
  if (types.isAnyArrayBuffer(value)) return [...new Uint8Array(value)]
  if (types.isRegExp(value) || value instanceof URL) return String(value)
  if (Array.isArray(value)) return Array.from<unknown>(value).map(each)
  // Without a prototype, so that an own key "__proto__" stays a key.
  const copy = Object.create(null) as Record<string, unknown>
  for (const [key, one] of Object.entries(value)) copy[key] = each(one)
  return copy
}
