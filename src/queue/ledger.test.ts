import { describe, expect, it } from 'vitest'

import { aClaimedJob } from '../../test/support/factories.ts'
import { testHost } from '../../test/support/test-host.ts'
import type { ClaimedJob } from '../job/job.ts'
import { Ledger, OUTBOX } from './ledger.ts'

function aLedger() {
  const { clock } = testHost()
  const orphans: ClaimedJob[] = []
  return { clock, orphans, ledger: new Ledger(clock, (jobs) => orphans.push(...jobs)) }
}

describe('Ledger', () => {
  it('knows a job from its claim to the moment when the store has its end', () => {
    const { ledger } = aLedger()
    const job = aClaimedJob()
    ledger.add([job], { isAlive: true })
    expect(ledger.holds(job)).toBe(true)
    ledger.remove([job])
    expect([ledger.holds(job), ledger.size]).toEqual([false, 0])
  })

  it('tells two leases of one job apart', () => {
    const { ledger } = aLedger()
    const older = aClaimedJob({ lease: 'lease-1' })
    const newer = { ...older, lease: 'lease-2' }
    ledger.add([older], { isAlive: true })
    ledger.add([newer], { isAlive: true })
    ledger.remove([older])
    expect([ledger.holds(older), ledger.holds(newer)]).toEqual([false, true])
  })

  it('hands back what a stage held when it died, and nothing else', () => {
    const { ledger, orphans } = aLedger()
    const [dying, living] = [{ isAlive: true }, { isAlive: true }]
    const [lost, kept] = [aClaimedJob(), aClaimedJob()]
    ledger.add([lost], dying)
    ledger.add([kept], living)
    ledger.release(dying)
    expect(orphans).toEqual([lost])
    expect([ledger.holds(lost), ledger.holds(kept)]).toEqual([false, true])
  })

  it('hands back at once what is given to a stage that is dead already', () => {
    const { ledger, orphans } = aLedger()
    const [claimed, moved] = [aClaimedJob(), aClaimedJob()]
    ledger.add([claimed], { isAlive: false })
    ledger.add([moved], { isAlive: true })
    ledger.move(moved, { isAlive: false })
    expect(orphans).toEqual([claimed, moved])
  })

  it('leaves a job in the outbox alone, whichever stage dies', () => {
    const { ledger, orphans } = aLedger()
    const acker = { isAlive: true }
    const job = aClaimedJob()
    ledger.add([job], acker)
    ledger.move(job, OUTBOX)
    ledger.release(acker)
    expect(orphans).toEqual([])
    expect(ledger.takeAll()).toEqual([])
    expect(ledger.holds(job)).toBe(true)
  })

  it('passes over a move of a job that it no longer holds', () => {
    const { ledger, orphans } = aLedger()
    ledger.move(aClaimedJob(), { isAlive: false })
    expect([ledger.size, orphans]).toEqual([0, []])
  })

  it('gives out for a stop only jobs whose attempt has not begun: one that has ended is on its way to the store', () => {
    const { ledger } = aLedger()
    const stage = { isAlive: true }
    const [buffered, begun] = [aClaimedJob(), aClaimedJob()]
    ledger.add([buffered, begun], stage)
    ledger.begin(begun)
    expect(ledger.waiting('default')).toEqual([buffered.id])
    expect(ledger.takeUnbegun()).toEqual([buffered])
    expect(ledger.waiting('default')).toEqual([])
    expect(ledger.takeAll()).toEqual([begun])
    expect(ledger.size).toBe(0)
  })

  it('gives out only the named jobs when it is given names', () => {
    const { ledger } = aLedger()
    const [one, other, begun] = [aClaimedJob(), aClaimedJob(), aClaimedJob()]
    ledger.add([one, other, begun], { isAlive: true })
    ledger.begin(begun)
    expect(ledger.takeUnbegun(new Set([one.id, begun.id]))).toEqual([one])
  })

  it('measures how long a job has been here', async () => {
    const { ledger, clock } = aLedger()
    const job = aClaimedJob()
    ledger.add([job], { isAlive: true })
    await clock.advance(70)
    expect(ledger.heldMs(job)).toBe(70)
    expect(ledger.heldMs(aClaimedJob())).toBe(0)
  })

  it('forgets all of it when the node has lost its leases', () => {
    const { ledger, orphans } = aLedger()
    ledger.add([aClaimedJob()], { isAlive: true })
    ledger.clear()
    expect([ledger.size, orphans]).toEqual([0, []])
  })
})
