import { expect, it } from 'vitest'

import { RecentWaits } from './recent-waits.ts'

it('knows the wait of all but one in twenty of the jobs that began in the last ten seconds', () => {
  const waits = new RecentWaits()
  expect(waits.p95(0)).toBeNull()
  for (let job = 1; job <= 100; job++) waits.note(1_000, job)
  expect(waits.p95(1_000)).toBe(96)
  waits.note(5_000, 7)
  expect(waits.p95(11_001)).toBe(7)
  expect(waits.p95(15_001)).toBeNull()
})

it('remembers the last two hundred', () => {
  const waits = new RecentWaits()
  for (let job = 0; job < 1_000; job++) waits.note(0, job < 800 ? 5_000 : 3)
  expect(waits.p95(0)).toBe(3)
})
