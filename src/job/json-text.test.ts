import { describe, expect, it } from 'vitest'

import { jsonText } from './json-text.ts'

describe('jsonText', () => {
  it('writes what JSON has no form for as near as it can be', () => {
    const value = {
      big: 12345678901234567890n,
      date: new Date(0),
      map: new Map([['a', new Set([1])]]),
      bytes: new Uint8Array([1, 2]),
      none: undefined,
      list: [undefined, Number.NaN],
      url: new URL('https://example.org/'),
    }
    expect(JSON.parse(jsonText(value))).toEqual({
      big: '12345678901234567890',
      date: '1970-01-01T00:00:00.000Z',
      map: [['a', [1]]],
      bytes: [1, 2],
      list: [null, null],
      url: 'https://example.org/',
    })
  })

  it('survives cycles, shows shared values, and keeps an own key "__proto__"', () => {
    const shared = { a: 1 }
    const value: Record<string, unknown> = { one: shared, two: shared }
    value['self'] = value
    expect(jsonText(value)).toBe('{"one":{"a":1},"two":{"a":1},"self":"[Circular]"}')
    expect(jsonText(JSON.parse('{"__proto__":1}'))).toBe('{"__proto__":1}')
  })

  it('escapes every control character', () => {
    const text = jsonText('\u001b\u009b\u2028é')
    expect(text).toBe('"\\u001b\\u009b\\u2028é"')
    expect(JSON.parse(text)).toBe('\u001b\u009b\u2028é')
  })

  it('writes undefined as null', () => {
    expect(jsonText(undefined)).toBe('null')
  })
})
