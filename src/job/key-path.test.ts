import { describe, expect, it } from 'vitest'

import { keyOf, parseKeyPath } from './key-path.ts'

const bad = expect.objectContaining({ code: 'ERR_BAD_KEY' })

describe('parseKeyPath', () => {
  it.each([
    ['args[0]', [0]],
    ['args[0].tenant', [0, 'tenant']],
    ['args[1].a.b[2].$c', [1, 'a', 'b', 2, '$c']],
    ['args[0]["odd key"].x', [0, 'odd key', 'x']],
    [String.raw`args[0]["a\"]b"]`, [0, 'a"]b']],
  ])('reads %s', (text, steps) => {
    expect(parseKeyPath(text)).toEqual(steps)
  })

  it.each([
    '',
    'args',
    'tenant',
    'args.tenant',
    'args[-1]',
    'args[0].',
    'args[0]..a',
    'args[0] .a',
    'args[0].a b',
    'args[0]["a]',
    'args[0](x)',
    'args[x]',
  ])('refuses %j', (text) => {
    expect(() => parseKeyPath(text)).toThrow(bad)
  })
})

describe('keyOf', () => {
  const at = (path: string, ...args: unknown[]): string => keyOf(parseKeyPath(path), args, 'a.b')

  it('reads strings and numbers', () => {
    expect(at('args[0].tenant', { tenant: 'acme' })).toBe('acme')
    expect(at('args[1]', 'x', 42)).toBe('42')
    expect(at('args[0][1]', ['a', 'b'])).toBe('b')
    expect(keyOf((user) => (user as { id: number }).id, [{ id: 7 }], 'a.b')).toBe('7')
  })

  it('never follows a prototype', () => {
    class User {
      get tenant(): string {
        return 'inherited'
      }
    }
    expect(() => at('args[0].constructor.name', {})).toThrow('args[0] has no "constructor"')
    expect(() => at('args[0].__proto__', {})).toThrow(bad)
    expect(() => at('args[0].tenant', new User())).toThrow(bad)
    expect(() => at('args[0].length', 'text')).toThrow(bad)
    expect(() => at('args[0].toString', 5)).toThrow(bad)
  })

  it.each([[undefined], [null], [{}], [Number.NaN], [''], ['x'.repeat(257)], ['a\0'], ['\uD800'], [true], [1n]])(
    'refuses %o as a key',
    (value) => {
      expect(() => at('args[0]', value)).toThrow(bad)
    },
  )

  it('says where the path ended and what to do', () => {
    expect(() => at('args[0].user.tenant', { user: null })).toThrow(
      'the key of job "a.b" cannot be read: args[0].user has no "tenant"; pass "key" to enqueue, or correct the path',
    )
    expect(() => at('args[1]', 'only')).toThrow('args has no 1')
  })

  it('passes on what a key function throws as the cause', () => {
    const cause = new Error('x')
    const key = (): string => {
      throw cause
    }
    expect(() => keyOf(key, [], 'a.b')).toThrow(expect.objectContaining({ code: 'ERR_BAD_KEY', cause }))
  })
})
