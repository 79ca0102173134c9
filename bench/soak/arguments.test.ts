import { describe, expect, it } from 'vitest'

import { readArguments } from './arguments.ts'

describe('readArguments', () => {
  it('runs five minutes where nothing is said', () => {
    expect(readArguments([])).toEqual({ minutes: 5, out: '.millrace/bench' })
  })

  it('takes a part of a minute', () => {
    expect(readArguments(['--minutes', '0.7', '--out', 'x'])).toEqual({ minutes: 0.7, out: 'x' })
  })

  it.each(['0', 'many', '1441'])('refuses %s minutes', (minutes) => {
    expect(() => readArguments(['--minutes', minutes])).toThrow(`--minutes is "${minutes}"`)
  })
})
