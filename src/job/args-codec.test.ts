import { runInNewContext } from 'node:vm'

import { stringify } from 'devalue'
import { describe, expect, it } from 'vitest'

import { decodeValue, encodeArgs, encodeValue, LARGE_VALUE_BYTES } from './args-codec.ts'
import { isStorable } from './stored-text.ts'
import { LARGEST_VALUE_BYTES } from './value-walk.ts'

function roundTrip(value: unknown): unknown {
  const encoded = encodeValue(value, 'value')
  expect(isStorable(encoded.text)).toBe(true)
  expect(encoded.bytes).toBe(Buffer.byteLength(encoded.text))
  return decodeValue(encoded)
}

function codecOf(value: unknown): string {
  return encodeValue(value, 'value').codec
}

function refusal(...args: unknown[]): string {
  try {
    encodeArgs(args)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_VALUE_UNSUPPORTED' })
    return (error as Error).message
  }
  return 'accepted'
}

describe('encodeArgs', () => {
  it('keeps as JSON what JSON keeps', () => {
    const args = [{ id: 1, name: 'grüße 👋', list: [1.5, true, null, 1e308, 2 ** 53], empty: {}, none: [] }, 'x']
    expect(encodeArgs(args)).toEqual({
      codec: 'json',
      text: JSON.stringify(args),
      bytes: expect.any(Number),
      isLarge: false,
    })
    expect(roundTrip(args)).toStrictEqual(args)
    expect(codecOf(String.raw`a\u0000b \ud800 \\u0000`)).toBe('json')
    expect(codecOf('\u0001\u001F')).toBe('json')
    expect(codecOf({ constructor: 1, prototype: 2, toString: 3 })).toBe('json')
  })

  it.each([
    ['undefined', undefined],
    ['undefined in an object', { a: undefined }],
    ['undefined in an array', [undefined]],
    ['-0', -0],
    ['NaN', Number.NaN],
    ['Infinity', [Infinity, -Infinity]],
    ['bigint', 10n ** 40n],
    ['Date', new Date(5)],
    ['an invalid Date', new Date(Number.NaN)],
    ['RegExp', /a\/"b/giu],
    // oxlint-disable-next-line no-control-regex -- the text of an expression may hold any character
    ['RegExp with NUL', new RegExp('\0\uD800')],
    ['URL', new URL('https://example.org/a?b#c')],
    [
      'Map',
      new Map<unknown, unknown>([
        [{ a: 1 }, new Set([1n, 'x'])],
        [Number.NaN, undefined],
      ]),
    ],
    ['ArrayBuffer', new Uint8Array([1, 2, 3]).buffer],
    ['Uint8Array', new Uint8Array([1, 2, 3])],
    ['Float64Array', new Float64Array([1.5, -0, Number.NaN])],
    ['BigUint64Array', new BigUint64Array([2n ** 64n - 1n])],
    ['Buffer', Buffer.from('hello')],
    ['an empty Buffer', Buffer.alloc(0)],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    // oxlint-disable-next-line no-sparse-arrays -- holes are what is tested
    ['holes', [1, , 3]],
    ['NUL', 'a\0b'],
    ['NUL in a key', { 'a\0': 1 }],
    ['half of a surrogate pair', ['\uD800', '\uDC00x']],
  ])('keeps %s by tags', (_name, value) => {
    expect(codecOf(value)).toBe('devalue')
    expect(roundTrip(value)).toStrictEqual(value)
  })

  it('keeps cycles and shared references', () => {
    const shared = { n: 1 }
    const cycle: { self?: unknown; pair: unknown[] } = { pair: [shared, shared] }
    cycle.self = cycle
    const back = roundTrip(cycle) as typeof cycle
    expect(back.self).toBe(back)
    expect(back.pair[0]).toBe(back.pair[1])
  })

  it('gives bytes a kind and a buffer of their own, and stores none of their neighbours', () => {
    const secret = Buffer.from('SECRETSECRET')
    const view = new Uint8Array(secret.buffer, secret.byteOffset, 2)
    const encoded = encodeArgs([view, secret.subarray(0, 1)])
    expect(encoded.bytes).toBeLessThan(120)
    const [back, buffer] = decodeValue(encoded) as [Uint8Array, Buffer]
    expect(Buffer.isBuffer(back)).toBe(false)
    expect(Buffer.isBuffer(buffer)).toBe(true)
    expect(back.buffer.byteLength).toBe(2)
  })

  it('takes accessors for what they answer', () => {
    expect(
      roundTrip({
        get a() {
          return 1
        },
      }),
    ).toEqual({ a: 1 })
  })

  it('takes plain data of another realm', () => {
    expect(roundTrip(runInNewContext('({ a: [1, { b: 2 }] })'))).toStrictEqual({ a: [1, { b: 2 }] })
  })

  it('refuses what cannot be kept, with its path', () => {
    class User {}
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const thrower = {
      get x() {
        throw new Error('no x')
      },
    }
    expect(refusal({ items: [0, 1, 2, () => {}] })).toBe('args[0].items[3] is a function, which cannot be stored')
    expect(refusal(0, { user: new User() })).toBe('args[1].user is an instance of User; send a plain object')
    expect(refusal({ 'odd key': Symbol('s') })).toBe('args[0]["odd key"] is a symbol, which cannot be stored')
    expect(refusal({ [Symbol('s')]: 1 })).toBe('args[0] has a symbol as a key, which cannot be stored')
    expect(refusal(thrower)).toBe('args[0].x cannot be read: no x')
    expect(refusal([Promise.resolve()])).toBe('args[0][0] is a promise; await it first')
    expect(refusal(new WeakMap())).toContain('args[0] is an instance of WeakMap')
    expect(refusal(JSON.parse('{"a":{"__proto__":1}}'))).toContain('args[0].a has a key "__proto__"')
    expect(refusal({ toJSON: () => 1 })).toContain('args[0].toJSON is a function')
    expect(refusal(Object.defineProperty({}, 'toJSON', { value: () => 1 }))).toContain('has a toJSON function')
    expect(refusal(new Map([['k', { f: () => {} }]]))).toContain('args[0].get("k").f is a function')
    expect(refusal(new Map([[() => {}, 1]]))).toContain('args[0].keys()[0] is a function')
    expect(refusal(new Set([1, () => {}]))).toContain('args[0].values()[1] is a function')
    expect(refusal('abc'.match(/b/))).toContain('args[0] has the property "index" besides its elements')
    expect(refusal(Object.assign(new Date(), { a: 1 }))).toContain('args[0] has the property "a" of its own')
    expect(refusal({ p: proxy })).toContain('args[0].p cannot be read')
    expect(refusal(Object.create(Map.prototype))).toContain('args[0] cannot be read')
    expect(refusal(Object.create({ a: 1 }))).toContain('args[0] is an instance of Object')
    expect(refusal(new (class Rows extends Array {})())).toContain('is an instance of Rows; send a plain array')
    for (const value of [
      new Error('x'),
      new WeakSet(),
      Object(1),
      new (class M extends Map {})(),
      new DataView(new ArrayBuffer(1)),
      new SharedArrayBuffer(1),
      new Uint8Array(new SharedArrayBuffer(1)).buffer,
      globalThis,
      new Blob([]),
    ]) {
      expect(refusal(value)).not.toBe('accepted')
    }
  })

  it('refuses accessors that change their mind', () => {
    let reads = 0
    const value = {
      get x(): unknown {
        if (++reads > 1) throw new Error('only once')
        return 1
      },
    }
    expect(refusal(value)).toContain('args cannot be encoded: only once')
  })

  it('refuses what is nested too deep, at once', () => {
    const nest = (depth: number): unknown => {
      let value: unknown = 1
      for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value }
      return value
    }
    expect(roundTrip(nest(199))).toStrictEqual(nest(199))
    expect(refusal(nest(10_000))).toContain('is nested more than 200 deep')
    expect(refusal(nest(10_000)).length).toBeLessThan(300)
    const endless = (): unknown => ({
      get next() {
        return endless()
      },
    })
    expect(refusal(endless())).toContain('nested more than 200 deep')
    let maps: unknown = 1
    for (let level = 0; level < 190; level++) maps = new Map([['k', maps]])
    expect(roundTrip(maps)).toStrictEqual(maps)
  })

  it('refuses what is too large, without encoding what is far too large', () => {
    const tooLarge = expect.objectContaining({ code: 'ERR_ARGS_TOO_LARGE' })
    const most = 'x'.repeat(LARGEST_VALUE_BYTES - 4)
    expect(encodeArgs([most]).bytes).toBe(LARGEST_VALUE_BYTES)
    expect(() => encodeArgs([`${most}x`])).toThrow(
      'args: 1048577 bytes, but at most 1048576 (1 MiB) can be stored; store the data elsewhere and pass its id or path',
    )
    expect(() => encodeArgs(['ä'.repeat(LARGEST_VALUE_BYTES / 2)])).toThrow(tooLarge)
    expect(() => encodeArgs(['x'.repeat(2 ** 28)])).toThrow(tooLarge)
    expect(() => encodeArgs([Array.from({ length: 1_000_000 }, () => 1)])).toThrow(tooLarge)
    expect(() => encodeArgs([new Array(2 ** 31)])).toThrow(tooLarge)
    expect(() => encodeArgs([new Uint8Array(2 ** 26)])).toThrow(tooLarge)
    expect(() => encodeArgs([2n ** 50_000_000n])).toThrow(tooLarge)
  })

  it('tells what is large', () => {
    expect(encodeArgs(['x'.repeat(LARGE_VALUE_BYTES - 4)]).isLarge).toBe(false)
    expect(encodeArgs(['x'.repeat(LARGE_VALUE_BYTES - 3)]).isLarge).toBe(true)
  })
})

describe('encodeValue', () => {
  it('writes what a function without a result returns as devalue does', () => {
    expect(encodeValue(undefined, 'result')).toEqual({
      codec: 'devalue',
      text: stringify(undefined),
      bytes: 2,
      isLarge: false,
    })
  })
})

describe('decodeValue', () => {
  const unreadable = expect.objectContaining({ code: 'ERR_VALUE_UNREADABLE' })

  it.each([
    ['json', ''],
    ['json', '{"a":'],
    ['json', 'undefined'],
    ['json', '[{"__proto__":{"isAdmin":true}}]'],
    ['json', String.raw`[{"\u005f_proto__":1}]`],
    ['json', String.raw`{"a":[{"_\u005Fproto\u005F_":1}]}`],
    ['json', String.raw`[{"__\u0070roto__":1}]`],
    ['devalue', ''],
    ['devalue', 'null'],
    ['devalue', '5'],
    ['devalue', '[]'],
    ['devalue', '[[1]]'],
    ['devalue', '[["Nope",1]]'],
    ['devalue', '[["constructor",1],2]'],
    ['devalue', '[{"__proto__":1},1]'],
    ['devalue', '[["null","__proto__",1],1]'],
    ['devalue', '[["Bytes",1],5]'],
    ['devalue', '[["Bytes",1],[2,3],"Object","AQ=="]'],
    ['devalue', '[["Bytes",1],[2,3],"constructor","AQ=="]'],
    ['devalue', '[["Bytes",1],[2,3],"Float64Array","AQ=="]'],
    ['devalue', '[["Bytes",0]]'],
    ['devalue', '[["BigInt","x"]]'],
    ['devalue', '[["RegExp","("]]'],
    ['devalue', '[["URL","nowhere"]]'],
    ['devalue', `[${Array.from({ length: 200_000 }, (_, index) => `[${index + 1}]`).join(',')},1]`],
    ['yaml', 'a: 1'],
  ])('refuses %s %.60s', (codec, text) => {
    // Rows may be written by hand, so the codec is not trusted either.
    expect(() => decodeValue({ codec: codec as 'json', text })).toThrow(unreadable)
    expect(({} as Record<string, unknown>)['isAdmin']).toBeUndefined()
  })

  it('reads text that only mentions such a key', () => {
    expect(decodeValue({ codec: 'json', text: '["__proto__"]' })).toEqual(['__proto__'])
  })
})
