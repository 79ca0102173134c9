import { describe, expect, it } from 'vitest'

import { aNode } from '../../test/support/factories.ts'
import { nodeProcesses } from '../host/processes.ts'
import type { NodeRecord, NodeSnapshot, QueueRecord, ScaleBounds } from '../store/store.ts'
import { queueInfos } from './queue-view.ts'
import type { QueueInfo } from './runner.ts'

const processes = { ...nodeProcesses(), startOf: () => null }

const snapshotOf = (concurrency: number, bounds: ScaleBounds): NodeSnapshot => ({
  ...{ state: 'alive', loopLagMs: 0, memoryBytes: 0 },
  queues: [{ queue: 'mail', concurrency, bounds, demand: 0, buffered: [], consumers: [] }],
})

const aQueue = (rest: Partial<QueueRecord> = {}): QueueRecord => ({
  ...{ name: 'mail', depth: 0, parked: 0, scheduled: 0, running: 0, oldestAgeMs: null, endedLastMinute: 0 },
  ...{ isPaused: false, scale: null },
  ...rest,
})

function shown(
  queue: Partial<QueueRecord>,
  { nodes = [], own = null }: { readonly nodes?: readonly NodeRecord[]; readonly own?: ScaleBounds | null } = {},
): QueueInfo | undefined {
  return queueInfos({ queues: [aQueue(queue)], nodes, processes, concurrencyOf: () => own })[0]
}

describe('queueInfos', () => {
  it('divides what is wanted by what one living process may have, as it says itself', () => {
    const nodes = [
      aNode({ id: 'a', snapshot: snapshotOf(2, { min: 1, max: 5 }) }),
      aNode({ id: 'b', snapshot: snapshotOf(4, { min: 1, max: 4 }) }),
      aNode({ id: 'c', snapshot: snapshotOf(90, { min: 90, max: 90 }), isDead: true }),
    ]
    expect(shown({ depth: 100 }, { nodes, own: { min: 1, max: 50 } })?.wantedReplicas).toBe(20)
  })

  it('divides by what is stored, else configured here, else usual, while no process says anything', () => {
    expect(shown({ depth: 100, scale: { min: 1, max: 2 } }, { own: { min: 5, max: 5 } })?.wantedReplicas).toBe(50)
    expect(shown({ depth: 100 }, { own: { min: 1, max: 5 } })?.wantedReplicas).toBe(20)
    expect(shown({ depth: 100 })?.wantedReplicas).toBe(10)
  })

  it('takes no more slots for busy than the living processes have, however much they have claimed ahead', () => {
    const nodes = [aNode({ snapshot: snapshotOf(10, { min: 10, max: 10 }) })]
    const queue = { depth: 10_000, running: 110, endedLastMinute: 300_000 }
    expect(shown(queue, { nodes })).toMatchObject({ rate: 5_000, wantedReplicas: 1 })
  })

  it('shows stored bounds before those of this process, and none of a process that runs nothing', () => {
    const scale = { min: 2, max: 9 }
    expect(shown({ scale }, { own: { min: 5, max: 5 } })).toMatchObject({ concurrency: scale, scaled: scale })
    expect(shown({}, { own: { min: 5, max: 5 } })).toMatchObject({ concurrency: 5, scaled: null })
    expect(shown({ scale })).toMatchObject({ concurrency: 0, scaled: scale })
  })
})
