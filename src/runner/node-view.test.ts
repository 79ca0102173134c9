import { describe, expect, it } from 'vitest'

import { aNode } from '../../test/support/factories.ts'
import { nodeProcesses } from '../host/processes.ts'
import type { NodeRecord, QueueSnapshot } from '../store/store.ts'
import { nodeInfo } from './node-view.ts'

const processes = {
  ...nodeProcesses(),
  own: () => ({ host: 'here', pid: 1, pidScope: 'boot/1', pidStart: '7' }),
  startOf: (pid: number) => (pid === 1 ? '7' : null),
}
const consumer = { startedAt: 1_000, done: 3, failed: 1, lastJobAt: null, job: 'job-1' }
const view = (queue: string): QueueSnapshot => ({
  queue,
  concurrency: 2,
  bounds: { min: 1, max: 9 },
  demand: 1,
  buffered: ['job-2'],
  consumers: [consumer],
})
const snapshot = { state: 'alive', loopLagMs: 4, memoryBytes: 5, queues: [view('default'), view('mail')] } as const
const shown = (rest: Partial<NodeRecord>, queue?: string) => nodeInfo(aNode({ snapshot, ...rest }), processes, queue)

describe('nodeInfo', () => {
  it('shows a node with all its consumers, or with those of one queue', () => {
    const info = shown({})
    expect(info).toMatchObject({
      id: 'node-1',
      state: 'alive',
      loopLagMs: 4,
      memoryBytes: 5,
      order: null,
      rescued: null,
    })
    expect(info.consumers).toHaveLength(2)
    expect(info.consumers[0]).toEqual({
      queue: 'default',
      startedAt: new Date(1_000),
      done: 3,
      failed: 1,
      lastJobAt: null,
      job: 'job-1',
    })
    const mail = { queue: 'mail', concurrency: 2, min: 1, max: 9, demand: 1, buffered: 1 }
    expect(shown({}, 'mail')).toMatchObject({ consumers: [{ queue: 'mail' }], queues: [mail] })
  })

  it.each([
    ['was declared dead', { isDead: true }],
    ['has been silent for ten seconds', { beatAgeMs: 10_000 }],
    ['has no process on this host any more', { pid: 2, pidScope: 'boot/1', pidStart: '9' }],
  ])('shows one as dead that %s', (_, rest) => {
    expect(shown(rest)).toMatchObject({ state: 'dead', consumers: [], order: null })
  })

  it('shows what an operator wants, and whether it is so', () => {
    expect(shown({ wanted: 'quiet' }).order).toEqual({ wanted: 'quiet', isObeyed: false })
    const obeying = { ...snapshot, state: 'draining', obeys: 'quiet' } as const
    expect(shown({ wanted: 'quiet', snapshot: obeying })).toMatchObject({
      state: 'draining',
      order: { isObeyed: true },
    })
  })

  it('shows who rescued it', () => {
    const rescue = { by: 'node-2', at: 5_000, requeued: 2, failed: 1, cancelled: 0 }
    expect(shown({ isDead: true, rescue }).rescued).toEqual({ ...rescue, at: new Date(5_000) })
  })

  it('shows a node that has not shown itself yet, or is of an older version', () => {
    expect(shown({ snapshot: null })).toMatchObject({
      state: 'alive',
      loopLagMs: null,
      memoryBytes: null,
      consumers: [],
    })
    const { bounds: _, ...old } = view('default')
    expect(shown({ snapshot: { ...snapshot, queues: [old] } }).queues).toMatchObject([{ min: 2, max: 2 }])
  })
})
