import { describe, expect, it } from 'vitest'

import { commaList, jobArgs, numberOrText, oneMore, stateList, wholeNumber } from './option-values.ts'

describe('option values', () => {
  it('reads whole numbers, negative ones too', () => {
    expect(wholeNumber('-5')).toBe(-5)
    for (const text of ['', '1.5', 'x', '1e3', ' 1']) expect(() => wholeNumber(text)).toThrow('whole number')
  })

  it('takes bare digits as milliseconds and leaves the rest to the API', () => {
    expect(numberOrText('250')).toBe(250)
    expect(numberOrText('5m')).toBe('5m')
    expect(numberOrText('2030-01-31')).toBe('2030-01-31')
  })

  it('splits lists at commas and drops repetitions', () => {
    expect(commaList('a, b,,a')).toEqual(['a', 'b'])
    expect(() => commaList(' , ')).toThrow('at least one')
  })

  it('gathers what comes several times as it is', () => {
    expect(oneMore('a,b', undefined)).toEqual(['a,b'])
    expect(oneMore('c', ['a,b'])).toEqual(['a,b', 'c'])
  })

  it('knows the states, and the nearest of a wrong one', () => {
    expect(stateList('failed,queued')).toEqual(['failed', 'queued'])
    expect(() => stateList('faild')).toThrow('did you mean "failed"?')
    expect(() => stateList('xyz')).toThrow('scheduled, queued, running')
  })

  it('takes args that are a JSON array only', () => {
    expect(jobArgs('[1, {"a": null}]')).toEqual([1, { a: null }])
    expect(() => jobArgs('{')).toThrow('--args is no JSON')
    expect(() => jobArgs('{"a":1}')).toThrow('--args is an object')
    expect(() => jobArgs('"x"')).toThrow('--args is string')
    expect(() => jobArgs('null')).toThrow('--args is null')
  })
})
