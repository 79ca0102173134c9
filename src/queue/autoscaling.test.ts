import { describe, expect, it } from 'vitest'

import { testHost } from '../../test/support/test-host.ts'
import type { Backlog, ScaleBounds } from '../store/store.ts'
import { Autoscaling, type ScaleDecision } from './autoscaling.ts'

/** The autoscaling of a node with one queue, whose consumers are a number. */
function scaling({ bounds = { min: 1, max: 8 } as ScaleBounds } = {}) {
  const host = testHost()
  const told: ScaleDecision[] = []
  const errors: unknown[] = []
  const seen = {
    backlog: { depth: 0, oldestAgeMs: null } as Backlog,
    isDry: false,
    isStoreHeard: true,
    isAway: false,
    asked: 0,
    busy: 0,
    consumers: 0,
  }
  const autoscaling = new Autoscaling(host, {
    store: {
      readBacklogs: async (queues) => {
        seen.asked += 1
        if (seen.isAway) throw new Error('away')
        return queues.map(() => seen.backlog)
      },
    },
    configured: () => bounds,
    isDry: () => seen.isDry,
    isStoreHeard: () => seen.isStoreHeard,
    onDecision: (_queue, decision) => told.push(decision),
    onError: (error) => errors.push(error),
  })
  seen.consumers = autoscaling.targetOf('q')
  autoscaling.add('q', {
    get consumers() {
      return seen.consumers
    },
    takeMostBusy: () => seen.busy,
    scaleTo: (target) => void (seen.consumers = target),
  })
  const press = (): void => {
    seen.busy = 100
    seen.backlog = { depth: 50, oldestAgeMs: 2_000 }
  }
  return { autoscaling, clock: host.clock, told, errors, seen, press }
}

describe('Autoscaling', () => {
  it('begins with the least, grows with the load, and tells of each step', async () => {
    const { clock, told, seen, press, autoscaling } = scaling()
    expect(seen.consumers).toBe(1)
    press()
    await clock.advance(7_000)
    expect(seen.consumers).toBe(8)
    expect(told.map(({ from, to, reason }) => [from, to, reason])).toEqual([
      [1, 2, 'waiting'],
      [2, 4, 'waiting'],
      [4, 8, 'waiting'],
    ])
    expect(autoscaling.scalingOf('q')).toEqual({ min: 1, max: 8, target: 8, consumers: 8, decisions: told })
    await autoscaling.stop()
  })

  it('asks the store every two seconds, and not at all while consumers wait for jobs or where the number is fixed', async () => {
    const { clock, seen } = scaling()
    await clock.advance(20_500)
    expect(seen.asked).toBeGreaterThanOrEqual(9)
    expect(seen.asked).toBeLessThanOrEqual(11)
    const { asked } = seen
    seen.isDry = true
    await clock.advance(20_000)
    expect(seen.asked).toBe(asked)
    const fixed = scaling({ bounds: { min: 3, max: 3 } })
    fixed.press()
    await fixed.clock.advance(20_000)
    expect(fixed.seen).toMatchObject({ asked: 0, consumers: 3 })
  })

  it.each([
    ['answers no more', (seen: ReturnType<typeof scaling>['seen']) => (seen.isAway = true)],
    ['was not heard of lately', (seen: ReturnType<typeof scaling>['seen']) => (seen.isStoreHeard = false)],
  ])('holds when the store %s, says so once, and goes on when it is back', async (_, fail) => {
    const { clock, told, seen, press } = scaling()
    await clock.advance(1_500)
    press()
    fail(seen)
    await clock.advance(10_000)
    expect(seen.consumers).toBe(1)
    await clock.advance(10_000)
    expect(told.map(({ reason }) => reason)).toEqual(['no-figures'])
    Object.assign(seen, { isAway: false, isStoreHeard: true })
    await clock.advance(10_000)
    expect(seen.consumers).toBe(8)
  })

  it('takes stored bounds before the configured ones, and those again when they are taken back', async () => {
    const { autoscaling, seen, told } = scaling()
    autoscaling.setStored([{ queue: 'q', min: 4, max: 4 }])
    expect(seen.consumers).toBe(4)
    autoscaling.setStored([{ queue: 'other', min: 9, max: 9 }])
    expect(autoscaling.boundsOf('q')).toEqual({ min: 1, max: 8 })
    expect(seen.consumers).toBe(4)
    autoscaling.setStored([{ queue: 'q', min: 1, max: 2 }])
    expect(seen.consumers).toBe(2)
    expect(told.map(({ to, reason }) => [to, reason])).toEqual([
      [4, 'bounds'],
      [2, 'bounds'],
    ])
  })

  it('brings a branch back to its number when a crash has changed that', async () => {
    const { autoscaling, seen, clock, press } = scaling()
    press()
    await clock.advance(2_500)
    seen.consumers = 0
    await clock.advance(1_000)
    expect(seen.consumers).toBe(autoscaling.scalingOf('q').target)
  })

  it('keeps the last hundred decisions', async () => {
    const { autoscaling } = scaling()
    for (let count = 1; count <= 150; count++) autoscaling.setStored([{ queue: 'q', min: count, max: count }])
    const { decisions } = autoscaling.scalingOf('q')
    expect(decisions).toHaveLength(100)
    expect(decisions.at(-1)?.to).toBe(150)
  })

  it('decides nothing once it is stopped', async () => {
    const { autoscaling, seen, clock, press } = scaling()
    press()
    await autoscaling.stop()
    await clock.advance(10_000)
    expect(seen.consumers).toBe(1)
  })
})
