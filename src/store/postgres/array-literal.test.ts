import { describe, expect, it } from 'vitest'

import { parseTextArray, plainArray, textArray } from './array-literal.ts'

describe('array literals', () => {
  it('write numbers and ids as they are, and null as NULL', () => {
    expect(plainArray([])).toBe('{}')
    expect(plainArray([1, null, -2.5, 'a-b'])).toBe('{1,NULL,-2.5,a-b}')
  })

  it('quote every text, so that none is taken for something else', () => {
    expect(textArray([])).toBe('{}')
    expect(textArray(['', 'NULL', null, 'a,b', '{x}', ' '])).toBe('{"","NULL",NULL,"a,b","{x}"," "}')
    expect(textArray(['say "hi"', 'C:\\tmp'])).toBe(String.raw`{"say \"hi\"","C:\\tmp"}`)
  })

  it('are read as the server writes them', () => {
    expect(parseTextArray('{}')).toEqual([])
    expect(parseTextArray(String.raw`{a,"b c","say \"hi\"","C:\\tmp","",NULLS,"NULL","x,y"}`)).toEqual([
      'a',
      'b c',
      'say "hi"',
      'C:\\tmp',
      '',
      'NULLS',
      'NULL',
      'x,y',
    ])
  })
})
