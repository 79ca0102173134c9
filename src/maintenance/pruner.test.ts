import { describe, expect, it } from 'vitest'

import { aStore } from '../../test/support/factories.ts'
import { gate } from '../../test/support/gate.ts'
import { settled, testHost } from '../../test/support/test-host.ts'
import type { KeepPolicy } from '../store/store.ts'
import { Pruner } from './pruner.ts'

const POLICIES: readonly KeepPolicy[] = [{ queue: null, completedMs: 1, cancelledMs: 1, failedMs: 60_000 }]

function aPruner(prune: () => Promise<{ pruned: number; isDone: boolean }>) {
  const host = testHost()
  const calls: (readonly KeepPolicy[])[] = []
  const errors: unknown[] = []
  const store = aStore({
    pruneJobs: (policies) => {
      calls.push(policies)
      return prune()
    },
  })
  const pruner = new Pruner(host, {
    store,
    policies: () => POLICIES,
    onError: (error) => errors.push(error),
    everyMs: 1_000,
  })
  return { clock: host.clock, pruner, calls, errors }
}

describe('Pruner', () => {
  it('prunes at a steady pace, beginning at a random moment', async () => {
    const { pruner, clock, calls } = aPruner(async () => ({ pruned: 0, isDone: true }))
    pruner.start()
    expect(calls).toEqual([])
    await clock.advance(10_000)
    expect(calls.length).toBeGreaterThanOrEqual(9)
    expect(calls.length).toBeLessThanOrEqual(10)
    expect(calls[0]).toBe(POLICIES)
  })

  it('goes on soon while there is more, in small bites', async () => {
    let left = 5
    const { pruner, clock, calls } = aPruner(async () => ({ pruned: 1_000, isDone: --left <= 0 }))
    pruner.start()
    await clock.advance(1_300)
    expect(calls.length).toBeGreaterThanOrEqual(5)
  })

  it('goes on after a failure of the store', async () => {
    let isDown = true
    const { pruner, clock, calls, errors } = aPruner(async () => {
      if (isDown) throw new Error('down')
      return { pruned: 0, isDone: true }
    })
    pruner.start()
    await clock.advance(1_000)
    isDown = false
    await clock.advance(2_000)
    expect(errors.length).toBe(1)
    expect(calls.length).toBeGreaterThanOrEqual(2)
  })

  it('waits, when it is stopped, for what is under way, and does nothing afterwards', async () => {
    const underWay = gate<{ pruned: number; isDone: boolean }>()
    const { pruner, clock, calls } = aPruner(() => underWay.passed)
    pruner.start()
    await clock.advance(1_000)
    let isStopped = false
    const stopped = pruner.stop().then(() => (isStopped = true))
    await settled()
    expect([calls.length, isStopped]).toEqual([1, false])
    underWay.open({ pruned: 0, isDone: false })
    await stopped
    await clock.advance(10_000)
    expect(calls.length).toBe(1)
  })
})
