import { describe, expect, it } from 'vitest'

import type { BreakerChange, BreakerState } from '../job/breaker.ts'
import { BREAKER_CAP, type BreakerRecord } from '../store/store.ts'
import { BreakerWatch } from './breaker-watch.ts'

function change(version: number, from: BreakerState, to: BreakerState): BreakerChange {
  return { version, at: version, from, to, reason: 'why', calls: 0, failures: 0 }
}

const OPENED = change(3, 'closed', 'open')
const PROBING = change(5, 'open', 'half-open')
const CLOSED = change(8, 'half-open', 'closed')

function aBreaker(...changes: readonly BreakerChange[]): BreakerRecord {
  const state = changes.at(-1)?.to ?? 'closed'
  const rest = {
    mode: 'auto',
    openUntil: null,
    changedAt: 1,
    settings: null,
    calls: 0,
    failures: 0,
    probes: 0,
  } as const
  return { queue: 'q', by: 'name', subject: 'a.b', state, ...rest, changes }
}

function aWatch() {
  const told: string[] = []
  const watch = new BreakerWatch((breaker, { from, to }) => told.push(`${breaker.subject} ${from} ${to}`))
  return { watch, told }
}

describe('BreakerWatch', () => {
  it('tells nothing of what was before it looked first', () => {
    const { watch, told } = aWatch()
    watch.seeAll([aBreaker(OPENED)])
    watch.seeAll([aBreaker(OPENED)])
    expect(told).toEqual([])
  })

  it('tells every change once, those between two looks too, in their order', () => {
    const { watch, told } = aWatch()
    watch.seeAll([])
    watch.see([aBreaker(OPENED)])
    watch.seeAll([aBreaker(OPENED)])
    watch.seeAll([aBreaker(OPENED, PROBING, CLOSED)])
    expect(told).toEqual(['a.b closed open', 'a.b open half-open', 'a.b half-open closed'])
  })

  it('lets no older look undo a newer one', () => {
    const { watch, told } = aWatch()
    watch.seeAll([])
    watch.see([aBreaker(OPENED, PROBING)])
    watch.seeAll([aBreaker(OPENED)])
    watch.seeAll([aBreaker(OPENED, PROBING)])
    expect(told).toHaveLength(2)
  })

  it('begins anew with one that was forgotten', () => {
    const { watch, told } = aWatch()
    watch.seeAll([aBreaker(CLOSED)])
    watch.seeAll([])
    watch.seeAll([aBreaker(change(1, 'closed', 'open'))])
    expect(told).toEqual(['a.b closed open'])
  })

  it('tells nothing again of one that there was no room for meanwhile, and what it did later', () => {
    const { watch, told } = aWatch()
    const others = Array.from({ length: BREAKER_CAP }, (_, index) => ({
      ...aBreaker(OPENED),
      subject: `other.n${index}`,
    }))
    watch.seeAll([aBreaker(OPENED), ...others.slice(1)])
    watch.seeAll(others)
    told.length = 0
    watch.seeAll([aBreaker(OPENED, PROBING), ...others.slice(1)])
    expect(told).toEqual(['a.b open half-open'])
    watch.seeAll(others)
    watch.seeAll([aBreaker({ ...OPENED, version: 1, at: 99 }), ...others.slice(1)])
    expect(told).toEqual(['a.b open half-open', 'a.b closed open'])
  })
})
