/** What the codec accepts comes back exactly; what it refuses, it refuses with its own error. */

import { isDeepStrictEqual } from 'node:util'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { RunnerError } from '../../src/host/errors.ts'
import { decodeValue, encodeValue, type MeasuredValue } from '../../src/job/args-codec.ts'
import { isStorable } from '../../src/job/stored-text.ts'

const nasty = fc.constantFrom(
  '\0',
  '\uD800',
  '\uDC00',
  '\\u0000',
  '\\',
  '\\\\u0000',
  '"',
  '\u2028',
  '</script>',
  '👋',
  'constructor',
  '%00',
)
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.oneof(nasty, fc.string())).map((parts) => parts.join('')),
)
const key = text.filter((name) => name !== '__proto__')

const { value: kept } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    text,
    fc.double(),
    fc.integer(),
    fc.boolean(),
    fc.constantFrom(null, undefined, -0),
    fc.bigInt(),
    fc.date({ noInvalidDate: true }),
    fc.uint8Array(),
    fc.float64Array(),
    fc.int16Array(),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.webUrl().map((url) => new URL(url)),
    fc.array(tie('value')),
    fc.dictionary(key, tie('value'), { noNullPrototype: false }),
    fc.array(fc.tuple(tie('value'), tie('value'))).map((entries) => new Map(entries)),
    fc.array(tie('value')).map((values) => new Set(values)),
    fc.sparseArray(tie('value'), { maxLength: 20 }),
    tie('value').map((value) => ({ first: value, again: value, list: [value] })),
  ),
}))

/** A second writing of the same value gives the same text: what `isDeepStrictEqual` does not see, such as sharing, is seen here. */
function isSame(value: unknown, back: unknown, encoded: MeasuredValue): boolean {
  return isDeepStrictEqual(value, back) && encodeValue(back, 'value').text === encoded.text
}

describe('the codec', () => {
  it('gives back exactly what it accepts', () => {
    fc.assert(
      fc.property(kept, (value) => {
        const encoded = encodeValue(value, 'value')
        expect(isSame(value, decodeValue(encoded), encoded)).toBe(true)
        expect(isStorable(encoded.text)).toBe(true)
        expect(encoded.bytes).toBe(Buffer.byteLength(encoded.text))
      }),
      { numRuns: 1000 },
    )
  })

  it('gives back an invalid date as one', () => {
    // Apart from the others, because Node.js 20 finds no invalid date equal to another.
    const back = decodeValue(encodeValue(new Date(Number.NaN), 'value'))
    expect(back).toBeInstanceOf(Date)
    expect(Number(back)).toBeNaN()
  })

  it('writes JSON that databases read: no escape of NUL or of half a surrogate pair', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), nasty, (value, extra) => {
        // A key of this name is refused: see the test of what is not accepted.
        fc.pre(!JSON.stringify([value, extra]).includes('"__proto__"'))
        const encoded = encodeValue([value, extra], 'value')
        const strings: string[] = []
        const collect = (name: string, part: unknown): unknown => {
          strings.push(name)
          if (typeof part === 'string') strings.push(part)
          return part
        }
        JSON.stringify([value, extra], collect)
        const hasNegativeZero = isDeepStrictEqual(JSON.parse(JSON.stringify(value)), value) === false
        expect(encoded.codec).toBe(strings.every(isStorable) && !hasNegativeZero ? 'json' : 'devalue')
      }),
    )
  })

  it('accepts anything exactly or refuses it with its own error', () => {
    const anything = fc.anything({
      withBigInt: true,
      withBoxedValues: true,
      withDate: true,
      withMap: true,
      withNullPrototype: true,
      withObjectString: true,
      withSet: true,
      withSparseArray: true,
      withTypedArray: true,
      withUnicodeString: true,
    })
    fc.assert(
      fc.property(anything, (value) => {
        let encoded: MeasuredValue
        try {
          encoded = encodeValue(value, 'value')
        } catch (error) {
          expect(error).toBeInstanceOf(RunnerError)
          expect(error).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED' })
          return
        }
        expect(isSame(value, decodeValue(encoded), encoded)).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })

  it('decodes rubbish to data or to its own error, and leaves every prototype alone', () => {
    const before = Object.getOwnPropertyNames(Object.prototype).sort()
    const piece = fc.oneof(
      fc.constantFrom(
        '__proto__',
        'constructor',
        'prototype',
        'Map',
        'Set',
        'null',
        'Bytes',
        'Object',
        'Date',
        'BigInt',
        'ArrayBuffer',
        'Uint8Array',
        'AAAA',
        'Buffer',
      ),
      fc.integer({ min: -8, max: 8 }),
      fc.string(),
    )
    const entry = fc.oneof(
      piece,
      fc.array(piece, { maxLength: 4 }),
      fc.dictionary(fc.constantFrom('__proto__', 'constructor', 'a'), piece),
    )
    const written = fc.oneof(
      fc.string(),
      fc.array(entry, { maxLength: 8 }).map((entries) => JSON.stringify(entries)),
    )
    fc.assert(
      fc.property(written, fc.constantFrom('json' as const, 'devalue' as const), (row, codec) => {
        try {
          decodeValue({ codec, text: row })
        } catch (error) {
          expect(error).toMatchObject({ code: 'ERR_VALUE_UNREADABLE' })
        }
        expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before)
        expect(Object.getPrototypeOf({})).toBe(Object.prototype)
      }),
      { numRuns: 2000 },
    )
  })
})
