import { describe, expect, it } from 'vitest'

import { readArguments } from './arguments.ts'
import { contenderNames } from './contenders.ts'
import { numberIn } from './scenario.ts'
import { scenarios } from './scenarios.ts'

const known = { scenarios: scenarios.map(({ name }) => name), contenders: contenderNames }

describe('readArguments', () => {
  it('runs everything three times when nothing is asked for', () => {
    expect(readArguments([], known)).toEqual({
      isQuick: false,
      ...known,
      rounds: 3,
      isProfiled: false,
      out: '.millrace/bench',
    })
  })

  it('is content with one round when it should be quick, unless rounds are asked for', () => {
    expect(readArguments(['--quick'], known).rounds).toBe(1)
    expect(readArguments(['--quick', '--rounds', '2'], known).rounds).toBe(2)
  })

  it('chooses scenarios and contenders, and keeps their order', () => {
    const chosen = readArguments(['--only', 'latency,drain', '--contenders=pg-boss'], known)
    expect(chosen.scenarios).toEqual(['drain', 'latency'])
    expect(chosen.contenders).toEqual(['pg-boss'])
  })

  it('names what there is when it is asked for what there is not', () => {
    expect(() => readArguments(['--only', 'drian'], known)).toThrow('no scenario "drian"; there are: drain, ')
    expect(() => readArguments(['--contenders', 'bee'], known)).toThrow('no contender "bee"; there are: millrace, ')
    expect(() => readArguments(['--rounds', '0'], known)).toThrow('--rounds is "0"')
  })
})

describe('scenarios', () => {
  it('measure only contenders that there are, each beside its reference', () => {
    for (const { contenders, reference } of scenarios) {
      expect(contenderNames).toEqual(expect.arrayContaining([...contenders]))
      expect(contenders).toContain(reference)
    }
  })
})

describe('numberIn', () => {
  it('reads the number of a variant', () => {
    expect(['2 workers', '1,000,000 jobs', '100/s'].map(numberIn)).toEqual([2, 1_000_000, 100])
  })
})
