import { describe, expect, it } from 'vitest'

import type { NodeEvent } from '../told.ts'
import { figuresOfEvents, jobKey } from './events.ts'

const JOB = { id: '1', name: 'a.b', queue: 'q' }
const ATTEMPT = { ...JOB, attempt: 1, waitMs: 1 }

function failed(outcome: 'retry' | 'failed'): NodeEvent {
  const payload = { ...ATTEMPT, outcome, runMs: 2, error: { name: 'Error', message: 'no' } }
  return { node: 'A', at: 1, event: 'job:exception', payload }
}

function depth(node: string, at: number, jobs: number): NodeEvent {
  const payload = { queue: 'q', depth: jobs, scheduled: 0, running: 0, oldestAgeMs: null }
  return { node, at, event: 'queue:depth', payload }
}

describe('figuresOfEvents', () => {
  it('counts what was enqueued and how attempts ended, by job', () => {
    const enqueued: NodeEvent = { node: 'parent', at: 0, event: 'job:enqueue', payload: { ...JOB, status: 'created' } }
    const ended: NodeEvent = {
      node: 'B',
      at: 2,
      event: 'job:stop',
      payload: { ...ATTEMPT, outcome: 'completed', runMs: 3 },
    }
    const { jobs } = figuresOfEvents([enqueued, failed('retry'), ended], new Map())
    expect(jobs).toMatchObject([{ queue: 'q', name: 'a.b', enqueued: 1, deadLetters: 0 }])
    expect(jobs[0]?.ended.map(({ node, outcome, runMs }) => [node, outcome, runMs])).toEqual([
      ['A', 'retry', 2],
      ['B', 'completed', 3],
    ])
  })

  it('counts dead letters but for those that were brought back', () => {
    const events = [failed('failed'), failed('failed')]
    expect(figuresOfEvents(events, new Map()).jobs[0]?.deadLetters).toBe(2)
    expect(figuresOfEvents(events, new Map([[jobKey('q', 'a.b'), 2]])).jobs[0]?.deadLetters).toBe(0)
  })

  it('takes the depth that was told last, by whichever node', () => {
    expect(figuresOfEvents([depth('A', 2, 0), depth('B', 1, 9)], new Map()).depth).toBe(0)
  })
})
