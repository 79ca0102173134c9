/** What every store must do about circuit breakers and about what operators order: a part of the suite of the contract. */

import { randomUUID } from 'node:crypto'
import { describe, expect } from 'vitest'

import type { BreakerId, BreakerSettings } from '../../src/job/breaker.ts'
import type { ClaimedJob } from '../../src/job/job.ts'
import {
  AUDIT_KEPT_MS,
  type BreakerQuery,
  type BreakerRecord,
  type NodeRegistration,
  type Store,
} from '../../src/store/store.ts'
import { ackOf, aJob, aNode, anOrder, aProblem, jobs, published } from '../support/store-jobs.ts'
import type { StoreFixture } from './store-conformance.ts'

const NAME: BreakerId = { queue: 'q', by: 'name', subject: 'mail.ping' }
const SETTINGS: BreakerSettings = { errorRate: 0.5, windowMs: 30_000, minimumCalls: 4, openForMs: 60_000, probes: 2 }
/** Open for so short a time that a test can wait for its end, and longer than a claim takes on a busy machine. */
const SHORT: BreakerSettings = { ...SETTINGS, openForMs: 2_000 }

/** Declares the tests. */
export function breakerConformance(
  test: (sentence: string, run: () => Promise<void>) => void,
  fixtureOf: () => StoreFixture,
): void {
  const names = ['mail.ping', 'mail.other']
  const store = (): Store => fixtureOf().store
  const node = async (by: Store = store(), parts: Partial<NodeRegistration> = {}): Promise<string> => {
    const made = aNode({ jobs: names.map(published), queues: ['q', 'r'], ...parts })
    await by.registerNode(made)
    return made.id
  }
  /** Claims until the store has searched to the end. */
  const claim = async (by: string, count = 10, queue = 'q', from: Store = store()): Promise<ClaimedJob[]> => {
    const taken: ClaimedJob[] = []
    for (let round = 0; round < 500 && taken.length < count; round++) {
      const wants = [{ queue, count: count - taken.length }]
      const answer = await from.claimJobs({ node: by, wants })
      taken.push(...answer.jobs)
      if (!answer.unfinished.includes(queue)) break
    }
    return taken
  }
  const fail = (id: BreakerId, settings = SETTINGS, from: Store = store()): Promise<readonly BreakerRecord[]> =>
    from.countCalls([{ id, settings, calls: 4, failures: 4 }])
  /** Opens the breaker, parks what waits for it, and lets probes through, however long that takes. */
  const goHalfOpen = async (by: string, settings = SETTINGS): Promise<void> => {
    await fail(NAME, settings)
    expect(await claim(by)).toEqual([])
    await store().setBreaker(NAME, 'open', anOrder())
    await store().setBreaker(NAME, 'auto', anOrder())
  }
  const breaker = async (id = NAME): Promise<BreakerRecord | undefined> =>
    (await store().readBreakers()).find(
      (one) => one.by === id.by && one.subject === id.subject && one.queue === id.queue,
    )
  const stateOf = async (id = NAME): Promise<string | undefined> => (await breaker(id))?.state
  const probe = (job: ClaimedJob, outcome: 'passed' | 'failed' | 'none', ending?: Parameters<typeof ackOf>[1]) => {
    if (job.probeOf === undefined) throw new Error('it was claimed as a probe')
    return ackOf(job, ending, { probe: { of: job.probeOf, outcome } })
  }

  describe('countCalls', () => {
    test('opens a breaker when enough calls of the window failed, over all nodes', async () => {
      const other = fixtureOf().another()
      expect(await store().countCalls([{ id: NAME, settings: SETTINGS, calls: 2, failures: 1 }])).toEqual([])
      expect(await stateOf()).toBeUndefined()
      const [opened] = await other.countCalls([{ id: NAME, settings: SETTINGS, calls: 2, failures: 1 }])
      expect(opened).toMatchObject({ ...NAME, state: 'open', mode: 'auto', settings: SETTINGS })
      expect(opened?.changes).toMatchObject([{ from: 'closed', to: 'open', calls: 4, failures: 2 }])
      expect(await breaker()).toEqual(opened)
    })
    test('stays closed while too few calls were made, or too few of them failed', async () => {
      await store().countCalls([{ id: NAME, settings: SETTINGS, calls: 3, failures: 3 }])
      const other = { ...NAME, subject: 'mail.other' }
      await store().countCalls([{ id: other, settings: SETTINGS, calls: 100, failures: 49 }])
      expect(await store().readBreakers()).toEqual([])
    })
    test('forgets calls that are older than the window', async () => {
      const settings = { ...SETTINGS, windowMs: 20 }
      await store().countCalls([{ id: NAME, settings, calls: 3, failures: 3 }])
      await fixtureOf().pass(30)
      expect(await store().countCalls([{ id: NAME, settings, calls: 3, failures: 3 }])).toEqual([])
    })
    test('counts reports that come at the same time from several stores, all of them', async () => {
      const stores = [store(), fixtureOf().another(), fixtureOf().another()]
      await Promise.all(stores.map((one) => one.open()))
      const settings = { ...SETTINGS, minimumCalls: 30 }
      const reports = Array.from({ length: 30 }, (_, index) =>
        stores[index % 3]?.countCalls([{ id: NAME, settings, calls: 1, failures: 1 }]),
      )
      const opened = (await Promise.all(reports)).flatMap((records) => records ?? [])
      expect(opened).toHaveLength(1)
      expect(opened[0]?.changes).toMatchObject([{ calls: 30, failures: 30 }])
    })
  })

  describe('claims and breakers', () => {
    test('leaves out the jobs of an open breaker from the next claim on, on every node, and charges them nothing', async () => {
      const other = fixtureOf().another()
      const [a, b] = [await node(), await node(other)]
      await store().insertJobs([aJob(), aJob({ name: 'mail.other' }), aJob(), aJob({ name: 'mail.other' })])
      expect(await claim(a, 1)).toHaveLength(1)
      // The other node has claimed before, so that it knows that none is open.
      expect(await claim(b, 1, 'r', other)).toEqual([])
      await fail(NAME)
      expect((await claim(b, 1, 'q', other)).map(({ name }) => name)).toEqual(['mail.other'])
      expect((await claim(a)).map(({ name }) => name)).toEqual(['mail.other'])
      const waiting = (await store().listJobs({ states: ['queued'], limit: 10, searchLimit: 0 })).jobs
      expect(waiting).toMatchObject([{ name: 'mail.ping', attempt: 0, parked: 'breaker', state: 'queued' }])
      expect((await store().readQueues()).find(({ name }) => name === 'q')).toMatchObject({ depth: 1, parked: 1 })
    })
    test('leaves the same name in another queue alone', async () => {
      const a = await node()
      await store().insertJobs([aJob({ queue: 'r' })])
      await fail(NAME)
      expect(await claim(a, 1, 'r')).toHaveLength(1)
    })
    test('leaves out what is enqueued, retried or given back while it is open', async () => {
      const a = await node()
      await store().insertJobs(jobs(2))
      const [first, second] = await claim(a)
      if (first === undefined || second === undefined) throw new Error('two jobs were stored')
      await fail(NAME)
      await store().insertJobs([aJob()])
      await store().giveBackJobs([first])
      await store().ackJobs([ackOf(second, { type: 'retry', delayMs: 0, error: aProblem })])
      await fixtureOf().pass(20)
      expect(await claim(a)).toEqual([])
      expect(await claim(a)).toEqual([])
      await store().setBreaker(NAME, 'closed', anOrder())
      expect(await claim(a)).toHaveLength(3)
    })
    test('leaves out jobs by their key where the breaker is one of a key', async () => {
      const a = await node()
      const id: BreakerId = { queue: 'q', by: 'key', subject: 'acme' }
      await store().insertJobs([
        aJob({ key: 'acme' }),
        aJob({ key: 'other' }),
        aJob(),
        aJob({ key: 'acme', name: 'mail.other' }),
      ])
      await fail(id)
      expect((await claim(a)).map(({ key }) => key)).toEqual(['other', null])
      await store().setBreaker(id, 'closed', anOrder())
      expect((await claim(a)).map(({ key }) => key)).toEqual(['acme', 'acme'])
    })
    test('starts ten jobs of another name at once behind 100,000 of a name whose breaker is open', async () => {
      const a = await node()
      for (let batch = 0; batch < 20; batch++) await store().insertJobs(jobs(5_000))
      await store().insertJobs(jobs(10, { name: 'mail.other' }))
      await fail(NAME)
      const startedAt = performance.now()
      const taken = await claim(a)
      expect(taken.map(({ name }) => name)).toEqual(Array.from({ length: 10 }, () => 'mail.other'))
      expect(performance.now() - startedAt).toBeLessThan(8_000)
      // What was met once is not met again.
      await store().insertJobs([aJob({ name: 'mail.other' })])
      const nextAt = performance.now()
      expect(await claim(a, 1)).toHaveLength(1)
      expect(performance.now() - nextAt).toBeLessThan(4_000)
      await store().setBreaker(NAME, 'closed', anOrder())
      expect(await claim(a, 1_000)).toHaveLength(1_000)
    })
    test('says when it will let probes through, and then takes as many as it may, over all nodes', async () => {
      const other = fixtureOf().another()
      const [a, b] = [await node(), await node(other)]
      await store().insertJobs(jobs(5))
      await fail(NAME, SHORT)
      const { jobs: none, nextDueInMs } = await store().claimJobs({ node: a, wants: [{ queue: 'q', count: 5 }] })
      expect(none).toEqual([])
      expect(nextDueInMs).toBeGreaterThan(0)
      expect(nextDueInMs).toBeLessThanOrEqual(SHORT.openForMs)
      await fixtureOf().pass(SHORT.openForMs + 50)
      const probes = [...(await claim(a, 1)), ...(await claim(b, 5, 'q', other)), ...(await claim(a, 5))]
      expect(probes).toHaveLength(2)
      expect(probes).toMatchObject([
        { probeOf: NAME, attempt: 1 },
        { probeOf: NAME, attempt: 1 },
      ])
      expect(await breaker()).toMatchObject({ state: 'half-open', probes: 2 })
    })
    test('closes when all probes passed, and lets the jobs that waited run in their order', async () => {
      const a = await node()
      const stored = jobs(5)
      await store().insertJobs(stored)
      await goHalfOpen(a)
      const [first, second] = await claim(a)
      if (first === undefined || second === undefined) throw new Error('two probes were free')
      await store().ackJobs([probe(first, 'passed')])
      expect(await breaker()).toMatchObject({ state: 'half-open', probes: 1, calls: 1 })
      expect(await claim(a)).toEqual([])
      await store().ackJobs([probe(second, 'passed')])
      expect(await breaker()).toMatchObject({ state: 'closed', probes: 0, openUntil: null })
      expect((await claim(a)).map(({ id }) => id)).toEqual(stored.slice(2).map(({ id }) => id))
      expect((await breaker())?.changes.map(({ to }) => to)).toEqual(['open', 'half-open', 'closed'])
    })
    test('opens again with the first probe that failed, and counts no probe twice', async () => {
      const a = await node()
      await store().insertJobs(jobs(5))
      await goHalfOpen(a)
      const [first, second] = await claim(a)
      if (first === undefined || second === undefined) throw new Error('two probes were free')
      const ack = probe(first, 'failed', { type: 'retry', delayMs: 60_000, error: aProblem })
      await store().ackJobs([ack])
      await store().ackJobs([ack])
      expect(await stateOf()).toBe('open')
      // Its time was over when that one ended.
      await store().ackJobs([probe(second, 'passed')])
      expect((await breaker())?.changes.map(({ to }) => to)).toEqual(['open', 'half-open', 'open'])
    })
    test('takes a job that is enqueued half-open as a probe', async () => {
      const a = await node()
      await goHalfOpen(a)
      expect(await claim(a)).toEqual([])
      await store().insertJobs(jobs(3))
      expect(await claim(a)).toMatchObject([{ probeOf: NAME }, { probeOf: NAME }])
    })
    test('frees the probe of a node that died, and of one that gave it back', async () => {
      const other = fixtureOf().another()
      const [a, b] = [await node(), await node(other)]
      await store().insertJobs(jobs(2))
      await goHalfOpen(a)
      const [lost, returned] = await claim(a)
      if (lost === undefined || returned === undefined) throw new Error('two probes were free')
      await store().giveBackJobs([returned])
      expect((await claim(b, 5, 'q', other)).map(({ id }) => id)).toEqual([returned.id])
      const seq = (await store().readNodes()).find(({ id }) => id === a)?.beatSeq ?? -1
      await store().rescueNode({ node: a, beatSeq: seq, quarantineAfter: 3 })
      expect((await claim(b, 5, 'q', other)).map(({ id }) => id)).toEqual([lost.id])
      expect(await breaker()).toMatchObject({ state: 'half-open', probes: 2 })
    })
    test('frees a probe whose end says nothing', async () => {
      const a = await node()
      await store().insertJobs(jobs(3))
      await goHalfOpen(a, { ...SETTINGS, probes: 1 })
      const [first] = await claim(a)
      if (first === undefined) throw new Error('a probe was free')
      await store().ackJobs([probe(first, 'none', { type: 'snoozed', delayMs: 60_000 })])
      expect(await claim(a)).toHaveLength(1)
    })
    test('counts the probe that a user ended in a transaction when its ack follows', async () => {
      const a = await node()
      await store().insertJobs(jobs(1))
      await goHalfOpen(a, { ...SETTINGS, probes: 1 })
      const [first] = await claim(a)
      if (first === undefined) throw new Error('a probe was free')
      const { tx, commit } = await fixtureOf().transaction()
      await store().ackInTransaction(tx, ackOf(first))
      await commit()
      await store().ackJobs([probe(first, 'passed')])
      expect(await stateOf()).toBe('closed')
    })
    test('keeps its state for a store that is opened later', async () => {
      await store().insertJobs(jobs(2))
      await fail(NAME)
      const later = fixtureOf().another()
      expect(await claim(await node(later), 5, 'q', later)).toEqual([])
      expect(await later.readBreakers()).toEqual(await store().readBreakers())
    })
    test('counts nothing while it is open', async () => {
      await fail(NAME)
      const before = await breaker()
      expect(await fail(NAME)).toEqual([])
      expect(await breaker()).toEqual(before)
    })
  })

  describe('setBreaker', () => {
    test('holds a breaker open that nobody has counted for, until it is let go', async () => {
      const a = await node()
      await store().insertJobs(jobs(1))
      const order = anOrder({ reason: 'the server moves' })
      expect(await store().setBreaker(NAME, 'open', order)).toMatchObject({
        ...NAME,
        state: 'open',
        mode: 'open',
        openUntil: null,
        settings: null,
        changes: [{ from: 'closed', to: 'open', reason: 'ana@desk opened it: the server moves' }],
      })
      await fixtureOf().pass(40)
      expect(await claim(a)).toEqual([])
      await store().setBreaker(NAME, 'auto', anOrder())
      expect(await breaker()).toMatchObject({ state: 'closed', mode: 'auto' })
      expect(await claim(a)).toHaveLength(1)
    })
    test('lets probes tell whether one that was held open may close', async () => {
      const a = await node()
      await store().insertJobs(jobs(5))
      await fail(NAME)
      await store().setBreaker(NAME, 'open', anOrder())
      await store().setBreaker(NAME, 'auto', anOrder())
      expect(await stateOf()).toBe('half-open')
      expect(await claim(a)).toHaveLength(2)
    })
    test('holds a breaker closed whatever fails', async () => {
      await store().setBreaker(NAME, 'closed', anOrder())
      expect(await fail(NAME)).toEqual([])
      expect(await breaker()).toMatchObject({ state: 'closed', mode: 'closed' })
      await store().setBreaker(NAME, 'auto', anOrder())
      expect(await fail(NAME)).toHaveLength(1)
    })
    test('is found by its queue, its subject and its state, and in pages', async () => {
      const subjects = Array.from({ length: 7 }, (_, number) => `customer-${number}`)
      for (const [number, subject] of subjects.entries()) {
        const id = { queue: number % 2 === 0 ? 'q' : 'r', by: 'key', subject } as const
        await store().setBreaker(id, number < 4 ? 'open' : 'closed', anOrder())
      }
      await store().setBreaker({ queue: 'q', by: 'name', subject: 'customer-0' }, 'open', anOrder())
      const found = async (query: BreakerQuery): Promise<readonly string[]> =>
        (await store().readBreakers(query)).map(({ queue, by, subject }) => `${queue} ${by} ${subject}`)
      expect(await found({ queue: 'q', by: 'key', subject: 'customer-0' })).toEqual(['q key customer-0'])
      expect(await found({ queue: 'r', by: 'key', subject: 'customer-0' })).toEqual([])
      expect(await found({ subject: 'customer-0' })).toHaveLength(2)
      expect([...(await found({ state: 'open', queue: 'r' }))].sort()).toEqual(['r key customer-1', 'r key customer-3'])
      expect(await found({ subject: 'customer-\u{0}-\u{D800}' })).toEqual([])

      const all = await store().readBreakers()
      expect(all).toHaveLength(8)
      const paged: BreakerRecord[] = []
      for (;;) {
        const last = paged.at(-1)
        const after = last === undefined ? undefined : { ...last, changedAt: last.changedAt ?? 0 }
        const page = await store().readBreakers({ limit: 3, after })
        expect(page.length).toBe(paged.length < 6 ? 3 : 2)
        paged.push(...page)
        if (page.length < 3) break
      }
      expect(paged).toEqual(all)
    })
    test('tells nodes with their orders', async () => {
      const a = await node()
      expect((await store().readOrders(a)).breakers).toEqual([])
      await store().setBreaker(NAME, 'open', anOrder())
      expect((await store().readOrders(a)).breakers).toEqual(await store().readBreakers())
    })
  })

  describe('readAudit', () => {
    test('tells what was done, by whom, when and why, newest first', async () => {
      const before = (await store().readAudit({ limit: 10 })).length
      expect(before).toBe(0)
      await store().changeQueue('q', { isPaused: true }, anOrder({ reason: 'too hot' }))
      await fixtureOf().pass(5)
      await store().changeQueue('q', { isPaused: false }, anOrder({ by: 'ben@desk' }))
      await fixtureOf().pass(5)
      await store().setBreaker(NAME, 'open', anOrder())
      const entries = await store().readAudit({ limit: 10 })
      expect(entries).toMatchObject([
        {
          action: 'breaker-open',
          by: 'ana@desk',
          queue: 'q',
          target: { by: 'name', subject: 'mail.ping' },
          jobs: null,
        },
        { action: 'resume', by: 'ben@desk', queue: 'q', reason: null },
        { action: 'pause', by: 'ana@desk', queue: 'q', reason: 'too hot' },
      ])
      expect(entries.map(({ at }) => at)).toEqual(entries.map(({ at }) => at).toSorted((x, y) => y - x))
      expect(await store().readAudit({ limit: 1 })).toEqual(entries.slice(0, 1))
      expect(await store().readAudit({ limit: 10, action: 'pause' })).toEqual(entries.slice(2))
      expect(await store().readAudit({ limit: 10, queue: 'r' })).toEqual([])
    })
    test('counts the jobs that an order changed, in one row however many calls it took', async () => {
      await store().insertJobs(jobs(5))
      const order = anOrder()
      const target = { filter: { queue: 'q' }, limit: 2 }
      while ((await store().cancelJobs(target, order)).next !== null);
      await store().retryJobs({ filter: { name: 'mail.ping' }, limit: 10 }, { order: anOrder() })
      const [job] = (await store().listJobs({ limit: 1, searchLimit: 0 })).jobs
      await store().deleteJobs({ ids: [job?.id ?? ''] }, anOrder())
      expect(
        (await store().readAudit({ limit: 10 })).toSorted((x, y) => x.action.localeCompare(y.action)),
      ).toMatchObject([
        { action: 'cancel', queue: 'q', target: { filter: { queue: 'q' } }, jobs: 5 },
        { action: 'delete', queue: null, target: { ids: [job?.id] }, jobs: 1 },
        { action: 'retry', queue: null, target: { filter: { name: 'mail.ping' } }, jobs: 5 },
      ])
    })
    test('tells how queues were scaled and what nodes were told', async () => {
      const a = await node()
      const done: readonly (() => Promise<unknown>)[] = [
        () => store().changeQueue('q', { scale: { min: 2, max: 20 } }, anOrder({ reason: 'a sale' })),
        () => store().changeQueue('q', { scale: null }, anOrder()),
        () => store().orderNode(a, 'quiet', anOrder({ reason: 'too hot' })),
        () => store().orderNode(a, null, anOrder()),
        () => store().orderNode(a, 'stop', anOrder({ by: 'ben@desk' })),
        () => store().orderNode(randomUUID(), 'stop', anOrder()),
        () => store().orderNode(a, 'quiet'),
      ]
      for (const step of done) {
        await step()
        await fixtureOf().pass(5)
      }
      const [it] = await store().readNodes()
      const target = { node: a, host: it?.host, pid: it?.pid }
      expect(await store().readAudit({ limit: 10 })).toMatchObject([
        { action: 'node-stop', by: 'ben@desk', queue: null, target, jobs: null, reason: null },
        { action: 'node-resume', by: 'ana@desk', target, reason: null },
        { action: 'node-quiet', by: 'ana@desk', target, reason: 'too hot' },
        { action: 'scale', queue: 'q', target: { scale: null } },
        { action: 'scale', queue: 'q', target: { scale: { min: 2, max: 20 } }, jobs: null, reason: 'a sale' },
      ])
    })
    test('writes nothing down that changed nothing, and nothing without an order', async () => {
      await store().cancelJobs({ filter: { queue: 'q' }, limit: 10 }, anOrder())
      await store().changeQueue('q', { isPaused: true })
      expect(await store().readAudit({ limit: 10 })).toEqual([])
    })
    test('keeps what was done for a while', async () => {
      await store().changeQueue('q', { isPaused: true }, anOrder())
      await store().pruneJobs([])
      expect(await store().readAudit({ limit: 10 })).toHaveLength(1)
      expect(AUDIT_KEPT_MS).toBeGreaterThan(0)
    })
  })
}
