import { describe, expect, it } from 'vitest'

import { AttemptTotals } from '../../../src/metrics/attempt-totals.ts'
import { compare, percentileBounds } from './agreement.ts'
import type { EventFigures } from './events.ts'
import type { EndedAttempt, JobFigures, Loss, Reading } from './figures.ts'

const NONE = new AttemptTotals().counts

/** Attempts of a node that ended at 0, 100, 200, … ms, and ran for 1, 2, 3, … ms. */
function attemptsOf(node: string, count: number): readonly EndedAttempt[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ node, at: index * 100, id: `${node}${index}`, queue: 'q', name: 'a.b' },
    ...{ outcome: 'completed', runMs: index + 1 },
  }))
}

function eventsOf(ended: readonly EndedAttempt[]): EventFigures {
  return { jobs: [{ queue: 'q', name: 'a.b', enqueued: ended.length, ended, deadLetters: 0 }], depth: 0 }
}

function reading(
  job: Partial<JobFigures>,
  { depth = 0, losses = [] }: { depth?: number; losses?: readonly Loss[] } = {},
): Reading {
  const nothing = { enqueued: null, attempts: null, run: null, deadLetters: null }
  return { source: 's', jobs: [{ queue: 'q', name: 'a.b', ...nothing, ...job }], depth, losses }
}

function wrongIn(events: EventFigures, told: Reading): readonly string[] {
  return compare(events, told).flatMap(({ figure, agrees }) => (agrees ? [] : figure))
}

describe('compare', () => {
  const ten = attemptsOf('A', 10)

  it('takes figures that are the same', () => {
    const run = { count: 10, sumMs: 55, p95: { from: 9.8, to: 10.2 } }
    const told = reading({ enqueued: 10, attempts: { ...NONE, completed: 10 }, deadLetters: 0, run })
    expect(wrongIn(eventsOf(ten), told)).toEqual([])
  })

  it.each([
    ['enqueued', { enqueued: 9 }],
    ['attempts completed', { attempts: { ...NONE, completed: 9 } }],
    ['attempts completed', { attempts: { ...NONE, completed: 11 } }],
    ['dead letters', { deadLetters: 1 }],
    ['mean run ms', { run: { count: 10, sumMs: 54, p95: { from: 8, to: 16 } } }],
    ['p95 run ms', { run: { count: 10, sumMs: 55, p95: { from: 4, to: 8 } } }],
  ])('notices another %s of nodes that lived', (figure, job) => {
    expect(wrongIn(eventsOf(ten), reading(job))).toEqual([figure])
  })

  it('notices an outcome that no event tells', () => {
    const told = reading({ attempts: { ...NONE, completed: 10, failed: 1 } })
    expect(wrongIn(eventsOf(ten), told)).toEqual(['attempts failed'])
  })

  it('notices a depth that is left', () => {
    expect(wrongIn(eventsOf(ten), reading({}, { depth: 1 }))).toEqual(['depth at the end'])
  })

  it('notices a job that only one of the two tells of', () => {
    expect(wrongIn(eventsOf(ten), { ...reading({}), jobs: [] })).toEqual(['is told of'])
    const other = reading({ name: 'c.d', attempts: { ...NONE, retry: 1 } })
    expect(wrongIn(eventsOf([]), other)).toContain('attempts retry')
  })

  describe('with a node that was killed', () => {
    // Of ten attempts the first six are sure, the last two impossible.
    const losses = [{ node: 'B', surelyUntil: 600, perhapsUntil: 750 }]
    const both = eventsOf([...ten, ...attemptsOf('B', 10)])
    const told = (completed: number) => reading({ attempts: { ...NONE, completed } }, { losses })

    it.each([16, 17, 18])('takes %s attempts, which are within what may be lost', (completed) => {
      expect(wrongIn(both, told(completed))).toEqual([])
    })

    it.each([15, 19])('notices %s attempts, which are not', (completed) => {
      expect(wrongIn(both, told(completed))).toEqual(['attempts completed'])
    })
  })
})

describe('percentileBounds', () => {
  const hundred = Array.from({ length: 100 }, (_, index) => index + 1)

  it('is one value when nothing is missing', () => {
    expect(percentileBounds(hundred, 0)).toEqual({ from: 95, to: 95 })
  })

  it('is as wide as what may be missing makes it', () => {
    // Without the ten longest it is 86, without the ten shortest 96.
    expect(percentileBounds(hundred, 10)).toEqual({ from: 86, to: 100 })
  })
})
