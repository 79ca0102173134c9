import { describe, expect, it } from 'vitest'

import { aJobRecord, aNode } from '../../test/support/factories.ts'
import type { NodeSnapshot, QueueRecord, QueueSnapshot } from '../store/store.ts'
import { explainJob, type ExplainFacts } from './explain.ts'

const consumer = { startedAt: 0, done: 0, failed: 0, lastJobAt: null, job: null }

function aQueue(rest: Partial<QueueRecord> = {}): QueueRecord {
  const counts = { depth: 3, parked: 0, scheduled: 0, running: 0, oldestAgeMs: 5, endedLastMinute: 0 }
  return { name: 'default', ...counts, isPaused: false, scale: null, ...rest }
}

function aView(rest: Partial<QueueSnapshot> = {}): NodeSnapshot {
  const view = { queue: 'default', concurrency: 1, demand: 1, buffered: [], consumers: [consumer], ...rest }
  return { state: 'alive', loopLagMs: 0, memoryBytes: 0, queues: [view] }
}

const busy = aView({ consumers: [{ ...consumer, job: 'another' }] })

function explain(rest: Partial<ExplainFacts>) {
  const facts = { job: aJobRecord(), queue: aQueue(), nodes: [aNode({ snapshot: aView() })], breakers: [], now: 1_000 }
  return explainJob({ ...facts, ...rest })
}

describe('explainJob', () => {
  it('says when a job is not due, and why', () => {
    const job = aJobRecord({ state: 'scheduled', dueAt: 61_000, attempt: 1, error: { name: 'E', message: 'boom' } })
    expect(explain({ job })).toMatchObject({ state: 'scheduled', waiting: 'not-due' })
    expect(explain({ job }).detail).toContain('in 60 s')
    expect(explain({ job }).detail).toContain('boom')
  })

  it('judges a scheduled job that is due like a queued one', () => {
    expect(explain({ job: aJobRecord({ state: 'scheduled', dueAt: 900 }) }).waiting).toBe('no-demand')
  })

  it('says that there is no worker: none at all, none for the queue, none that knows the name', () => {
    const details = [
      explain({ nodes: [] }),
      explain({ nodes: [aNode({ isDead: true })] }),
      explain({ nodes: [aNode({ queues: ['mail'] })] }),
      explain({ nodes: [aNode({ jobs: [] })] }),
    ]
    expect(details.map(({ waiting }) => waiting)).toEqual(Array(4).fill('no-worker'))
    expect(details[0]?.detail).toContain('no worker is running')
    expect(details[2]?.detail).toContain('none of the 1 running node serves queue "default"')
    expect(details[3]?.detail).toContain('knows a job named "work.run"')
  })

  it('says that the queue is paused, but first that nobody could run the job anyway', () => {
    const queue = aQueue({ isPaused: true })
    expect(explain({ queue }).waiting).toBe('paused')
    expect(explain({ queue, nodes: [] }).waiting).toBe('no-worker')
    expect(explain({ queue, job: aJobRecord({ state: 'scheduled', dueAt: 5_000 }) }).waiting).toBe('not-due')
  })

  it('says that all consumers are busy, on all nodes that could run it', () => {
    expect(explain({ nodes: [aNode({ snapshot: busy })] })).toMatchObject({ waiting: 'concurrency' })
    const half = [aNode({ snapshot: busy }), aNode({ id: 'node-2', snapshot: aView() })]
    expect(explain({ nodes: half }).waiting).toBe('no-demand')
  })

  it('says that nobody asked yet, also when no node has reported', () => {
    expect(explain({}).waiting).toBe('no-demand')
    expect(explain({ nodes: [aNode()] })).toMatchObject({ waiting: 'no-demand' })
    expect(explain({ queue: null }).waiting).toBe('no-demand')
  })

  it('says that a claimed job waits in a buffer', () => {
    const job = aJobRecord({ state: 'running', node: 'node-1' })
    const snapshot = aView({ buffered: [job.id] })
    expect(explain({ job, nodes: [aNode({ snapshot })] })).toMatchObject({ state: 'running', waiting: 'stage' })
  })

  it('gives no reason for what runs, or will be rescued', () => {
    const job = aJobRecord({ state: 'running', node: 'node-1', attempt: 2 })
    expect(explain({ job })).toMatchObject({ waiting: null })
    expect(explain({ job }).detail).toContain('attempt 2 of 3')
    expect(explain({ job, nodes: [] })).toMatchObject({ waiting: null })
    expect(explain({ job, nodes: [aNode({ isDead: true })] }).detail).toContain('rescued')
  })

  it('gives no reason for what has ended, but says how', () => {
    const error = { name: 'Error', message: 'boom' }
    const ended = { endedAt: 1_000, attempt: 2 }
    const detail = (rest: Parameters<typeof aJobRecord>[0]) => explain({ job: aJobRecord({ ...ended, ...rest }) })
    expect(detail({ state: 'completed' })).toMatchObject({
      waiting: null,
      detail: expect.stringContaining('attempt 2'),
    })
    expect(detail({ state: 'failed', error })).toMatchObject({ waiting: null, detail: expect.stringContaining('boom') })
    expect(detail({ state: 'cancelled', error })).toMatchObject({ waiting: null })
  })

  describe('of a job that a breaker keeps back', () => {
    const breaker = {
      queue: 'default',
      by: 'name',
      subject: 'work.run',
      state: 'open',
      mode: 'auto',
      openUntil: 6_000,
      changedAt: 0,
      settings: { errorRate: 0.5, windowMs: 1_000, minimumCalls: 4, openForMs: 5_000, probes: 2 },
      calls: 0,
      failures: 0,
      probes: 0,
      changes: [
        { version: 1, at: 0, from: 'closed', to: 'open', reason: '4 of 4 calls failed', calls: 4, failures: 4 },
      ],
    } as const

    it('says why it is open, and until when', () => {
      const { waiting, detail } = explain({ breakers: [breaker] })
      expect(waiting).toBe('breaker')
      expect(detail).toContain('the breaker of job "work.run" in queue "default" is open (4 of 4 calls failed)')
      expect(detail).toContain('in 5 s; then probes are let through; its jobs wait and no attempt is charged')
    })

    it('says that an operator holds it, or that probes are under way', () => {
      const held = { ...breaker, mode: 'open', openUntil: null } as const
      expect(explain({ breakers: [held] }).detail).toContain('until an operator closes it or lets it go')
      const probing = { ...breaker, state: 'half-open', openUntil: null, probes: 1, calls: 1 } as const
      const { waiting, detail } = explain({ breakers: [probing] })
      expect(waiting).toBe('breaker')
      expect(detail).toContain('2 probes must pass')
      expect(detail).toContain('1 under way, 1 passed')
    })

    it('says so of its key, too, and of nobody else', () => {
      const byKey = { ...breaker, by: 'key', subject: 'acme' } as const
      const job = aJobRecord({ key: 'acme' })
      expect(explain({ job, breakers: [byKey] }).waiting).toBe('breaker')
      for (const other of [
        byKey,
        { ...breaker, state: 'closed' },
        { ...breaker, queue: 'q' },
        { ...breaker, subject: 'x' },
      ] as const)
        expect(explain({ breakers: [other] }).waiting).not.toBe('breaker')
    })

    it('comes behind a pause', () => {
      expect(explain({ breakers: [breaker], queue: aQueue({ isPaused: true }) }).waiting).toBe('paused')
    })
  })
})
