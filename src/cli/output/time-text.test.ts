import { expect, it } from 'vitest'

import { durationText, relativeText } from './time-text.ts'

it.each([
  [-5, '0 ms'],
  [0.42, '0.4 ms'],
  [12.3, '12 ms'],
  [3_449, '3.4 s'],
  [59_999, '59.9 s'],
  [60_000, '1m'],
  [130_000, '2m 10s'],
  [3 * 3_600_000, '3h'],
  [4 * 86_400_000 + 2 * 3_600_000, '4d 2h'],
])('%d ms is %s', (ms, text) => {
  expect(durationText(ms)).toBe(text)
})

it('says which way a time lies', () => {
  expect(relativeText(1_000, 4_400)).toBe('3.4 s ago')
  expect(relativeText(61_000, 1_000)).toBe('in 1m')
})
