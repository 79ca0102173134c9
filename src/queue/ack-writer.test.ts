import { describe, expect, it } from 'vitest'

import { aClaimedJob, aFinishedJob, aStore } from '../../test/support/factories.ts'
import { gate } from '../../test/support/gate.ts'
import { settled, testHost } from '../../test/support/test-host.ts'
import type { ClaimedJob } from '../job/job.ts'
import { storeError } from '../store/errors.ts'
import type { Ack, AckAnswer, HeldJob } from '../store/store.ts'
import { AckWriter } from './ack-writer.ts'
import type { FinishedJob } from './finished-job.ts'
import { Ledger, OUTBOX } from './ledger.ts'

const TAKEN: AckAnswer = { stale: [], cancelled: [] }

function aWriter(ackJobs: (acks: readonly Ack[]) => AckAnswer | Promise<AckAnswer>, outboxSize?: number) {
  const host = testHost()
  const batches: (readonly Ack[])[] = []
  const returned: (readonly HeldJob[])[] = []
  const acked: { finished: FinishedJob; isStale: boolean; isCancelled: boolean }[] = []
  const errors: unknown[] = []
  const fail = { giveBacks: 0 }
  const ledger = new Ledger(host.clock, () => {})
  const store = aStore({
    ackJobs: async (acks) => {
      batches.push(acks)
      return ackJobs(acks)
    },
    giveBackJobs: async (held) => {
      returned.push(held)
      if (fail.giveBacks-- > 0) throw storeError('ERR_STORE_UNAVAILABLE', 'busy')
      return { stale: [] }
    },
  })
  const writer = new AckWriter(host, {
    store,
    ledger,
    onAcked: (finished, answer) => acked.push({ finished, ...answer }),
    onError: (error) => errors.push(error),
    outboxSize,
  })
  return { host, writer, ledger, batches, returned, acked, errors, fail }
}

function unavailable(): Error {
  return storeError('ERR_STORE_UNAVAILABLE', 'busy')
}

function refused(): Error {
  return storeError('ERR_STORE_CORRUPT', 'this text cannot be stored')
}

describe('AckWriter', () => {
  it('writes at once what ends together, as one batch', async () => {
    const { writer, batches, acked } = aWriter(() => TAKEN)
    writer.write([aFinishedJob()])
    writer.write([aFinishedJob()])
    await settled()
    expect(batches.map((batch) => batch.length)).toEqual([2])
    expect(acked.length).toBe(2)
    expect(writer.size).toBe(0)
  })

  it('gathers what ends while a batch is under way into the next', async () => {
    const first = gate<AckAnswer>()
    const { writer, batches } = aWriter(() => (batches.length === 1 ? first.passed : TAKEN))
    writer.write([aFinishedJob()])
    await settled()
    for (let more = 0; more < 5; more++) writer.write([aFinishedJob()])
    await settled()
    expect(batches.length).toBe(1)
    first.open(TAKEN)
    await writer.flush()
    expect(batches.map((batch) => batch.length)).toEqual([1, 5])
  })

  it('repeats a batch with the same leases until the store takes it, and tells each end once', async () => {
    let failuresLeft = 3
    const { writer, host, batches, acked, errors } = aWriter(() => {
      if (failuresLeft-- > 0) throw unavailable()
      return TAKEN
    })
    writer.write([aFinishedJob({ job: aClaimedJob({ lease: 'lease-7' }) })])
    await host.clock.advance(10_000)
    expect(batches.map(([ack]) => ack?.lease)).toEqual(Array(4).fill('lease-7'))
    expect([acked.length, errors.length]).toEqual([1, 3])
  })

  it('counts the time that an end waited', async () => {
    let failuresLeft = 1
    const { writer, host, batches } = aWriter(() => {
      if (failuresLeft-- > 0) throw unavailable()
      return TAKEN
    })
    writer.write([aFinishedJob({ endedAt: 0 })])
    await host.clock.advance(2_000)
    expect(batches[1]?.[0]?.endedAgoMs).toBeGreaterThan(20)
  })

  it('takes a fault at its own trace point for a failure of the store', async () => {
    const { writer, host, acked, errors } = aWriter(() => TAKEN)
    let throwsLeft = 1
    host.trace.at('ack-writer.flush', () => {
      if (throwsLeft-- > 0) throw new Error('planted')
    })
    writer.write([aFinishedJob()])
    await host.clock.advance(1_000)
    expect([acked.length, errors.length]).toEqual([1, 1])
  })

  it('finds the one whose text the store refuses, and writes that one without its text', async () => {
    const poison = aFinishedJob({
      ending: { type: 'failed', error: { name: 'Error', message: 'poison' } },
      logs: ['a'],
    })
    const { writer, batches, acked } = aWriter((acks) => {
      if (acks.some(({ ending }) => 'error' in ending && ending.error?.message === 'poison')) throw refused()
      return TAKEN
    })
    writer.write([aFinishedJob(), poison, aFinishedJob()])
    await writer.flush()
    expect(acked.map(({ finished }) => finished)).toContain(poison)
    expect(acked.length).toBe(3)
    const last = batches.flat().findLast(({ id }) => id === poison.job.id)
    expect(last?.ending).toEqual({
      type: 'failed',
      error: { name: 'Error', message: 'the text of this ending could not be stored' },
    })
    expect(last?.logs).toEqual([])
  })

  it('keeps the text of an end while the store lets nobody in, and writes it afterwards', async () => {
    let failuresLeft = 3
    const { writer, host, batches } = aWriter(() => {
      if (failuresLeft-- > 0) throw storeError('ERR_STORE_OPEN', 'the password was changed')
      return TAKEN
    })
    writer.write([aFinishedJob(), aFinishedJob()])
    await host.clock.advance(10_000)
    expect(batches.map((batch) => batch.length)).toEqual([2, 2, 2, 2])
    expect(batches[3]?.map(({ ending }) => ending)).toEqual(batches[0]?.map(({ ending }) => ending))
    expect(writer.size).toBe(0)
  })

  it('tells each end once when the store goes away between the parts of a refused batch', async () => {
    let calls = 0
    const { writer, host, acked } = aWriter((acks) => {
      calls += 1
      if (acks.length > 1) throw refused()
      if (calls === 3) throw unavailable()
      return TAKEN
    })
    const all = [aFinishedJob(), aFinishedJob(), aFinishedJob()]
    writer.write(all)
    await host.clock.advance(10_000)
    expect(acked.map(({ finished }) => finished)).toEqual(all)
  })

  it('says which ends came too late, and which jobs were cancelled instead', async () => {
    const [late, stopped] = [aFinishedJob(), aFinishedJob()]
    const { writer, acked } = aWriter(() => ({ stale: [late.job.id], cancelled: [stopped.job.id] }))
    writer.write([late, stopped])
    await writer.flush()
    expect(acked.map(({ isStale, isCancelled }) => [isStale, isCancelled])).toEqual([
      [true, false],
      [false, true],
    ])
  })

  it('lets the ledger forget a job only when the store has its end', async () => {
    const first = gate<AckAnswer>()
    const { writer, ledger } = aWriter(() => first.passed)
    const finished = aFinishedJob()
    ledger.add([finished.job], OUTBOX)
    writer.write([finished])
    await settled()
    expect(ledger.size).toBe(1)
    first.open(TAKEN)
    await writer.flush()
    expect(ledger.size).toBe(0)
  })

  it('says when the outbox has room again', async () => {
    const first = gate<AckAnswer>()
    const { writer } = aWriter(() => first.passed, 2)
    expect(writer.whenRoom()).toBeUndefined()
    writer.write([aFinishedJob(), aFinishedJob()])
    await settled()
    // The batch under way is not in it any more.
    expect(writer.whenRoom()).toBeUndefined()
    writer.write([aFinishedJob(), aFinishedJob()])
    let hasRoom = false
    const waiting = writer.whenRoom()?.then(() => (hasRoom = true))
    await settled()
    expect(hasRoom).toBe(false)
    first.open(TAKEN)
    await waiting
    expect(hasRoom).toBe(true)
  })

  it('hands jobs back until the store has taken them, and flush waits for that', async () => {
    const { writer, host, returned, fail } = aWriter(() => TAKEN)
    fail.giveBacks = 2
    const job: ClaimedJob = aClaimedJob()
    void writer.giveBack([job])
    let isFlushed = false
    void writer.flush().then(() => (isFlushed = true))
    await settled()
    expect(isFlushed).toBe(false)
    await host.clock.advance(5_000)
    expect(isFlushed).toBe(true)
    expect(returned).toEqual(Array(3).fill([{ id: job.id, lease: job.lease }]))
  })

  it('gives up when it is told to, and lets those go who wait for room', async () => {
    const { writer, host, acked } = aWriter(() => {
      throw unavailable()
    }, 1)
    writer.write([aFinishedJob()])
    const waiting = writer.whenRoom()
    await settled()
    writer.abandon()
    await waiting
    await host.clock.advance(10_000)
    await writer.flush()
    expect([acked.length, writer.size]).toEqual([0, 0])
  })
})
