import { describe, expect, it } from 'vitest'

import { countsOf, lineOf } from './timeline.ts'
import type { NodeEvent } from './told.ts'

const STARTED_AT = 1_000_000

const opened: NodeEvent = {
  node: 'A',
  at: STARTED_AT + 12_340,
  event: 'breaker:open',
  payload: {
    queue: 'payments',
    by: 'name',
    subject: 'payments.charge',
    from: 'closed',
    reason: '10 of 10 calls failed within 10 s',
    calls: 10,
    failures: 10,
    at: new Date(STARTED_AT + 12_300),
  },
}
const started: NodeEvent = {
  node: 'B',
  at: STARTED_AT,
  event: 'job:start',
  payload: { id: '1', name: 'payments.charge', queue: 'payments', attempt: 1, waitMs: 3 },
}

describe('lineOf', () => {
  it('tells an event with time, node and words', () => {
    expect(lineOf(opened, STARTED_AT)).toBe(
      '  +12.3 s  A       breaker:open: payments.charge: 10 of 10 calls failed within 10 s',
    )
  })

  it('tells how a dead node was found and what became of its jobs', () => {
    const payload = { node: '674fe197-0000', requeued: ['1', '2'], failed: [], cancelled: [], quarantined: [] }
    const line = lineOf({ node: 'A', at: STARTED_AT, event: 'node:rescue', payload }, STARTED_AT)
    expect(line).toContain('674fe197 is dead; 2 jobs run again, 0 failed')
  })

  it('has no line for events of single jobs', () => {
    expect(lineOf(started, STARTED_AT)).toBeNull()
  })
})

describe('countsOf', () => {
  it('counts what has no line, and nothing else', () => {
    expect(countsOf([started, opened, started])).toEqual({ 'job:start': 2 })
  })
})
