/** What every store must do with dead letters: keep what is known of them, group them, hand out notices, retry and prune. */

import { describe, expect } from 'vitest'

import { errorFingerprint } from '../../src/job/fingerprint.ts'
import type { Forensics } from '../../src/job/forensics.ts'
import type { ErrorRecord } from '../../src/job/job.ts'
import type { JobDetails, NodeRegistration, Store } from '../../src/store/store.ts'
import { ackOf, aJob, anId, aNode, aProblem, published } from '../support/store-jobs.ts'
import type { StoreFixture } from './store-conformance.ts'

/** What the suite lends to its parts. */
export interface Surroundings {
  readonly test: (sentence: string, run: () => Promise<void>) => void
  readonly fixture: () => StoreFixture
}

const forensics: Forensics = {
  death: null,
  node: { id: anId(), host: 'h', pid: 1, version: '1', nodeVersion: 'v20', uptimeMs: 5 },
  load: { averages: [1, 2, 3], cpus: 2, loopLagMs: 4 },
  memory: { residentBytes: 1, heapUsedBytes: 2, heapLimitBytes: 3, freeBytes: 4, totalBytes: 5 },
  held: { jobs: 1, handlers: 1, stuck: 0, outbox: 0 },
  queues: [{ queue: 'q', concurrency: 1, running: 1, buffered: 0, demand: 0, depth: 7, depthAgeMs: 100 }],
  recentErrors: [{ id: anId(), attempt: 1, agoMs: 5, name: 'Error', message: 'be\u0000fore' }],
  timing: { waitMs: 1, runMs: null, ageMs: 9 },
}

const other: ErrorRecord = { name: 'TypeError', message: 'quite another' }

/** Declares the tests. */
export function deadLetterConformance({ test, fixture }: Surroundings): void {
  const store = (): Store => fixture().store
  let node: NodeRegistration

  const register = async (parts: Partial<NodeRegistration> = {}): Promise<void> => {
    node = aNode({ jobs: [published('mail.ping'), published('mail.pong')], ...parts })
    await store().registerNode(node)
  }
  /** Lets as many jobs fail for good, one after the other, and answers their ids. */
  const fail = async (
    count: number,
    { error = aProblem, name = 'mail.ping' }: { readonly error?: ErrorRecord; readonly name?: string } = {},
  ): Promise<string[]> => {
    await store().insertJobs(Array.from({ length: count }, () => aJob({ name })))
    const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count }] })
    await store().ackJobs(jobs.map((job) => ackOf(job, { type: 'failed', error, forensics })))
    return jobs.map(({ id }) => id)
  }
  const details = async (id: string): Promise<JobDetails> => {
    const found = await store().readJob(id)
    if (found === null) throw new Error(`job ${id} is not there`)
    return found
  }
  const notices = async (limit = 10, holdMs = 60_000) => store().takeNotices({ node: node.id, limit, holdMs })

  describe('dead letters', () => {
    test('keep the fingerprint of their error and what their node knew', async () => {
      await register()
      const [id = ''] = await fail(1)
      expect((await details(id)).dead).toEqual({ fingerprint: errorFingerprint(aProblem), forensics })
      expect(await store().readDead({ limit: 10, searchLimit: 0 })).toMatchObject({
        dead: [{ job: { id, state: 'failed' }, attempts: [{ attempt: 1, error: aProblem }], dead: { forensics } }],
        next: null,
      })
    })
    test('tell what was found of their process, where a rescue ended them; other jobs have no forensics', async () => {
      await register()
      await store().insertJobs([aJob({ maxAttempts: 1 }), aJob({ maxAttempts: 5 })])
      const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 2 }] })
      const consumer = { startedAt: 1, done: 0, failed: 0, lastJobAt: null, job: jobs[0]?.id ?? null }
      const view = { queue: 'q', concurrency: 2, demand: 0, buffered: [], consumers: [consumer] }
      const snapshot = { state: 'alive', loopLagMs: 3, memoryBytes: 4_096, queues: [view] } as const
      await store().publishSnapshot(node.id, snapshot, true)
      await store().markStarted(jobs)
      const by = anId()
      await store().rescueNode({ node: node.id, by, beatSeq: null, quarantineAfter: 3 })
      const found = await details(jobs[0]?.id ?? '')
      expect(found).toMatchObject({
        job: { state: 'failed' },
        dead: {
          forensics: {
            death: { silentMs: expect.any(Number), crashes: 1, foundBy: by },
            node: { id: node.id, host: node.host, pid: node.pid, version: node.version, nodeVersion: null },
            load: { averages: null, loopLagMs: 3 },
            memory: { residentBytes: 4_096, heapUsedBytes: null },
            held: { jobs: 2, handlers: 1 },
            queues: [{ queue: 'q', running: 1, depth: null }],
            timing: { waitMs: expect.any(Number), runMs: expect.any(Number) },
          },
        },
      })
      expect(found.dead?.fingerprint).toMatch(/^[\da-f]{16}$/)
      const waiting = aJob()
      await store().insertJobs([waiting])
      expect((await details(waiting.id)).dead).toBeNull()
    })
    test('are listed with their attempts, page by page, also those of one fingerprint', async () => {
      await register()
      const alike = await fail(5)
      const different = await fail(2, { error: other })
      const pages: string[][] = []
      let after: string | undefined
      do {
        const page = await store().readDead({
          limit: 2,
          searchLimit: 0,
          after,
          fingerprint: errorFingerprint(aProblem),
        })
        pages.push(page.dead.map(({ job }) => job.id))
        for (const { attempts } of page.dead) expect(attempts).toHaveLength(1)
        after = page.next ?? undefined
      } while (after !== undefined)
      expect(pages.map(({ length }) => length)).toEqual([2, 2, 1])
      expect(pages.flat()).toEqual(alike.sort().reverse())
      const list = await store().listJobs({ limit: 10, searchLimit: 0, fingerprint: errorFingerprint(other) })
      expect(list.jobs.map(({ id }) => id).sort()).toEqual(different.sort())
      expect(
        await store().listJobs({ limit: 10, searchLimit: 0, fingerprint: errorFingerprint(other), states: ['queued'] }),
      ).toMatchObject({ jobs: [], next: null })
      expect(
        (await store().listJobs({ limit: 10, searchLimit: 0, fingerprint: errorFingerprint(other), name: 'no.such' }))
          .jobs,
      ).toEqual([])
    })
  })

  describe('readErrorGroups', () => {
    test('counts dead letters by name and fingerprint, what failed last first', async () => {
      await register()
      const first = await fail(2)
      await fixture().pass(5)
      await fail(1, { name: 'mail.pong' })
      await fixture().pass(5)
      const last = await fail(1, { error: other })
      const times = await Promise.all(first.map(async (id) => (await details(id)).job.endedAt))
      const groups = await store().readErrorGroups({ of: 'dead' })
      const [fingerprint, otherOne] = [errorFingerprint(aProblem), errorFingerprint(other)]
      expect(groups).toMatchObject([
        { name: 'mail.ping', fingerprint: otherOne, count: 1, error: other, lastId: last[0] },
        { name: 'mail.pong', fingerprint, count: 1 },
        { name: 'mail.ping', fingerprint, count: 2, firstAt: times[0], lastAt: times[1] },
      ])
      expect(first).toContain(groups[2]?.lastId)
      expect((await store().readErrorGroups({ of: 'dead', name: 'mail.pong' })).map(({ count }) => count)).toEqual([1])
      expect(await store().readErrorGroups({ of: 'dead', name: 'no.such' })).toEqual([])
    })
    test('leaves out what failed before the time that is asked for', async () => {
      await register()
      await fail(1)
      await fixture().pass(200)
      await fail(2, { error: other })
      expect(await store().readErrorGroups({ of: 'dead', sinceMs: 150 })).toMatchObject([{ count: 2, error: other }])
      expect(await store().readErrorGroups({ of: 'attempts', sinceMs: 150 })).toMatchObject([{ count: 2 }])
      expect(await store().readErrorGroups({ of: 'dead', sinceMs: 1e15 })).toHaveLength(2)
    })
    test('counts every attempt that failed, whatever became of its job, and none that was cancelled or snoozed', async () => {
      await register()
      await store().insertJobs([aJob(), aJob(), aJob(), aJob()])
      const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 4 }] })
      const [a, b, c, d] = jobs
      if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four were stored')
      await store().ackJobs([
        ackOf(a, { type: 'retry', delayMs: 0, error: aProblem }),
        ackOf(b, { type: 'failed', error: aProblem }),
        ackOf(c, { type: 'cancelled', error: { name: 'JobCancelledError', message: 'no need' } }),
        ackOf(d, { type: 'snoozed', delayMs: 0 }, { logs: ['a line'] }),
      ])
      expect(await store().readErrorGroups({ of: 'attempts' })).toMatchObject([
        { name: 'mail.ping', fingerprint: errorFingerprint(aProblem), count: 2, error: aProblem },
      ])
      expect(await store().readErrorGroups({ of: 'dead' })).toMatchObject([{ count: 1, lastId: b.id }])
      // Completed in its second attempt, it has failed once all the same.
      await fixture().pass(5)
      const again = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 2 }] })
      await store().ackJobs(again.jobs.map((job) => ackOf(job)))
      expect(await store().readErrorGroups({ of: 'attempts' })).toMatchObject([{ count: 2 }])
    })
  })

  describe('retryJobs with a spread', () => {
    test('lets jobs become due one after the other', async () => {
      await register()
      await fail(5)
      const filter = { states: ['failed'] as const }
      const first = await store().retryJobs({ filter, limit: 3 }, { spread: { dueInMs: 0, stepMs: 10_000 } })
      expect(first.changed).toHaveLength(3)
      expect(first.next).not.toBeNull()
      const rest = await store().retryJobs(
        { filter, limit: 3, after: first.next ?? undefined },
        { spread: { dueInMs: 30_000, stepMs: 10_000 } },
      )
      expect(rest).toMatchObject({ next: null })
      const { jobs } = await store().listJobs({ limit: 10, searchLimit: 0 })
      expect(jobs.map(({ state }) => state).sort()).toEqual([
        'queued',
        'scheduled',
        'scheduled',
        'scheduled',
        'scheduled',
      ])
      const due = jobs.map(({ dueAt }) => dueAt).sort((a, b) => a - b)
      const steps = due.map((at) => Math.round((at - (due[0] ?? 0)) / 10_000))
      expect(steps).toEqual([0, 1, 2, 3, 4])
      const now = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 10 }] })
      expect(now.jobs).toHaveLength(1)
      expect(now.nextDueInMs).toBeGreaterThan(0)
    })
    test('goes on behind the place where it ended, so that what failed again is left alone', async () => {
      await register()
      await fail(4)
      const filter = { states: ['failed'] as const }
      const first = await store().retryJobs({ filter, limit: 2 })
      const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 2 }] })
      await store().ackJobs(jobs.map((job) => ackOf(job, { type: 'failed', error: aProblem })))
      const rest = await store().retryJobs({ filter, limit: 10, after: first.next ?? undefined })
      expect(rest.changed).toHaveLength(2)
      expect(first.changed.filter((id) => rest.changed.includes(id))).toEqual([])
    })
  })

  describe('notices', () => {
    test('are left by nobody while no node wants them', async () => {
      await register()
      await fail(1)
      expect(await notices()).toEqual([])
    })
    test('are left once for each time that a job fails for good', async () => {
      await register({ isNotifying: true })
      const [id = ''] = await fail(1)
      const [first] = await notices()
      expect(first).toMatchObject({ id, attempt: 1, diedAt: (await details(id)).job.endedAt })
      await store().retryJobs({ ids: [id] })
      await fixture().pass(5)
      const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
      await store().ackJobs(jobs.map((job) => ackOf(job, { type: 'failed', error: aProblem })))
      const [second] = await notices()
      expect(second).toMatchObject({ id, attempt: 1, diedAt: (await details(id)).job.endedAt })
      expect(second?.seq).not.toBe(first?.seq)
    })
    test('are left by a repeated ack once', async () => {
      await register({ isNotifying: true })
      await store().insertJobs([aJob()])
      const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
      const acks = jobs.map((job) => ackOf(job, { type: 'failed', error: aProblem }))
      await store().ackJobs(acks)
      await store().ackJobs(acks)
      expect(await notices()).toHaveLength(1)
    })
    test('are left for what a rescue ends, also when the dead node was the last that wanted them', async () => {
      await register({ isNotifying: true })
      await store().insertJobs([aJob({ maxAttempts: 1 })])
      const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
      await store().markStarted(jobs)
      await store().rescueNode({ node: node.id, beatSeq: null, quarantineAfter: 3 })
      expect(await notices()).toMatchObject([{ id: jobs[0]?.id }])
    })
    test('are handed out to one at a time, and to another when they were held for too long', async () => {
      await register({ isNotifying: true })
      await fail(3)
      const two = await notices(2, 500)
      expect(two).toHaveLength(2)
      const another = fixture().another()
      expect(await another.takeNotices({ node: anId(), limit: 10, holdMs: 60_000 })).toHaveLength(1)
      await fixture().pass(550)
      const again = await notices()
      expect(again.map(({ seq }) => seq)).toEqual(two.map(({ seq }) => seq))
      expect(again.map(({ attempt }) => attempt)).toEqual([2, 2])
      // Whoever was too slow changes nothing.
      await store().endNotices(two.map(({ seq, attempt }) => ({ seq, attempt, again: null })))
      await store().endNotices(again.map(({ seq, attempt }) => ({ seq, attempt, again: { inMs: 0, isCounted: true } })))
      expect((await notices()).map(({ attempt }) => attempt)).toEqual([3, 3])
    })
    test('are handed out to another at once when their node is rescued', async () => {
      await register({ isNotifying: true })
      await fail(2)
      await notices(1)
      const { id } = node
      await register()
      expect(await notices()).toHaveLength(1)
      await store().rescueNode({ node: id, beatSeq: null, quarantineAfter: 3 })
      expect(await notices()).toMatchObject([{ attempt: 2 }])
    })
    test('are ended, put off, and given back with no attempt counted', async () => {
      await register({ isNotifying: true })
      await fail(3)
      const [a, b, c] = await notices()
      if (a === undefined || b === undefined || c === undefined) throw new Error('three were left')
      await store().endNotices([
        { seq: a.seq, attempt: 1, again: null },
        { seq: b.seq, attempt: 1, again: { inMs: 60_000, isCounted: true } },
        { seq: c.seq, attempt: 1, again: { inMs: 0, isCounted: false } },
      ])
      expect(await notices()).toMatchObject([{ seq: c.seq, attempt: 1 }])
    })
    test('go when nobody has taken them for a week', async () => {
      await register({ isNotifying: true })
      await fail(1)
      const never = { completedMs: 1e13, cancelledMs: 1e13, failedMs: 1e13 }
      await store().pruneJobs([{ queue: null, ...never }])
      expect(await notices()).toHaveLength(1)
    })
  })

  describe('pruning what was kept for different times', () => {
    test('takes what is due of each queue and state, in any order of ends, and leaves the rest', async () => {
      await register({ queues: ['q', 'r'] })
      const second = 1_000
      const ended = async (
        queue: string,
        endedAgoMs: number,
      ): Promise<Record<'completed' | 'cancelled' | 'failed', string>> => {
        await store().insertJobs([aJob({ queue }), aJob({ queue }), aJob({ queue })])
        const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue, count: 3 }] })
        const [a, b, c] = jobs
        if (a === undefined || b === undefined || c === undefined) throw new Error('three were stored')
        await store().ackJobs([
          ackOf(a, undefined, { endedAgoMs }),
          ackOf(b, { type: 'cancelled', error: aProblem }, { endedAgoMs }),
          ackOf(c, { type: 'failed', error: aProblem }, { endedAgoMs }),
        ])
        return { completed: a.id, cancelled: b.id, failed: c.id }
      }
      const long = 1e10
      const policies = [
        { queue: 'r', completedMs: long, cancelledMs: 100 * second, failedMs: 300 * second },
        { queue: null, completedMs: 100 * second, cancelledMs: long, failedMs: long },
      ]
      await ended('q', 50 * second)
      await ended('r', 50 * second)
      expect(await store().pruneJobs(policies)).toEqual({ pruned: 0, isDone: true })
      // What ended earlier may be written later.
      const [q, r] = [await ended('q', 150 * second), await ended('r', 150 * second)]
      expect(await store().pruneJobs(policies)).toEqual({ pruned: 2, isDone: true })
      expect(await store().readJob(q.completed)).toBeNull()
      expect(await store().readJob(r.cancelled)).toBeNull()
      const late = [await ended('q', 350 * second), await ended('r', 350 * second)] as const
      expect(await store().pruneJobs(policies)).toEqual({ pruned: 3, isDone: true })
      for (const id of [late[0].completed, late[1].cancelled, late[1].failed]) {
        expect(await store().readJob(id)).toBeNull()
      }
      for (const id of [q.cancelled, q.failed, r.completed, r.failed, late[0].failed, late[1].completed]) {
        expect(await store().readJob(id)).not.toBeNull()
      }
    })
    test('removes thousands of attempts and lines of one job too', async () => {
      await register()
      await store().insertJobs([aJob({ maxAttempts: 100 })])
      const { jobs } = await store().claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
      const [job] = jobs
      if (job === undefined) throw new Error('one was stored')
      const logs = Array.from({ length: 12_000 }, (_, line) => `line ${line}`)
      await store().ackJobs([ackOf(job, { type: 'failed', error: aProblem }, { logs })])
      await fixture().pass(5)
      const policy = { queue: null, completedMs: 0, cancelledMs: 0, failedMs: 0 }
      let rounds = 0
      for (let isDone = false; !isDone && rounds < 10; rounds++) ({ isDone } = await store().pruneJobs([policy]))
      expect(rounds).toBeLessThan(10)
      expect(await store().readJob(job.id)).toBeNull()
      // Nothing of it is left for another job of the same id.
      await store().insertJobs([aJob({ id: job.id })])
      expect((await details(job.id)).attempts).toEqual([])
    })
  })
}
