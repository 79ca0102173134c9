import { describe, expect, it } from 'vitest'

import { Bus } from '../telemetry/bus.ts'
import type { RunnerEvents } from './events.ts'
import { countReliability } from './reliability-counters.ts'

describe('countReliability', () => {
  it('counts what the events tell of, each in its own place', () => {
    const bus = new Bus<RunnerEvents>({ log: () => {} }, 'test:')
    let unheard = 0
    const counts = countReliability(bus, { timesUnheard: () => unheard })
    const before = counts()
    expect(new Set(Object.values(before))).toEqual(new Set([0]))
    const attempt = { id: 'i', name: 'n', queue: 'q', attempt: 1 }
    bus.send('job:stale', { ...attempt, waitMs: 1 })
    bus.send('job:interrupt', { ...attempt, runMs: 1, reason: 'interrupted' })
    bus.send('job:unknown', { ids: ['a', 'b'], jobs: 2 })
    bus.send('job:stuck', { ...attempt, runMs: 1, stuck: 1 })
    bus.send('queue:crash', { queue: 'q', reason: 'r', againInMs: 1 })
    bus.send('node:give-back', { node: 'n', jobs: 3 })
    bus.send('node:surplus', { node: 'n', queue: 'q', jobs: 4 })
    bus.send('node:clock', { node: 'n', jumpMs: -5 })
    bus.send('node:fenced', { node: 'n', reason: 'declared-dead' })
    bus.send('node:fenced', { node: 'n', reason: 'unconfirmed' })
    bus.send('node:fenced', { node: 'n', reason: 'unconfirmed' })
    bus.send('store:error', { error: 1 })
    bus.send('node:rescue', {
      node: 'n',
      requeued: ['1', '2', '3', '4', '5'],
      failed: ['6', '7'],
      cancelled: ['8', '9', '10'],
      quarantined: ['7'],
    })
    unheard = 6
    expect(counts()).toEqual({
      staleAcks: 1,
      rescuedNodes: 1,
      rescuedRequeued: 5,
      rescuedFailed: 2,
      rescuedCancelled: 3,
      quarantined: 1,
      givenBack: 3,
      interrupted: 1,
      fencedDeclaredDead: 1,
      fencedUnconfirmed: 2,
      unknownOutcomes: 2,
      hintsLost: 6,
      clockJumps: 1,
      stuckHandlers: 1,
      queueCrashes: 1,
      storeErrors: 1,
      surplusJobs: 4,
    })
    // What was answered is what was so then.
    expect(before.staleAcks).toBe(0)
  })
})
