import { describe, expect, it } from 'vitest'

import { durationProblem, LONGEST_DURATION_MS, parseDuration } from './duration.ts'

describe('parseDuration', () => {
  it.each([
    [0, 0],
    [1500, 1500],
    [0.4, 0],
    ['0s', 0],
    ['250ms', 250],
    ['10s', 10_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
    ['1.5h', 5_400_000],
    [' 10s ', 10_000],
    ['3650d', LONGEST_DURATION_MS],
  ])('reads %j as %d ms', (value, ms) => {
    expect(parseDuration(value, 'timeout')).toBe(ms)
  })

  it.each<unknown>([
    -1,
    '-1s',
    Number.NaN,
    Infinity,
    -Infinity,
    LONGEST_DURATION_MS + 1,
    '3651d',
    '',
    '10',
    '10 s',
    '1e3s',
    'soon',
    '10S',
    '1.s',
    '.5s',
    `${'9'.repeat(400)}d`,
    null,
    undefined,
    true,
    {},
    [],
    10n,
    Symbol('10s'),
    { valueOf: () => 10 },
  ])('refuses %o', (value) => {
    expect(() => parseDuration(value, 'timeout')).toThrow(expect.objectContaining({ code: 'ERR_BAD_DURATION' }))
  })

  it('names the option, the value and what to write', () => {
    expect(durationProblem('10 sec', 'option "delay"')).toBe(
      'option "delay" is "10 sec", which is no duration; write milliseconds or a text such as "250ms", "10s", "5m", "2h", "7d"',
    )
    expect(durationProblem(-5, 'option "delay"')).toBe('option "delay" is -5; a duration cannot be negative')
    expect(durationProblem(Infinity, 'option "delay"')).toContain('longer than ten years')
    expect(durationProblem('x'.repeat(10_000), 'option "delay"')?.length).toBeLessThan(250)
  })
})
