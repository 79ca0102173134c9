import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { fromErrorRecord, toErrorRecord } from './error-record.ts'
import type { ErrorRecord } from './job.ts'
import { isStorable } from './stored-text.ts'

const throwing: ProxyHandler<object> = Object.fromEntries(
  ['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor', 'apply', 'construct'].map((trap) => [
    trap,
    () => {
      throw new Error('trap')
    },
  ]),
)

function expectSmall(record: ErrorRecord): void {
  expect(Buffer.byteLength(record.message)).toBeLessThanOrEqual(8 * 1024)
  expect(Buffer.byteLength(record.stack ?? '')).toBeLessThanOrEqual(32 * 1024)
  expect(isStorable(JSON.stringify(record).replaceAll('\\u0000', '\0'))).toBe(true)
  if (record.cause !== undefined) expectSmall(record.cause)
}

describe('toErrorRecord', () => {
  it('keeps name, message, stack, code and cause', () => {
    const cause = new TypeError('low level')
    const error = Object.assign(new Error('high level', { cause }), { code: 'E_HIGH' })
    expect(toErrorRecord(error)).toEqual({
      name: 'Error',
      message: 'high level',
      stack: error.stack,
      code: 'E_HIGH',
      cause: { name: 'TypeError', message: 'low level', stack: cause.stack },
    })
  })

  it('names a subclass that did not set its name by its class', () => {
    class PaymentError extends Error {}
    expect(toErrorRecord(new PaymentError('no')).name).toBe('PaymentError')
  })

  it.each([
    ['boom', 'boom'],
    [null, 'null'],
    [undefined, 'undefined'],
    [42, '42'],
    [10n, '10n'],
    [2n ** 100_000n, 'a huge bigint'],
    [Symbol('s'), 'Symbol(s)'],
    [() => {}, 'a function was thrown'],
    [{ code: 5, why: 'x', deep: {} }, 'an object was thrown: { code: 5, why: "x", deep: object }'],
    [new Proxy({}, throwing), 'an object was thrown: (it cannot be read)'],
  ])('describes what is no error: %#', (thrown, message) => {
    expect(toErrorRecord(thrown)).toEqual({ name: 'NonError', message })
  })

  it('survives hostile errors', () => {
    const hostile = new Error('x')
    // The stack first: redefining it makes V8 read the name.
    for (const key of ['stack', 'name', 'message', 'code', 'cause', 'constructor', 'errors']) {
      Object.defineProperty(hostile, key, {
        get: () => {
          throw new Error('getter')
        },
      })
    }
    expect(toErrorRecord(hostile)).toEqual({ name: 'Error', message: '(the message cannot be read)' })
    const { proxy, revoke } = Proxy.revocable(new Error('x'), {})
    revoke()
    expect(toErrorRecord(proxy).name).toBe('NonError')
    expect(toErrorRecord(Object.assign(new Error('x'), { cause: new Proxy({}, throwing) })).cause?.name).toBe(
      'NonError',
    )
    expect(toErrorRecord(Object.assign(new Error('x'), { errors: new Proxy([], throwing) })).message).toBe('x')
    expect(toErrorRecord(Object.assign(new Error('x'), { message: 5, name: {}, stack: [], code: {} }))).toMatchObject({
      message: '(the message cannot be read)',
    })
  })

  it('ends cyclic and deep causes', () => {
    const error = new Error('a')
    error.cause = new Error('b', { cause: error })
    expect(toErrorRecord(error).cause?.cause).toBeUndefined()

    let deep = new Error('0')
    for (let index = 1; index < 50; index++) deep = new Error(String(index), { cause: deep })
    let levels = 0
    for (let record: ErrorRecord | undefined = toErrorRecord(deep).cause; record !== undefined; record = record.cause)
      levels++
    expect(levels).toBe(5)
  })

  it('cuts huge messages and keeps the frames of the stack', () => {
    const record = toErrorRecord(new Error('m'.repeat(50_000_000)))
    expectSmall(record)
    expect(record.stack).toContain('error-record.test.ts')
  })

  it('replaces NUL and halves of surrogate pairs everywhere', () => {
    const error = Object.assign(new Error('a\0\uD800'), { name: 'N\0', code: 'C\0', stack: 's\uDFFF' })
    expect(toErrorRecord(error)).toEqual({
      name: 'N\uFFFD',
      message: 'a\uFFFD\uFFFD',
      stack: 's\uFFFD',
      code: 'C\uFFFD',
    })
  })

  it('names the errors of an AggregateError', () => {
    const error = new AggregateError([new Error('one'), 'two', null], 'all failed')
    expect(toErrorRecord(error).message).toBe('all failed (3 errors: one; two; null)')
    expect(toErrorRecord(new AggregateError(Array.from({ length: 1000 }, () => new Error('e')))).message).toBe(
      ' (1000 errors: e; e; e; e; e; …)',
    )
  })

  it('keeps its promises for anything thrown', () => {
    fc.assert(
      fc.property(
        fc.anything({ withBigInt: true, withDate: true, withNullPrototype: true }),
        fc.string({ unit: 'binary' }),
        (value, text) => {
          expectSmall(toErrorRecord(value))
          expectSmall(toErrorRecord(Object.assign(new Error(text, { cause: value }), { code: value })))
        },
      ),
    )
  })
})

describe('fromErrorRecord', () => {
  it('makes an error that gives the same record', () => {
    const error = Object.assign(new RangeError('a', { cause: new Error('b') }), { code: 'E' })
    const record = toErrorRecord(error)
    const back = fromErrorRecord(record)
    expect(back).toBeInstanceOf(Error)
    expect(toErrorRecord(back)).toEqual(record)
    expect(Object.keys(back)).toEqual(['code'])
  })

  it('shows no stack of its own', () => {
    expect(fromErrorRecord({ name: 'X', message: 'm' }).stack).toBe('X: m')
  })
})
