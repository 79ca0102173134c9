/** What every store must do: one suite for all of them. */

import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ClaimedJob, JobState } from '../../src/job/job.ts'
import {
  BACKLOG_CAP,
  type AttemptEnding,
  type JobTarget,
  type NodeRegistration,
  type PublishedJob,
  type Store,
} from '../../src/store/store.ts'
import { metricsConformance } from './metrics-conformance.ts'
import { ackOf, aJob, anId, aNode, aProblem, jobs, published } from '../support/store-jobs.ts'
import { eventually } from '../support/eventually.ts'
import { breakerConformance } from './breaker-conformance.ts'
import { deadLetterConformance } from './dead-letter-conformance.ts'

/** A new, empty database and ways to it. */
export interface StoreFixture {
  readonly store: Store
  /** One more store on the same database; the fixture closes it. */
  another(options?: { readonly migrate?: boolean }): Store
  /** Answers when the store's clock has gone on by at least so much. */
  pass(ms: number): Promise<void>
  /** Writes text that is no JSON into the row of a stored job, so that a claim cannot read it. */
  breakRow(id: string): Promise<void>
  /** Raises the version of the schema above what this code knows. */
  makeSchemaNewer(): Promise<void>
  /** Runs a script as the database's own shell would. */
  runScript(sql: string): Promise<void>
  /** Opens a transaction of a user on the same database. */
  transaction(): Promise<UserTransaction>
  /** Something that is no transaction on this database. */
  foreignTransaction(): Promise<unknown>
  close(): Promise<void>
}

/** A transaction that the test has open, as a user would. */
export interface UserTransaction {
  readonly tx: unknown
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** A store to be tested. */
export interface StoreConformance {
  readonly name: string
  /** Makes a fixture whose store was not opened yet. */
  readonly open: () => Promise<StoreFixture>
  readonly skip?: readonly { readonly test: string; readonly reason: string }[]
}

/** Declares the tests. */
export function storeConformance({ name, open, skip = [] }: StoreConformance): void {
  const test = (sentence: string, run: () => Promise<void>): void => {
    const reason = skip.find((entry) => entry.test === sentence)?.reason
    // The reason is printed with the test, so that nobody takes it for passed.
    const title = reason === undefined ? sentence : `${sentence} (skipped: ${reason})`
    it(`${title}`, (context) => (reason === undefined ? run() : context.skip(reason)))
  }

  describe(`store contract: ${name}`, () => {
    let fixture: StoreFixture
    let store: Store
    let node: NodeRegistration

    beforeEach(async () => {
      fixture = await open()
      store = fixture.store
      node = aNode()
    })

    afterEach(() => fixture.close())

    const register = async (parts: Partial<NodeRegistration> = {}): Promise<NodeRegistration> => {
      node = aNode(parts)
      await store.registerNode(node)
      return node
    }
    const claim = async (count = 10, queue = 'q', by = node.id): Promise<readonly ClaimedJob[]> =>
      (await store.claimJobs({ node: by, wants: [{ queue, count }] })).jobs
    const claimOne = async (): Promise<ClaimedJob> => {
      const [job] = await claim(1)
      if (job === undefined) throw new Error('there was no job to claim')
      return job
    }
    /** Inserts one job, and claims it with a new node. */
    const heldJob = async (parts: Parameters<typeof aJob>[0] = {}): Promise<ClaimedJob> => {
      await register()
      await store.insertJobs([aJob(parts)])
      return claimOne()
    }
    /** Inserts another job, and claims it with the same node. */
    const heldToo = async (parts: Parameters<typeof aJob>[0] = {}): Promise<ClaimedJob> => {
      await store.insertJobs([aJob(parts)])
      return claimOne()
    }
    const stateOf = async (id: string): Promise<JobState | null> => (await store.readJob(id))?.job.state ?? null
    const record = async (id: string) => {
      const details = await store.readJob(id)
      if (details === null) throw new Error(`job ${id} is not there`)
      return details
    }
    const beatSeq = async (id: string): Promise<number> =>
      (await store.readNodes()).find((entry) => entry.id === id)?.beatSeq ?? -1
    const rescue = async (id = node.id, quarantineAfter = 3) =>
      store.rescueNode({ node: id, beatSeq: await beatSeq(id), quarantineAfter })
    const retry = (delayMs: number): AttemptEnding => ({ type: 'retry', delayMs, error: aProblem })
    const failed: AttemptEnding = { type: 'failed', error: aProblem }
    const cancelled: AttemptEnding = { type: 'cancelled', error: { name: 'JobCancelledError', message: 'no need' } }
    const byIds = (...ids: string[]): JobTarget => ({ ids })

    describe('schema and lifetime', () => {
      test('opens twice without harm', async () => {
        await store.open()
        await store.open()
        expect(await store.readQueues()).toEqual([])
      })
      test('reports the migrations it applied, and none the second time', async () => {
        const report = await store.migrate()
        expect(report.from).toBe(0)
        expect(report.to).toBe(report.applied.length)
        expect(report.applied[0]).toBe('0001_jobs')
        expect(await store.migrate()).toEqual({ from: report.to, to: report.to, applied: [] })
      })
      test('refuses an absent schema when it may not migrate, until it is migrated by hand', async () => {
        const careful = fixture.another({ migrate: false })
        await expect(careful.open()).rejects.toMatchObject({ code: 'ERR_SCHEMA_OLDER' })
        await expect(careful.insertJobs([aJob()])).rejects.toMatchObject({ code: 'ERR_SCHEMA_OLDER' })
        expect((await careful.migrate()).applied).not.toEqual([])
        expect(await careful.insertJobs([aJob()])).toHaveLength(1)
      })
      test('refuses a schema of a newer version and names both versions', async () => {
        const { to } = await store.migrate()
        await fixture.makeSchemaNewer()
        const error = fixture.another().open()
        await expect(error).rejects.toMatchObject({ code: 'ERR_SCHEMA_NEWER' })
        await expect(error).rejects.toThrow(new RegExp(`${to + 1}.*\\b${to}\\b`))
      })
      test('says which migrations are missing, and leaves them missing', async () => {
        const plan = await store.pendingMigrations()
        expect(plan.from).toBe(0)
        expect(plan.pending.map(({ name: step }) => step)[0]).toBe('0001_jobs')
        expect(plan.to).toBe(plan.pending.length)
        expect(await fixture.another().pendingMigrations()).toEqual(plan)
        expect(await store.migrate()).toEqual({
          from: 0,
          to: plan.to,
          applied: plan.pending.map(({ name: step }) => step),
        })
        expect(await store.pendingMigrations()).toEqual({ from: plan.to, to: plan.to, pending: [] })
      })
      test('gives the missing migrations as scripts that leave nothing to do', async () => {
        const { to, pending } = await store.pendingMigrations()
        for (const { sql } of pending) await fixture.runScript(sql)
        const careful = fixture.another({ migrate: false })
        expect(await careful.pendingMigrations()).toEqual({ from: to, to, pending: [] })
        expect(await careful.insertJobs([aJob()])).toHaveLength(1)
        expect(await store.migrate()).toEqual({ from: to, to, applied: [] })
      })
      test('diagnoses a schema that is fit for use', async () => {
        await store.open()
        const findings = await store.diagnose({ isThorough: true })
        expect(findings.filter(({ level }) => level === 'problem')).toEqual([])
        expect(findings).toContainEqual({ check: 'schema', level: 'ok', found: expect.any(String), advice: null })
      })
      test('diagnoses a newer schema, and has no migrations for it', async () => {
        const { to } = await store.migrate()
        await fixture.makeSchemaNewer()
        const another = fixture.another()
        expect(await another.diagnose({ isThorough: false })).toContainEqual({
          check: 'schema',
          level: 'problem',
          found: expect.stringMatching(new RegExp(`${to + 1}.*\\b${to}\\b`)),
          advice: expect.stringContaining('newer millrace'),
        })
        await expect(another.pendingMigrations()).rejects.toMatchObject({ code: 'ERR_SCHEMA_NEWER' })
      })
      test('creates nothing by a diagnosis', async () => {
        // Where there is no database at all, that is the answer.
        await store.diagnose({ isThorough: true }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: 'ERR_STORE_OPEN' })
        })
        expect((await fixture.another().pendingMigrations()).from).toBe(0)
      })
      test('lets several stores create the schema at once', async () => {
        const stores = [store, fixture.another(), fixture.another(), fixture.another()]
        await Promise.all(stores.map((each) => each.insertJobs([aJob()])))
        expect((await store.listJobs({ limit: 10, searchLimit: 0 })).jobs).toHaveLength(4)
      })
      test('refuses every verb after it was closed, and closes twice without harm', async () => {
        await store.open()
        await store.close()
        await store.close()
        await expect(store.readQueues()).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' })
        await expect(store.insertJobs([aJob()])).rejects.toMatchObject({ code: 'ERR_STORE_CLOSED' })
      })
      test('closes without ever having been opened', async () => {
        await expect(store.close()).resolves.toBeUndefined()
      })
    })

    describe('insertJobs', () => {
      test('stores every field of a job', async () => {
        const job = aJob({
          args: { codec: 'devalue', text: '[["Date","2026-01-01"]]' },
          priority: -7,
          maxAttempts: 9,
          backoff: { baseMs: 100, factor: 2.5, maxMs: 10_000 },
          timeoutMs: 1_500,
          key: 'tenant-1',
          tags: ['a', 'b "quoted"'],
          trace: '{"traceparent":"00-1-2-01"}',
        })
        expect(await store.insertJobs([job])).toEqual([{ id: job.id, status: 'created' }])
        const { job: stored, attempts } = await record(job.id)
        expect(stored).toMatchObject({
          id: job.id,
          name: job.name,
          queue: 'q',
          state: 'queued',
          args: job.args,
          key: 'tenant-1',
          tags: job.tags,
          priority: -7,
          attempt: 0,
          maxAttempts: 9,
          crashes: 0,
          result: null,
          error: null,
          progress: null,
          startedAt: null,
          endedAt: null,
          node: null,
          parked: null,
          isCancelRequested: false,
          trace: job.trace,
        })
        expect(stored.dueAt).toBe(stored.createdAt)
        expect(attempts).toEqual([])
        await register()
        expect(await claimOne()).toMatchObject({
          backoff: job.backoff,
          timeoutMs: 1_500,
          tags: job.tags,
          key: 'tenant-1',
          trace: job.trace,
        })
      })
      test('keeps the trace of each job, and one that all of them share', async () => {
        const apart = [aJob({ trace: '{"a":"1"}' }), aJob({ trace: '{"a":"2"}' }), aJob()]
        const alike = jobs(2, { trace: '{"b":"1"}' })
        await store.insertJobs(apart)
        await store.insertJobs(alike)
        await register()
        const { jobs: claimed } = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 5 }] })
        expect(claimed.map(({ trace }) => trace)).toEqual([...apart, ...alike].map(({ trace }) => trace))
        await store.ackJobs(claimed.map((job) => ackOf(job)))
        for (const { id, trace } of [...apart, ...alike]) expect((await record(id)).job.trace).toBe(trace)
      })
      test('answers nothing for nothing', async () => {
        expect(await store.insertJobs([])).toEqual([])
      })
      test('leaves a live job of the same id as it is', async () => {
        const job = aJob()
        await store.insertJobs([job])
        expect(await store.insertJobs([{ ...job, priority: 50 }])).toEqual([{ id: job.id, status: 'duplicate' }])
        expect((await record(job.id)).job.priority).toBe(0)
      })
      test('answers created and duplicate in the order of the request, also within one', async () => {
        const job = aJob()
        const other = aJob()
        const answer = await store.insertJobs([job, other, job])
        expect(answer.map(({ status }) => status)).toEqual(['created', 'created', 'duplicate'])
      })
      for (const ending of ['completed', 'cancelled', 'failed'] as const) {
        test(`knows a chosen id among the ${ending} jobs`, async () => {
          const held = await heldJob()
          const how: AttemptEnding =
            ending === 'completed'
              ? { type: 'completed', result: null, error: null }
              : ending === 'failed'
                ? failed
                : cancelled
          await store.ackJobs([ackOf(held, how)])
          const again = aJob({ id: held.id, isIdChosen: true })
          expect(await store.insertJobs([again])).toEqual([{ id: held.id, status: 'duplicate' }])
          expect(await stateOf(held.id)).toBe(ending)
        })
      }
      test('lets an id that nobody chose live again after its job has ended, through to its end', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held)])
        expect((await store.insertJobs([aJob({ id: held.id })]))[0]?.status).toBe('created')
        const again = await claimOne()
        expect((await store.ackJobs([ackOf(again)])).stale).toEqual([])
        expect(await stateOf(held.id)).toBe('completed')
      })
      test('schedules a delayed job for later by its own clock', async () => {
        const job = aJob({ due: { delayMs: 60_000 } })
        await store.insertJobs([job])
        const { job: stored } = await record(job.id)
        expect(stored.state).toBe('scheduled')
        expect(stored.dueAt - stored.createdAt).toBe(60_000)
      })
      test('schedules a job for a given time, and takes a time that has passed for now', async () => {
        const later = aJob({ due: { at: 7_000_000_000_000 } })
        const past = aJob({ due: { at: 1_000 } })
        await store.insertJobs([later, past])
        expect((await record(later.id)).job).toMatchObject({ state: 'scheduled', dueAt: 7_000_000_000_000 })
        const { job } = await record(past.id)
        expect(job).toMatchObject({ state: 'queued', dueAt: job.createdAt })
      })
    })

    describe('claimJobs', () => {
      test('counts the attempt, stamps one lease on the whole claim, and a new one on the next', async () => {
        await register()
        await store.insertJobs(jobs(4))
        const first = await claim(2)
        const second = await claim(2)
        expect(first.map(({ attempt }) => attempt)).toEqual([1, 1])
        expect(new Set(first.map(({ lease }) => lease)).size).toBe(1)
        expect(first[0]?.lease).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4/)
        expect(second[0]?.lease).not.toBe(first[0]?.lease)
        const { job, attempts } = await record(first[0]?.id ?? '')
        expect(job).toMatchObject({ state: 'running', attempt: 1, node: node.id, startedAt: null })
        expect(attempts).toMatchObject([{ attempt: 1, node: node.id, startedAt: null, endedAt: null, error: null }])
      })
      test('takes the lowest priority number first, then the order of insertion', async () => {
        await register()
        const [a, b, c, d] = [aJob({ priority: 5 }), aJob(), aJob(), aJob({ priority: -5 })]
        await store.insertJobs([a, b, c, d])
        expect((await claim(4)).map(({ id }) => id)).toEqual([d.id, b.id, c.id, a.id])
      })
      test('takes jobs of one priority in the order in which they became due', async () => {
        await register()
        const late = aJob({ due: { delayMs: 40 } })
        const early = aJob({ due: { delayMs: 20 } })
        await store.insertJobs([late, early])
        await fixture.pass(50)
        expect((await claim(2)).map(({ id }) => id)).toEqual([early.id, late.id])
      })
      test('never takes more than asked, and calls no search unfinished that gave all or came to its end', async () => {
        await register()
        await store.insertJobs(jobs(5))
        const some = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 3 }] })
        expect(some.jobs).toHaveLength(3)
        expect(some.unfinished).toEqual([])
        const rest = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 3 }] })
        expect(rest.jobs).toHaveLength(2)
        expect(rest.unfinished).toEqual([])
      })
      test('gives each queue what was asked for it, however many jobs another has', async () => {
        await register({ queues: ['big', 'small'] })
        await store.insertJobs([...jobs(20, { queue: 'big', priority: -9 }), ...jobs(2, { queue: 'small' })])
        const { jobs: got } = await store.claimJobs({
          node: node.id,
          wants: [
            { queue: 'big', count: 3 },
            { queue: 'small', count: 3 },
          ],
        })
        expect(got.filter(({ queue }) => queue === 'big')).toHaveLength(3)
        expect(got.filter(({ queue }) => queue === 'small')).toHaveLength(2)
      })
      test('never gives one job to two claims, also through two stores at once', async () => {
        await register()
        const other = fixture.another()
        const otherNode = aNode()
        await other.registerNode(otherNode)
        await store.insertJobs(jobs(100))
        const claims: Promise<readonly ClaimedJob[]>[] = []
        for (let round = 0; round < 10; round++) {
          claims.push(claim(7))
          claims.push(
            other.claimJobs({ node: otherNode.id, wants: [{ queue: 'q', count: 7 }] }).then(({ jobs: got }) => got),
          )
        }
        const ids = (await Promise.all(claims)).flat().map(({ id }) => id)
        expect(ids).toHaveLength(100)
        expect(new Set(ids).size).toBe(100)
      })
      test('takes nothing from a paused queue until it goes on', async () => {
        await register()
        await store.insertJobs([aJob()])
        await store.changeQueue('q', { isPaused: true })
        expect(await claim()).toEqual([])
        await store.changeQueue('q', {})
        expect(await claim()).toEqual([])
        await store.changeQueue('q', { isPaused: false })
        expect(await claim()).toHaveLength(1)
      })
      test('promotes jobs that have become due, and tells when the next one will', async () => {
        await register()
        await store.insertJobs([aJob({ due: { delayMs: 300 } }), aJob({ due: { delayMs: 90_000 } })])
        const before = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 5 }] })
        expect(before.jobs).toEqual([])
        expect(before.nextDueInMs).toBeGreaterThan(0)
        expect(before.nextDueInMs).toBeLessThanOrEqual(300)
        await fixture.pass(310)
        const after = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 5 }] })
        expect(after.jobs).toHaveLength(1)
        expect(after.nextDueInMs).toBeGreaterThan(60_000)
      })
      test('tells nothing about the next due job when none is scheduled in the asked queues', async () => {
        await register()
        await store.insertJobs([aJob({ queue: 'elsewhere', due: { delayMs: 1_000 } })])
        expect(await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })).toMatchObject({
          jobs: [],
          broken: [],
          nextDueInMs: null,
          unfinished: [],
          isFenced: false,
        })
      })
      test('advises to look again after a while, or leaves it to the caller', async () => {
        await register()
        const { lookAgainInMs } = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
        expect(lookAgainInMs ?? 1_000).toBeGreaterThanOrEqual(1)
        expect(lookAgainInMs ?? 1_000).toBeLessThanOrEqual(60_000)
      })
      test('gives nothing to a node that is unknown, retired or declared dead', async () => {
        await store.insertJobs([aJob()])
        const fenced = { jobs: [], broken: [], nextDueInMs: null, unfinished: [], isFenced: true }
        const ask = (id: string) => store.claimJobs({ node: id, wants: [{ queue: 'q', count: 1 }] })
        expect(await ask(randomUUID())).toMatchObject(fenced)
        await register()
        await store.retireNode(node.id)
        expect(await ask(node.id)).toMatchObject(fenced)
        await register()
        await rescue()
        expect(await ask(node.id)).toMatchObject(fenced)
      })
      test('parks a job that nobody alive can run, and unparks it when a node comes that can', async () => {
        await register()
        const job = aJob({ name: 'new.job' })
        const known = aJob()
        await store.insertJobs([job, known])
        expect((await claim()).map(({ id }) => id)).toEqual([known.id])
        expect((await record(job.id)).job).toMatchObject({ state: 'queued', parked: 'no-worker' })
        const knower = aNode({ jobs: [published('new.job')] })
        await store.registerNode(knower)
        expect((await record(job.id)).job.parked).toBeNull()
        expect((await claim(5, 'q', knower.id)).map(({ id }) => id)).toEqual([job.id])
      })
      test('leaves a job to another live node of the queue that can run it', async () => {
        await register()
        const knower = aNode({ jobs: [published('new.job')] })
        await store.registerNode(knower)
        const job = aJob({ name: 'new.job' })
        await store.insertJobs([job, aJob()])
        expect(await claim()).toHaveLength(1)
        expect((await record(job.id)).job.parked).toBeNull()
        expect(await claim(5, 'q', knower.id)).toHaveLength(1)
      })
      test('does not count a node of another queue as one that can run the job', async () => {
        await register()
        await store.registerNode(aNode({ queues: ['elsewhere'], jobs: [published('new.job')] }))
        const job = aJob({ name: 'new.job' })
        await store.insertJobs([job])
        await claim()
        expect((await record(job.id)).job.parked).toBe('no-worker')
      })
      test('reaches its jobs behind thousands that only others can run or nobody can', async () => {
        await register()
        await store.registerNode(aNode({ jobs: [published('foreign.job')] }))
        await store.insertJobs([...jobs(3_000, { name: 'foreign.job' }), ...jobs(3_000, { name: 'nobodys.job' })])
        await store.insertJobs([aJob()])
        let got: readonly ClaimedJob[] = []
        for (let round = 0; round < 10 && got.length === 0; round++) {
          const answer = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
          got = answer.jobs
          if (got.length === 0) expect(answer.unfinished).toEqual(['q'])
          else expect(answer.unfinished).toEqual([])
        }
        expect(got).toHaveLength(1)
      })
      test('comes to the end of a search however many jobs of others there are, and then begins anew', async () => {
        await register()
        await store.registerNode(aNode({ jobs: [published('foreign.job')] }))
        await store.insertJobs(jobs(5_000, { name: 'foreign.job' }))
        const search = async (): Promise<void> => {
          for (let round = 0; round < 10; round++) {
            const answer = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
            expect(answer.jobs).toEqual([])
            if (answer.unfinished.length === 0) return
          }
          throw new Error('the search did not come to its end')
        }
        await search()
        await search()
        const first = aJob({ priority: -1 })
        await store.insertJobs([first])
        expect((await claim(1)).map(({ id }) => id)).toEqual([first.id])
      })
      test('calls a search unfinished in the queue alone in which it ended at its bound', async () => {
        await register({ queues: ['idle', 'late', 'full', 'crowded'] })
        await store.registerNode(aNode({ queues: ['crowded'], jobs: [published('foreign.job')] }))
        await store.insertJobs([
          ...jobs(2_500, { queue: 'late', name: 'nobodys.job', due: { delayMs: 5 } }),
          ...jobs(2_500, { queue: 'full', due: { delayMs: 5 } }),
          ...jobs(5_000, { queue: 'crowded', name: 'foreign.job' }),
        ])
        await fixture.pass(10)
        const ask = () =>
          store.claimJobs({
            node: node.id,
            wants: ['idle', 'late', 'full', 'crowded'].map((queue) => ({ queue, count: 2 })),
          })
        const answer = await ask()
        expect(answer.jobs.map(({ queue }) => queue)).toEqual(['full', 'full'])
        expect(answer.unfinished).toEqual(['late', 'crowded'])
        let last = answer
        for (let round = 0; round < 10 && last.unfinished.length > 0; round++) last = await ask()
        expect(last.unfinished).toEqual([])
      })
      test('ends a row that cannot be read as failed, and claims the others', async () => {
        await register()
        const [bad, good] = [aJob({ tags: ['x'] }), aJob()]
        await store.insertJobs([bad, good])
        await fixture.breakRow(bad.id)
        const answer = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
        expect(answer.jobs.map(({ id }) => id)).toEqual([good.id])
        expect(answer.broken).toMatchObject([{ id: bad.id, queue: 'q', error: { code: 'ERR_ROW_BROKEN' } }])
        expect((await record(bad.id)).job).toMatchObject({
          state: 'failed',
          args: bad.args,
          error: { code: 'ERR_ROW_BROKEN' },
        })
      })
    })

    describe('running jobs', () => {
      test('writes down once when a job was started', async () => {
        const held = await heldJob()
        expect(await store.markStarted([held])).toEqual({ stale: [] })
        const { startedAt } = (await record(held.id)).job
        expect(startedAt).not.toBeNull()
        await fixture.pass(5)
        await store.markStarted([held])
        expect((await record(held.id)).job.startedAt).toBe(startedAt)
      })
      test('stores progress and log lines with the attempt that runs', async () => {
        const held = await heldJob()
        await store.recordProgress([{ ...held, progress: 0.5, logs: ['one'] }])
        await store.recordProgress([{ ...held, progress: null, logs: ['two', 'three'] }])
        const { job, attempts } = await record(held.id)
        expect(job.progress).toBe(0.5)
        expect(attempts.at(-1)).toMatchObject({ attempt: 1, logs: ['one', 'two', 'three'] })
      })
      test('refuses a mark, news and a give-back under a stale lease, and changes nothing', async () => {
        const held = await heldJob()
        const stale = { ...held, lease: randomUUID() }
        expect(await store.markStarted([stale])).toEqual({ stale: [held.id] })
        expect(await store.recordProgress([{ ...stale, progress: 1, logs: ['x'] }])).toEqual({ stale: [held.id] })
        expect(await store.giveBackJobs([stale])).toEqual({ stale: [held.id] })
        const { job, attempts } = await record(held.id)
        expect(job).toMatchObject({ state: 'running', startedAt: null, progress: null })
        expect(attempts).toMatchObject([{ logs: [] }])
      })
      test('reports only the stale ones of a batch', async () => {
        await register()
        await store.insertJobs(jobs(2))
        const [a, b] = await claim(2)
        if (a === undefined || b === undefined) throw new Error('two jobs were stored')
        expect(await store.markStarted([a, { ...b, lease: randomUUID() }])).toEqual({ stale: [b.id] })
      })
    })

    describe('ackJobs', () => {
      test('keeps the result of a completed job with its times', async () => {
        const held = await heldJob()
        const ending: AttemptEnding = { type: 'completed', result: { codec: 'json', text: '{"a":1}' }, error: null }
        expect(
          await store.ackJobs([ackOf(held, ending, { runMs: 40, endedAgoMs: 3, progress: 1, logs: ['done'] })]),
        ).toEqual({
          stale: [],
          cancelled: [],
        })
        const { job, attempts } = await record(held.id)
        expect(job).toMatchObject({
          state: 'completed',
          result: ending.result,
          error: null,
          attempt: 1,
          progress: 1,
          node: node.id,
        })
        expect((job.endedAt ?? 0) - (job.startedAt ?? 0)).toBe(40)
        expect(attempts).toMatchObject([
          { attempt: 1, node: node.id, error: null, logs: ['done'], endedAt: job.endedAt },
        ])
      })
      test('keeps why a result could not be kept', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, { type: 'completed', result: null, error: aProblem })])
        expect((await record(held.id)).job).toMatchObject({ state: 'completed', result: null, error: aProblem })
      })
      test('ends the others of a batch when the lease of one no longer holds, and counts each once', async () => {
        await register()
        await store.insertJobs(jobs(4))
        const held = await claim(4)
        const [given, twice, ...others] = held
        if (given === undefined || twice === undefined) throw new Error('four jobs were stored')
        await store.giveBackJobs([given])
        // As an operator or a rescuer may do between the claim and the ack.
        const again = await claimOne()
        const text = JSON.stringify(['"', '\u{1F600}', '\n'])
        const ending: AttemptEnding = { type: 'completed', result: { codec: 'json', text }, error: null }
        const acks = [given, twice, twice, ...others].map((job) => ackOf(job, ending, { runMs: 40 }))
        expect(await store.ackJobs(acks)).toEqual({ stale: [given.id], cancelled: [] })
        for (const { id } of [twice, ...others]) {
          const { job } = await record(id)
          expect(job).toMatchObject({ state: 'completed', result: ending.result, attempt: 1 })
          expect((job.endedAt ?? 0) - (job.startedAt ?? 0)).toBe(40)
        }
        expect((await record(given.id)).job.state).toBe('running')
        expect(await store.ackJobs([ackOf(again)])).toEqual({ stale: [], cancelled: [] })
        const [queue] = await store.readQueues()
        expect(queue?.endedLastMinute).toBe(4)
      })
      test('leaves no record of a completed or cancelled job that is not to be kept', async () => {
        await register()
        await store.insertJobs(jobs(2))
        const [a, b] = await claim(2)
        if (a === undefined || b === undefined) throw new Error('two jobs were stored')
        await store.ackJobs([
          ackOf(a, undefined, { isKept: false, logs: ['x'] }),
          ackOf(b, cancelled, { isKept: false }),
        ])
        expect(await store.readJob(a.id)).toBeNull()
        expect(await store.readJob(b.id)).toBeNull()
      })
      test('leaves no attempts and logs of a job that is not kept', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, retry(0), { logs: ['first'] })])
        await store.ackJobs([ackOf(await claimOne(), undefined, { isKept: false, logs: ['second'] })])
        await store.insertJobs([aJob({ id: held.id })])
        expect((await record(held.id)).attempts).toEqual([])
      })
      test('always keeps a failed job, with its error and attempts', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, failed, { isKept: false, logs: ['why'] })])
        const { job, attempts } = await record(held.id)
        expect(job).toMatchObject({ state: 'failed', error: aProblem, attempt: 1, node: node.id })
        expect(job.endedAt).not.toBeNull()
        expect(attempts).toMatchObject([{ attempt: 1, error: aProblem, logs: ['why'] }])
      })
      test('schedules a retry after its delay, with the attempt charged and its error kept', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, retry(300))])
        const { job, attempts } = await record(held.id)
        expect(job).toMatchObject({ state: 'scheduled', attempt: 1, error: aProblem, node: null })
        expect(attempts).toMatchObject([{ attempt: 1, error: aProblem }])
        expect(await claim()).toEqual([])
        await fixture.pass(310)
        expect(await claimOne()).toMatchObject({ id: held.id, attempt: 2 })
        expect((await record(held.id)).attempts.map(({ attempt }) => attempt)).toEqual([1, 2])
      })
      test('takes a retry without a delay at the next claim', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, retry(0))])
        expect(await claimOne()).toMatchObject({ id: held.id, attempt: 2 })
      })
      test('snoozes without charging the attempt', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, { type: 'snoozed', delayMs: 30 })])
        expect((await record(held.id)).job).toMatchObject({ state: 'scheduled', attempt: 0, error: null })
        await fixture.pass(40)
        expect(await claimOne()).toMatchObject({ id: held.id, attempt: 1 })
      })
      test('keeps a cancelled job with its error', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, cancelled)])
        expect((await record(held.id)).job).toMatchObject({ state: 'cancelled', error: { message: 'no need' } })
      })
      for (const ending of [retry(0), { type: 'snoozed', delayMs: 0 }] satisfies AttemptEnding[]) {
        test(`cancels instead of ${ending.type} when a stop was asked for meanwhile`, async () => {
          const held = await heldJob()
          await store.cancelJobs(byIds(held.id))
          expect(await store.ackJobs([ackOf(held, ending)])).toEqual({ stale: [], cancelled: [held.id] })
          expect((await record(held.id)).job).toMatchObject({
            state: 'cancelled',
            error: { name: 'JobCancelledError' },
          })
        })
      }
      test('lets a job complete or fail although its stop was asked for', async () => {
        await register()
        await store.insertJobs(jobs(2))
        const [a, b] = await claim(2)
        if (a === undefined || b === undefined) throw new Error('two jobs were stored')
        await store.cancelJobs(byIds(a.id, b.id))
        expect(await store.ackJobs([ackOf(a), ackOf(b, failed)])).toEqual({ stale: [], cancelled: [] })
        expect([await stateOf(a.id), await stateOf(b.id)]).toEqual(['completed', 'failed'])
      })
      const endings: readonly AttemptEnding[] = [
        { type: 'completed', result: null, error: null },
        retry(0),
        { type: 'snoozed', delayMs: 0 },
        cancelled,
        failed,
      ]
      for (const ending of endings) {
        test(`refuses a stale ack of kind ${ending.type}, and the job stays as it is`, async () => {
          const held = await heldJob()
          const stale = ackOf({ ...held, lease: randomUUID() }, ending, { logs: ['x'] })
          expect(await store.ackJobs([stale])).toEqual({ stale: [held.id], cancelled: [] })
          expect((await record(held.id)).job).toMatchObject({ state: 'running', attempt: 1, node: node.id })
          expect((await record(held.id)).attempts).toMatchObject([{ logs: [] }])
        })
        test(`refuses an ack of kind ${ending.type} of an attempt that was given back and claimed again`, async () => {
          const held = await heldJob()
          await store.giveBackJobs([held])
          expect((await store.ackJobs([ackOf(held, ending)])).stale).toEqual([held.id])
          const newer = await claimOne()
          expect((await store.ackJobs([ackOf(held, ending)])).stale).toEqual([held.id])
          expect((await store.ackJobs([ackOf(newer)])).stale).toEqual([])
          expect((await store.ackJobs([ackOf(held, ending)])).stale).toEqual([held.id])
          expect(await stateOf(held.id)).toBe('completed')
        })
        test(`recognises an ack of kind ${ending.type} that comes twice`, async () => {
          const held = await heldJob()
          await store.ackJobs([ackOf(held, ending)])
          const before = await record(held.id)
          expect(await store.ackJobs([ackOf(held, ending)])).toEqual({ stale: [], cancelled: [] })
          expect(await record(held.id)).toEqual(before)
        })
      }
      test('recognises an ack that comes twice only until the job is claimed again, also when that claim ends unrun', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, retry(0))])
        const newer = await claimOne()
        expect((await store.ackJobs([ackOf(held, retry(0))])).stale).toEqual([held.id])
        await store.giveBackJobs([newer])
        expect((await store.ackJobs([ackOf(held, retry(0))])).stale).toEqual([held.id])
        await claimOne()
        await rescue()
        expect((await store.ackJobs([ackOf(held, retry(0))])).stale).toEqual([held.id])
        expect((await record(held.id)).job).toMatchObject({ state: 'queued', attempt: 1 })
      })
      test('refuses another ending under a lease that has ended the job already', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held)])
        expect((await store.ackJobs([ackOf(held, failed)])).stale).toEqual([held.id])
        expect((await store.ackJobs([ackOf(held, retry(0))])).stale).toEqual([held.id])
        expect(await stateOf(held.id)).toBe('completed')
      })
      test('applies the good acks of a batch that has stale ones', async () => {
        await register()
        await store.insertJobs(jobs(3))
        const held = await claim(3)
        const acks = held.map((job, index) => ackOf(index === 1 ? { ...job, lease: randomUUID() } : job))
        expect((await store.ackJobs(acks)).stale).toEqual([held[1]?.id])
        expect(await Promise.all(held.map(({ id }) => stateOf(id)))).toEqual(['completed', 'running', 'completed'])
      })
      test('reports an unknown job as stale', async () => {
        const id = anId()
        expect((await store.ackJobs([ackOf({ id, lease: randomUUID(), attempt: 1 })])).stale).toEqual([id])
      })
      test('ends a job whatever the texts about it hold', async () => {
        const nasty = 'NUL \0, lone \ud800 and \udfff, quote \' " \\, emoji \u{1F600}, line\nend, \u2028'
        const held = await heldJob({ key: nasty, tags: [nasty], queue: 'q' })
        await store.recordProgress([{ ...held, progress: 0.1, logs: [nasty] }])
        const error = { name: nasty, message: nasty, stack: nasty, code: nasty, cause: { name: nasty, message: nasty } }
        expect((await store.ackJobs([ackOf(held, { type: 'failed', error }, { logs: [nasty, ''] })])).stale).toEqual([])
        const { job, attempts } = await record(held.id)
        expect(job.state).toBe('failed')
        expect(job.error?.message).toContain('emoji \u{1F600}, line\nend')
        expect(attempts[0]?.logs).toHaveLength(3)
        expect(attempts[0]?.logs[0]).toContain('line\nend, \u2028')
      })
    })

    describe('ackInTransaction', () => {
      test('ends the job when the user commits, and not before', async () => {
        const held = await heldJob()
        const user = await fixture.transaction()
        const ending: AttemptEnding = { type: 'completed', result: { codec: 'json', text: '1' }, error: null }
        expect(await store.ackInTransaction(user.tx, ackOf(held, ending))).toBe(true)
        expect(await stateOf(held.id)).toBe('running')
        await user.commit()
        expect((await record(held.id)).job).toMatchObject({ state: 'completed', result: ending.result })
      })
      test('leaves the job running when the user rolls back', async () => {
        const held = await heldJob()
        const user = await fixture.transaction()
        await store.ackInTransaction(user.tx, ackOf(held))
        await user.rollback()
        expect(await stateOf(held.id)).toBe('running')
        expect((await store.ackJobs([ackOf(held)])).stale).toEqual([])
      })
      test('answers false for a stale lease, having changed nothing', async () => {
        const held = await heldJob()
        const user = await fixture.transaction()
        expect(await store.ackInTransaction(user.tx, ackOf({ ...held, lease: randomUUID() }))).toBe(false)
        await user.commit()
        expect(await stateOf(held.id)).toBe('running')
      })
      test('refuses what is no transaction on this database', async () => {
        const held = await heldJob()
        for (const tx of [null, 7, {}, await fixture.foreignTransaction()]) {
          await expect(store.ackInTransaction(tx, ackOf(held))).rejects.toMatchObject({ code: 'ERR_TX_FOREIGN' })
        }
      })
    })

    describe('insertInTransaction', () => {
      test('stores jobs when the user commits, and not before', async () => {
        await store.open()
        const [first, second] = [aJob(), aJob({ due: { delayMs: 60_000 }, tags: ['a', 'b'] })]
        const user = await fixture.transaction()
        expect(await store.insertInTransaction(user.tx, [first, second])).toEqual([
          { id: first.id, status: 'created' },
          { id: second.id, status: 'created' },
        ])
        expect(await stateOf(first.id)).toBeNull()
        await user.commit()
        expect(await stateOf(first.id)).toBe('queued')
        expect((await record(second.id)).job).toMatchObject({ state: 'scheduled', tags: ['a', 'b'] })
        await register()
        expect((await claim()).map(({ id }) => id)).toEqual([first.id])
      })
      test('stores nothing when the user rolls back', async () => {
        await store.open()
        const [first, later] = [aJob(), aJob()]
        const user = await fixture.transaction()
        await store.insertInTransaction(user.tx, [first])
        await user.rollback()
        expect(await stateOf(first.id)).toBeNull()
        expect(await store.insertJobs([first, later])).toMatchObject([{ status: 'created' }, { status: 'created' }])
      })
      test('works before there is a schema', async () => {
        const [first, second] = [aJob(), aJob()]
        const undone = await fixture.transaction()
        await store.insertInTransaction(undone.tx, [first])
        await undone.rollback()
        const user = await fixture.transaction()
        await store.insertInTransaction(user.tx, [second])
        await user.commit()
        expect(await stateOf(first.id)).toBeNull()
        expect(await stateOf(second.id)).toBe('queued')
      })
      test('answers duplicate for an id in use, also within the transaction and for ended jobs', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held)])
        const job = aJob({ isIdChosen: true })
        const user = await fixture.transaction()
        expect(await store.insertInTransaction(user.tx, [job])).toMatchObject([{ status: 'created' }])
        const again = [job, aJob({ id: held.id, isIdChosen: true })]
        expect(await store.insertInTransaction(user.tx, again)).toMatchObject([
          { status: 'duplicate' },
          { status: 'duplicate' },
        ])
        await user.commit()
      })
      test('stores many jobs and none', async () => {
        await store.open()
        const user = await fixture.transaction()
        expect(await store.insertInTransaction(user.tx, [])).toEqual([])
        const many = jobs(1_200)
        expect(await store.insertInTransaction(user.tx, many)).toHaveLength(1_200)
        await user.commit()
        expect(await store.readQueues()).toMatchObject([{ name: 'q', depth: 1_200 }])
      })
      test('shares a transaction with acks', async () => {
        const held = await heldJob()
        const next = aJob()
        const user = await fixture.transaction()
        await store.insertInTransaction(user.tx, [next])
        expect(await store.ackInTransaction(user.tx, ackOf(held))).toBe(true)
        await user.commit()
        expect([await stateOf(held.id), await stateOf(next.id)]).toEqual(['completed', 'queued'])
      })
      test('refuses what is no transaction on this database', async () => {
        await store.open()
        for (const tx of [null, 7, {}, await fixture.foreignTransaction()]) {
          await expect(store.insertInTransaction(tx, [aJob()])).rejects.toMatchObject({ code: 'ERR_TX_FOREIGN' })
        }
        expect(await store.readQueues()).toEqual([])
      })
    })

    describe('giveBackJobs', () => {
      test('queues jobs at their old place without charging the attempt', async () => {
        await register()
        const [first, second] = [aJob(), aJob()]
        await store.insertJobs([first, second])
        const held = await claimOne()
        await fixture.pass(5)
        expect(await store.giveBackJobs([held])).toEqual({ stale: [] })
        expect((await record(first.id)).job).toMatchObject({ state: 'queued', attempt: 0, node: null, startedAt: null })
        expect((await claim(2)).map(({ id }) => id)).toEqual([first.id, second.id])
      })
      test('cancels a job whose stop was asked for meanwhile', async () => {
        const held = await heldJob()
        await store.cancelJobs(byIds(held.id))
        expect(await store.giveBackJobs([held])).toEqual({ stale: [] })
        expect(await stateOf(held.id)).toBe('cancelled')
      })
    })

    describe('looking', () => {
      test('answers null for a job that is not there', async () => {
        expect(await store.readJob(anId())).toBeNull()
      })
      test('lists all states together, newest id first, in pages', async () => {
        await register()
        const all = jobs(9)
        await store.insertJobs(all)
        const [a, b, c] = await claim(4)
        if (a === undefined || b === undefined || c === undefined) throw new Error('nine jobs were stored')
        await store.ackJobs([ackOf(a), ackOf(b, failed), ackOf(c, retry(60_000))])
        const ids: string[] = []
        let after: string | undefined
        do {
          const page = await store.listJobs({ limit: 4, searchLimit: 0, after })
          expect(page.jobs.length).toBeLessThanOrEqual(4)
          ids.push(...page.jobs.map(({ id }) => id))
          after = page.next ?? undefined
        } while (after !== undefined)
        expect(ids).toEqual(all.map(({ id }) => id).reverse())
      })
      test('lists by state, queue, name, key and tag, all of which must hold', async () => {
        await register()
        const wanted = aJob({ queue: 'x', name: 'a.b', key: 'k', tags: ['t', 'u'] })
        await store.insertJobs([
          wanted,
          { ...wanted, id: anId(), queue: 'y' },
          { ...wanted, id: anId(), name: 'a.c' },
          { ...wanted, id: anId(), key: null },
          { ...wanted, id: anId(), tags: ['u'] },
          { ...wanted, id: anId(), due: { delayMs: 60_000 } },
        ])
        const query = {
          states: ['queued'],
          queue: 'x',
          name: 'a.b',
          key: 'k',
          tag: 't',
          limit: 10,
          searchLimit: 0,
        } as const
        expect((await store.listJobs(query)).jobs.map(({ id }) => id)).toEqual([wanted.id])
        expect((await store.listJobs({ tag: 'u', limit: 10, searchLimit: 0 })).jobs).toHaveLength(6)
        expect((await store.listJobs({ states: ['scheduled'], limit: 10, searchLimit: 0 })).jobs).toHaveLength(1)
        expect((await store.listJobs({ states: [], limit: 10, searchLimit: 0 })).jobs).toEqual([])
      })
      test('lists each state alone', async () => {
        await register()
        await store.insertJobs(jobs(5))
        const [a, b, c] = await claim(4)
        if (a === undefined || b === undefined || c === undefined) throw new Error('five jobs were stored')
        await store.ackJobs([ackOf(a), ackOf(b, failed), ackOf(c, cancelled)])
        const found: Record<string, number> = {}
        for (const state of ['queued', 'running', 'completed', 'failed', 'cancelled', 'scheduled'] as const) {
          const page = await store.listJobs({ states: [state], limit: 10, searchLimit: 0 })
          expect(page.jobs.every((job) => job.state === state)).toBe(true)
          found[state] = page.jobs.length
        }
        expect(found).toEqual({ queued: 1, running: 1, completed: 1, failed: 1, cancelled: 1, scheduled: 0 })
      })
      test('searches the args case-insensitively and says that it looked at all', async () => {
        const wanted = aJob({ args: { codec: 'json', text: '["Größe 42"]' } })
        await store.insertJobs([wanted, ...jobs(5)])
        const page = await store.listJobs({ search: 'GRÖSSE'.replace('SS', 'ß'), limit: 10, searchLimit: 100 })
        expect(page.jobs.map(({ id }) => id)).toEqual([wanted.id])
        expect(page.searched).toEqual({ jobs: 6, isComplete: true })
        expect(page.next).toBeNull()
      })
      test('stops a search at its bound, and goes on from there', async () => {
        const wanted = aJob({ args: { codec: 'json', text: '["needle"]' } })
        await store.insertJobs([wanted, ...jobs(20)])
        const page = await store.listJobs({ search: 'needle', limit: 10, searchLimit: 8 })
        expect(page.jobs).toEqual([])
        expect(page.searched).toEqual({ jobs: 8, isComplete: false })
        expect(page.next).not.toBeNull()
        const rest = await store.listJobs({
          search: 'needle',
          limit: 10,
          searchLimit: 100,
          after: page.next ?? undefined,
        })
        expect(rest.jobs.map(({ id }) => id)).toEqual([wanted.id])
        expect(rest.searched).toEqual({ jobs: 13, isComplete: true })
      })
      test('answers how jobs ended, in the order of the question', async () => {
        await register()
        await store.insertJobs(jobs(4))
        const [a, b, c, d] = await claim(4)
        if (a === undefined || b === undefined || c === undefined || d === undefined)
          throw new Error('four were stored')
        const result = { codec: 'json', text: '"ok"' } as const
        await store.ackJobs([
          ackOf(a, { type: 'completed', result, error: null }),
          ackOf(b, failed),
          ackOf(c, cancelled),
        ])
        const unknown = anId()
        expect(await store.readEndings([unknown, d.id, c.id, b.id, a.id])).toEqual([
          { id: unknown, state: 'unknown' },
          { id: d.id, state: 'live' },
          { id: c.id, state: 'cancelled', error: cancelled.error },
          { id: b.id, state: 'failed', error: aProblem },
          { id: a.id, state: 'completed', result, error: null },
        ])
      })
      test('shows queues in numbers', async () => {
        await register({ queues: ['q', 'idle'] })
        await store.insertJobs([...jobs(4), ...jobs(2, { due: { delayMs: 60_000 } }), aJob({ queue: 'other' })])
        await store.changeQueue('paused', { isPaused: true })
        const [a, b] = await claim(2)
        if (a === undefined || b === undefined) throw new Error('four jobs were stored')
        await store.ackJobs([ackOf(a)])
        await fixture.pass(10)
        const queues = await store.readQueues()
        expect(queues.map(({ name: queue }) => queue)).toEqual(['idle', 'other', 'paused', 'q'])
        const q = queues.at(-1)
        expect(q).toMatchObject({ depth: 2, parked: 0, scheduled: 2, running: 1, endedLastMinute: 1, isPaused: false })
        expect(q?.oldestAgeMs).toBeGreaterThanOrEqual(10)
        expect(queues[0]).toMatchObject({ depth: 0, running: 0, oldestAgeMs: null, endedLastMinute: 0 })
        expect(queues[2]).toMatchObject({ isPaused: true })
      })
      test('counts parked jobs and due ones that nobody has promoted as waiting', async () => {
        await register()
        await store.insertJobs([aJob({ name: 'nobodys.job' })])
        await claim()
        await store.insertJobs([aJob({ due: { delayMs: 5 } })])
        await fixture.pass(15)
        expect(await store.readQueues()).toMatchObject([{ name: 'q', depth: 2, scheduled: 0 }])
      })
      test('names a queue that has only ended jobs', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held)])
        await store.retireNode(node.id)
        expect(await store.readQueues()).toMatchObject([{ name: 'q', depth: 0, running: 0 }])
      })
    })

    describe('cancelJobs', () => {
      test('cancels scheduled and queued jobs at once', async () => {
        const [a, b] = [aJob(), aJob({ due: { delayMs: 60_000 } })]
        await store.insertJobs([a, b])
        expect(await store.cancelJobs(byIds(a.id, b.id))).toEqual({
          changed: [a.id, b.id],
          skipped: [],
          next: null,
        })
        for (const { id } of [a, b]) {
          expect((await record(id)).job).toMatchObject({
            state: 'cancelled',
            error: { name: 'JobCancelledError', message: 'cancelled by an operator' },
          })
        }
        await register()
        expect(await claim()).toEqual([])
      })
      test('asks a running job to stop, and tells its node', async () => {
        const held = await heldJob()
        expect((await store.cancelJobs(byIds(held.id))).changed).toEqual([held.id])
        expect((await record(held.id)).job).toMatchObject({ state: 'running', isCancelRequested: true })
        expect(await store.readOrders(node.id)).toMatchObject({
          isKnown: true,
          stop: [{ id: held.id, lease: held.lease }],
          pausedQueues: [],
          breakers: [],
        })
      })
      test('skips ended and unknown jobs with the reason', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held)])
        const unknown = anId()
        expect(await store.cancelJobs(byIds(held.id, unknown))).toEqual({
          changed: [],
          skipped: [
            { id: held.id, reason: 'completed' },
            { id: unknown, reason: 'unknown' },
          ],
          next: null,
        })
      })
      test('works through a filter in chunks, and comes to an end also with running jobs', async () => {
        await register()
        await store.insertJobs([...jobs(5), ...jobs(3, { queue: 'other' })])
        await claim(2)
        const target: JobTarget = { filter: { queue: 'q' }, limit: 2 }
        const rounds: number[] = []
        let answer
        do {
          answer = await store.cancelJobs(target)
          rounds.push(answer.changed.length)
        } while (answer.next !== null && rounds.length < 10)
        expect(rounds).toEqual([2, 2, 1])
        expect((await store.cancelJobs(target)).changed).toEqual([])
        expect(
          (await store.listJobs({ queue: 'other', states: ['queued'], limit: 9, searchLimit: 0 })).jobs,
        ).toHaveLength(3)
      })
    })

    describe('retryJobs', () => {
      test('brings a failed job back with its id, args and earlier errors, from attempt 0', async () => {
        const held = await heldJob({ priority: 3, tags: ['t'], trace: '{"a":"1"}' })
        const { createdAt } = held
        await store.ackJobs([ackOf(held, failed, { logs: ['first life'] })])
        await fixture.pass(5)
        expect((await store.retryJobs(byIds(held.id))).changed).toEqual([held.id])
        const { job, attempts } = await record(held.id)
        expect(job).toMatchObject({
          id: held.id,
          state: 'queued',
          attempt: 0,
          crashes: 0,
          createdAt,
          priority: 3,
          tags: ['t'],
          trace: '{"a":"1"}',
          error: null,
          endedAt: null,
          args: held.args,
        })
        expect(job.dueAt).toBeGreaterThan(createdAt)
        expect(attempts).toMatchObject([{ attempt: 1, error: aProblem, logs: ['first life'] }])
        const again = await claimOne()
        expect(again.attempt).toBe(1)
        await store.ackJobs([ackOf(again, undefined, { logs: ['second life'] })])
        expect((await record(held.id)).attempts).toMatchObject([
          { error: aProblem, logs: ['first life'] },
          { error: null, logs: ['second life'] },
        ])
      })
      test('refuses a late ack of the life before', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, failed)])
        await store.retryJobs(byIds(held.id))
        expect((await store.ackJobs([ackOf(held)])).stale).toEqual([held.id])
        await claimOne()
        expect((await store.ackJobs([ackOf(held)])).stale).toEqual([held.id])
      })
      test('brings a cancelled job back', async () => {
        const job = aJob()
        await store.insertJobs([job])
        await store.cancelJobs(byIds(job.id))
        expect((await store.retryJobs(byIds(job.id))).changed).toEqual([job.id])
        await register()
        expect((await claimOne()).id).toBe(job.id)
      })
      test('skips completed, live and unknown jobs with the reason', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held)])
        const [waiting, unknown] = [aJob(), anId()]
        await store.insertJobs([waiting])
        expect((await store.retryJobs(byIds(held.id, waiting.id, unknown))).skipped).toEqual([
          { id: held.id, reason: 'completed' },
          { id: waiting.id, reason: 'queued' },
          { id: unknown, reason: 'unknown' },
        ])
      })
      test('takes all failed and cancelled jobs that a filter matches, in chunks', async () => {
        await register()
        await store.insertJobs(jobs(6))
        const held = await claim(5)
        await store.ackJobs(
          held.map((job, index) => ackOf(job, index === 0 ? undefined : index === 1 ? cancelled : failed)),
        )
        const first = await store.retryJobs({ filter: { name: 'mail.ping' }, limit: 3 })
        expect(first).toMatchObject({ skipped: [], next: expect.any(String) })
        expect(first.changed).toHaveLength(3)
        const rest = await store.retryJobs({ filter: { name: 'mail.ping' }, limit: 3 })
        expect(rest).toMatchObject({ next: null })
        expect(rest.changed).toHaveLength(1)
        expect(await stateOf(held[0]?.id ?? '')).toBe('completed')
      })
    })

    describe('deleteJobs', () => {
      test('removes jobs in every state but running, with all that is kept of them', async () => {
        await register()
        const all = [...jobs(5), aJob({ due: { delayMs: 60_000 } })]
        await store.insertJobs(all)
        const held = await claim(4)
        const [a, b, c, d] = held
        if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('six were stored')
        await store.ackJobs([ackOf(a, undefined, { logs: ['x'] }), ackOf(b, failed), ackOf(c, cancelled)])
        const answer = await store.deleteJobs(byIds(...all.map(({ id }) => id)))
        expect(answer.skipped).toEqual([{ id: d.id, reason: 'running' }])
        expect(answer.changed).toHaveLength(5)
        expect(await store.readJob(b.id)).toBeNull()
        await store.insertJobs([aJob({ id: b.id, isIdChosen: true })])
        expect((await record(b.id)).attempts).toEqual([])
      })
      test('takes a filter with states', async () => {
        const held = await heldJob()
        await store.ackJobs([ackOf(held, failed)])
        await store.insertJobs(jobs(2))
        const answer = await store.deleteJobs({ filter: { states: ['failed', 'running'] }, limit: 10 })
        expect(answer).toEqual({ changed: [held.id], skipped: [], next: null })
        expect((await store.listJobs({ limit: 9, searchLimit: 0 })).jobs).toHaveLength(2)
      })
    })

    describe('nodes', () => {
      test('shows a node as it registered, with its newest snapshot', async () => {
        await register({ queues: ['q', 'r'] })
        const snapshot = { state: 'draining', loopLagMs: 1.5, memoryBytes: 7, queues: [] } as const
        await store.publishSnapshot(node.id, snapshot, true)
        const { beatMs: _beat, isNotifying: _notifying, ...shown } = node
        expect(await store.readNodes()).toMatchObject([{ ...shown, isDead: false, snapshot }])
      })
      test('beats when an urgent snapshot is published', async () => {
        await register()
        const before = await beatSeq(node.id)
        await store.publishSnapshot(node.id, { state: 'alive', loopLagMs: 0, memoryBytes: 0, queues: [] }, true)
        expect(await beatSeq(node.id)).toBeGreaterThan(before)
      })
      test('beats by itself for a registered node, and stores the snapshot with the beat', async () => {
        await register({ beatMs: 20 })
        const before = await beatSeq(node.id)
        const snapshot = { state: 'alive', loopLagMs: 0, memoryBytes: 1, queues: [] } as const
        await store.publishSnapshot(node.id, snapshot, false)
        const shown = async () => (await store.readNodes())[0]?.snapshot ?? null
        for (let round = 0; round < 100 && (await shown()) === null; round++) await fixture.pass(20)
        expect(await shown()).toEqual(snapshot)
        expect(await beatSeq(node.id)).toBeGreaterThan(before)
      })
      test('never lets an older snapshot, which waited for its beat, come after an urgent one', async () => {
        await register({ beatMs: 200 })
        const older = { state: 'alive', loopLagMs: 0, memoryBytes: 1, queues: [] } as const
        const newer = { ...older, memoryBytes: 2 }
        await store.publishSnapshot(node.id, older, false)
        await store.publishSnapshot(node.id, newer, true)
        const before = await beatSeq(node.id)
        for (let round = 0; round < 100 && (await beatSeq(node.id)) < before + 2; round++) await fixture.pass(50)
        expect((await store.readNodes())[0]?.snapshot).toEqual(newer)
      })
      test('orders paused queues, and tells a node that it is not known', async () => {
        await register()
        await store.changeQueue('q', { isPaused: true })
        expect(await store.readOrders(node.id)).toEqual({
          isKnown: true,
          stop: [],
          pausedQueues: ['q'],
          breakers: [],
          scales: [],
          wanted: null,
          isWatched: false,
        })
        expect((await store.readOrders(randomUUID())).isKnown).toBe(false)
      })
      test('orders the bounds of queues that were scaled, until they are taken back', async () => {
        await register()
        await store.changeQueue('q', { scale: { min: 2, max: 20 } })
        await store.changeQueue('q', { isPaused: true })
        await store.changeQueue('other', { scale: { min: 5, max: 5 } })
        const other = { queue: 'other', min: 5, max: 5 }
        expect((await store.readOrders(node.id)).scales).toEqual([other, { queue: 'q', min: 2, max: 20 }])
        const scaleOf = async (queue: string) =>
          (await store.readQueues()).find(({ name: one }) => one === queue)?.scale
        expect(await scaleOf('q')).toEqual({ min: 2, max: 20 })
        await store.changeQueue('q', { scale: null })
        expect((await store.readOrders(node.id)).scales).toEqual([other])
        expect(await scaleOf('q')).toBeNull()
        expect((await store.readOrders(node.id)).pausedQueues).toEqual(['q'])
      })
      test('tells a living node what an operator wants of it, until that is taken back', async () => {
        await register()
        const wanted = async () => [
          (await store.readOrders(node.id)).wanted,
          (await store.readNodes()).find(({ id }) => id === node.id)?.wanted,
        ]
        expect(await fixture.another().orderNode(node.id, 'quiet')).toBe(true)
        expect(await wanted()).toEqual(['quiet', 'quiet'])
        expect(await store.orderNode(node.id, 'stop')).toBe(true)
        expect(await wanted()).toEqual(['stop', 'stop'])
        expect(await store.orderNode(node.id, null)).toBe(true)
        expect(await wanted()).toEqual([null, null])
        expect(await store.orderNode(randomUUID(), 'stop')).toBe(false)
        await rescue()
        expect(await store.orderNode(node.id, 'stop')).toBe(false)
      })
      test('tells nodes that somebody watches, for as long as was said', async () => {
        await register()
        const isWatched = async () => (await store.readOrders(node.id)).isWatched
        await fixture.another().watchNodes(2_000)
        expect(await isWatched()).toBe(true)
        await fixture.pass(1_100)
        await store.watchNodes(2_000)
        await fixture.pass(1_100)
        expect(await isWatched()).toBe(true)
        await fixture.pass(2_000)
        expect(await isWatched()).toBe(false)
      })
      test('hands back what a retired node still holds, and forgets the node', async () => {
        const held = await heldJob()
        await store.markStarted([held])
        await store.retireNode(node.id)
        expect((await record(held.id)).job).toMatchObject({ state: 'queued', attempt: 0, crashes: 0, node: null })
        expect(await store.readNodes()).toEqual([])
        expect((await store.ackJobs([ackOf(held)])).stale).toEqual([held.id])
        await store.retireNode(node.id)
      })
    })

    describe('readBacklogs', () => {
      test('counts what is due and waits, and says for how long the oldest has waited, in the order asked for', async () => {
        await register()
        await store.insertJobs([
          aJob(),
          aJob({ due: { delayMs: 600_000 } }),
          aJob({ queue: 'later', due: { delayMs: 600_000 } }),
        ])
        await store.insertJobs([aJob({ priority: -3 }), aJob({ due: { delayMs: 1 } })])
        await fixture.pass(50)
        const [none, q, later] = await store.readBacklogs(['none', 'q', 'later'])
        expect(none).toEqual({ depth: 0, oldestAgeMs: null })
        expect(later).toEqual({ depth: 0, oldestAgeMs: null })
        expect(q?.depth).toBe(3)
        expect(q?.oldestAgeMs).toBeGreaterThanOrEqual(50)
        expect(q?.oldestAgeMs).toBeLessThan(60_000)
        await claim(10)
        expect(await store.readBacklogs(['q'])).toEqual([{ depth: 0, oldestAgeMs: null }])
        expect(await store.readBacklogs([])).toEqual([])
      })
      test('stops counting at its cap', async () => {
        await store.insertJobs(jobs(BACKLOG_CAP + 10))
        expect((await store.readBacklogs(['q']))[0]?.depth).toBe(BACKLOG_CAP)
      })
    })

    describe('readPublishedJobs', () => {
      const welcome: PublishedJob = {
        name: 'mail.welcome',
        queue: 'email',
        priority: -5,
        maxAttempts: 8,
        backoff: { baseMs: 100, factor: 1.5, maxMs: 9_000 },
        timeoutMs: 30_000.5,
        key: 'args[0].tenant',
      }
      test('answers what nodes published, and leaves out what none did', async () => {
        await register({ jobs: [published('mail.ping'), welcome] })
        expect(await store.readPublishedJobs(['mail.welcome', 'mail.unknown'])).toEqual([welcome])
        const both = await store.readPublishedJobs(['mail.ping', 'mail.welcome'])
        expect([...both].sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual([published('mail.ping'), welcome])
        expect(await store.readPublishedJobs([])).toEqual([])
        expect(await store.readPublishedJobs(['__proto__', "it's", ''])).toEqual([])
      })
      test('keeps functions as the word, and what a retired or dead node published', async () => {
        const coded: PublishedJob = { ...published('mail.coded'), backoff: 'function', key: 'function' }
        await register({ jobs: [coded] })
        await store.retireNode(node.id)
        expect(await store.readPublishedJobs(['mail.coded'])).toEqual([coded])
        await register({ jobs: [welcome] })
        await rescue()
        expect(await fixture.another().readPublishedJobs(['mail.welcome'])).toEqual([welcome])
      })
      test('answers what was registered last, name by name', async () => {
        await register({ jobs: [published('mail.ping'), welcome] })
        const changed: PublishedJob = { ...welcome, queue: null, backoff: null, maxAttempts: 2 }
        await register({ jobs: [changed] })
        expect(await store.readPublishedJobs(['mail.welcome'])).toEqual([changed])
        expect(await store.readPublishedJobs(['mail.ping'])).toEqual([published('mail.ping')])
      })
    })

    describe('timesUnheard', () => {
      test('is 0 while hints come, or where they need no connection', async () => {
        const unsubscribe = store.onChange('jobs', () => {})
        await store.insertJobs([aJob()])
        expect(store.timesUnheard()).toBe(0)
        unsubscribe()
      })
    })

    describe('silenceMs', () => {
      test('counts from the registration and from each beat, for nodes of this process until they retire', async () => {
        expect(store.silenceMs(randomUUID())).toBe(Infinity)
        await register()
        expect(store.silenceMs(node.id)).toBeLessThan(5_000)
        expect(fixture.another().silenceMs(node.id)).toBe(Infinity)
        await fixture.pass(20)
        const before = store.silenceMs(node.id)
        expect(before).toBeGreaterThanOrEqual(10)
        await register({ id: node.id })
        expect(store.silenceMs(node.id)).toBeLessThan(before + 5_000)
        await store.retireNode(node.id)
        expect(store.silenceMs(node.id)).toBe(Infinity)
      })
    })

    describe('vouch', () => {
      test('bounds for how long a node is beaten for, until it speaks again', async () => {
        await register({ beatMs: 20 })
        const beats = async (ms: number): Promise<number> => {
          const before = await beatSeq(node.id)
          await fixture.pass(ms)
          return (await beatSeq(node.id)) - before
        }
        // The thread that beats, and its connection, are made meanwhile.
        await eventually(async () => (await beats(20)) > 0)
        store.vouch(node.id, 0)
        // One may be under way.
        await fixture.pass(200)
        expect(await beats(400)).toBe(0)
        store.vouch(node.id, 60_000)
        await eventually(async () => (await beats(20)) > 0)
        store.vouch(randomUUID(), 0)
        await store.retireNode(node.id)
      })
    })

    describe('rescueNode', () => {
      test('requeues a started job at its old place with the attempt charged', async () => {
        const held = await heldJob()
        await store.insertJobs([aJob()])
        await store.markStarted([held])
        expect(await rescue()).toEqual({ requeued: [held.id], failed: [], cancelled: [], quarantined: [] })
        const { job, attempts } = await record(held.id)
        expect(job).toMatchObject({
          state: 'queued',
          attempt: 1,
          crashes: 1,
          node: null,
          error: { code: 'ERR_NODE_DIED' },
        })
        expect(attempts).toMatchObject([{ attempt: 1, node: node.id, error: { name: 'JobCrashedError' } }])
        expect(attempts[0]?.error?.message).toMatch(new RegExp(`${node.id}.*test-host.*4242`))
        await register()
        expect((await claim(1))[0]).toMatchObject({ id: held.id, attempt: 2, crashes: 1 })
      })
      test('gives an unstarted job back without charging the attempt, and counts the crash', async () => {
        const held = await heldJob()
        expect(await rescue()).toEqual({ requeued: [held.id], failed: [], cancelled: [], quarantined: [] })
        expect((await record(held.id)).job).toMatchObject({ state: 'queued', attempt: 0, crashes: 1 })
      })
      test('fails a started job whose last attempt it was', async () => {
        const held = await heldJob({ maxAttempts: 1 })
        await store.markStarted([held])
        expect(await rescue()).toEqual({ requeued: [], failed: [held.id], cancelled: [], quarantined: [] })
        const { job, attempts } = await record(held.id)
        expect(job).toMatchObject({
          state: 'failed',
          crashes: 1,
          error: { name: 'JobCrashedError', code: 'ERR_NODE_DIED' },
        })
        expect(attempts).toHaveLength(1)
      })
      test('quarantines a job after so many crashes in which it may have been running', async () => {
        const held = await heldJob()
        await rescue(node.id, 2)
        await register()
        await store.markStarted([await claimOne()])
        expect(await rescue(node.id, 2)).toEqual({
          requeued: [],
          failed: [held.id],
          cancelled: [],
          quarantined: [held.id],
        })
        expect((await record(held.id)).job).toMatchObject({
          state: 'failed',
          crashes: 2,
          error: { code: 'ERR_QUARANTINED' },
        })
      })
      test('counts no crash for a job that is marked before it begins, and is not marked', async () => {
        const suspect = await heldJob()
        await rescue()
        await register()
        await claimOne()
        const last = await heldToo({ maxAttempts: 1 })
        expect((await rescue())?.requeued.toSorted()).toEqual([suspect.id, last.id].toSorted())
        expect((await record(suspect.id)).job).toMatchObject({ state: 'queued', attempt: 0, crashes: 1 })
        expect((await record(last.id)).job).toMatchObject({ state: 'queued', attempt: 0, crashes: 0 })
      })
      test('counts crashes in a row: an attempt that ends in order begins the count anew', async () => {
        for (const ending of [retry(0), { type: 'snoozed', delayMs: 0 } as const]) {
          const held = await heldJob()
          await rescue()
          await register()
          const again = await claimOne()
          expect(again.crashes).toBe(1)
          await store.ackJobs([ackOf(again, ending)])
          await fixture.pass(5)
          expect(await claimOne()).toMatchObject({ id: held.id, crashes: 0 })
          await rescue()
          await register()
          await store.ackJobs([ackOf(await claimOne())])
        }
      })
      test('blames the one that ended the process, and gives the others back as if they had never been claimed', async () => {
        const guilty = await heldJob()
        const bystander = await heldToo()
        const last = await heldToo({ maxAttempts: 1 })
        await store.markStarted([bystander, last])
        const blame = { id: guilty.id, lease: guilty.lease, error: { name: 'Exit', message: 'it exited' } }
        const answer = await store.rescueNode({ node: node.id, beatSeq: null, quarantineAfter: 3, blame })
        expect(answer?.requeued.toSorted()).toEqual([guilty.id, bystander.id, last.id].toSorted())
        expect((await record(guilty.id)).job).toMatchObject({ attempt: 1, crashes: 1, error: blame.error })
        expect((await record(guilty.id)).attempts).toMatchObject([{ attempt: 1, error: blame.error }])
        for (const { id } of [bystander, last]) {
          expect((await record(id)).job).toMatchObject({ state: 'queued', attempt: 0, crashes: 0 })
        }
        expect(await store.rescueNode({ node: node.id, beatSeq: null, quarantineAfter: 3, blame })).toBeNull()
      })
      test('quarantines the one that is blamed, also for its last attempt', async () => {
        const held = await heldJob()
        const blame = { id: held.id, lease: held.lease, error: { name: 'Exit', message: 'it exited' } }
        expect(await store.rescueNode({ node: node.id, beatSeq: null, quarantineAfter: 1, blame })).toMatchObject({
          failed: [held.id],
        })
        expect((await record(held.id)).job.error).toMatchObject({ code: 'ERR_QUARANTINED', cause: blame.error })
      })
      test('blames nobody when the process was ended in order', async () => {
        const held = await heldJob()
        await store.markStarted([held])
        const request = { node: node.id, beatSeq: null, quarantineAfter: 1, blame: 'nobody' } as const
        expect(await store.rescueNode(request)).toMatchObject({ requeued: [held.id] })
        expect(await store.readNodes()).toEqual([])
        expect((await store.ackJobs([ackOf(held)])).stale).toEqual([held.id])
        expect((await record(held.id)).job).toMatchObject({ state: 'queued', attempt: 0, crashes: 0 })
      })
      test('does the same before it returns, for a node of this process', async () => {
        const held = await heldJob()
        const request = { node: node.id, beatSeq: null, quarantineAfter: 3, blame: 'nobody' } as const
        expect(store.rescueNodeSync(request, 5_000)).toBe(true)
        expect((await fixture.another().readJob(held.id))?.job).toMatchObject({ state: 'queued', attempt: 0 })
        expect(store.rescueNodeSync(request, 5_000)).toBe(false)
      })
      test('cancels a job whose stop was asked for', async () => {
        const held = await heldJob()
        await store.cancelJobs(byIds(held.id))
        expect(await rescue()).toEqual({ requeued: [], failed: [], cancelled: [held.id], quarantined: [] })
        expect((await record(held.id)).job).toMatchObject({ state: 'cancelled', error: { name: 'JobCancelledError' } })
      })
      test('does nothing when the node has beaten meanwhile', async () => {
        const held = await heldJob()
        const seen = await beatSeq(node.id)
        await store.publishSnapshot(node.id, { state: 'alive', loopLagMs: 0, memoryBytes: 0, queues: [] }, true)
        expect(await store.rescueNode({ node: node.id, beatSeq: seen, quarantineAfter: 3 })).toBeNull()
        expect((await record(held.id)).job).toMatchObject({ state: 'running', crashes: 0 })
        expect((await store.ackJobs([ackOf(held)])).stale).toEqual([])
      })
      test('writes down who freed how many jobs of a dead node', async () => {
        await heldJob()
        const last = await heldToo({ maxAttempts: 1 })
        await store.markStarted([last])
        const by = randomUUID()
        await store.rescueNode({ node: node.id, beatSeq: await beatSeq(node.id), quarantineAfter: 3, by })
        const dead = (await store.readNodes()).find(({ id }) => id === node.id)
        expect(dead).toMatchObject({ isDead: true, rescue: { by, requeued: 1, failed: 1, cancelled: 0 } })
        expect(dead?.rescue?.at).toBeGreaterThanOrEqual(dead?.startedAt ?? Infinity)
        await register()
        expect((await store.readNodes()).find(({ id }) => id === node.id)?.rescue).toBeNull()
      })
      test('lets one of two rescuers do it', async () => {
        const held = await heldJob()
        const request = { node: node.id, beatSeq: await beatSeq(node.id), quarantineAfter: 3 }
        const answers = await Promise.all([store.rescueNode(request), fixture.another().rescueNode(request)])
        expect(answers.filter((answer) => answer === null)).toHaveLength(1)
        expect((await record(held.id)).job.crashes).toBe(1)
      })
      test('answers null for a node that nobody knows', async () => {
        expect(await store.rescueNode({ node: randomUUID(), beatSeq: 1, quarantineAfter: 3 })).toBeNull()
      })
      test('refuses every write of a node that was declared dead and lives after all', async () => {
        const held = await heldJob()
        await rescue()
        expect((await store.ackJobs([ackOf(held)])).stale).toEqual([held.id])
        expect((await store.markStarted([held])).stale).toEqual([held.id])
        expect((await store.giveBackJobs([held])).stale).toEqual([held.id])
        expect(await store.readOrders(node.id)).toMatchObject({
          isKnown: false,
          stop: [],
          pausedQueues: [],
          breakers: [],
          wanted: null,
        })
        expect(await store.readNodes()).toMatchObject([{ id: node.id, isDead: true }])
        const lastBeat = await beatSeq(node.id)
        await store.publishSnapshot(node.id, { state: 'alive', loopLagMs: 0, memoryBytes: 0, queues: [] }, true)
        expect(await store.readNodes()).toMatchObject([{ isDead: true, beatSeq: lastBeat, snapshot: null }])
        await register()
        expect((await claimOne()).attempt).toBe(1)
      })
      test('refuses a late ack after a rescue that ended the job', async () => {
        const held = await heldJob({ maxAttempts: 1 })
        await store.markStarted([held])
        await rescue()
        for (const ending of [undefined, failed, retry(0)]) {
          expect((await store.ackJobs([ackOf(held, ending)])).stale).toEqual([held.id])
        }
        expect(await stateOf(held.id)).toBe('failed')
      })
    })

    describe('metrics', () => {
      const now = async (): Promise<number> => {
        const { id } = await heldJob()
        return (await store.readJob(id))?.job.createdAt ?? 0
      }
      metricsConformance({ test, store: () => store, now })
    })

    describe('pruneJobs', () => {
      const forever = 1e15
      test('deletes each kind of ended job after its own time, and leaves the rest', async () => {
        await register()
        await store.insertJobs(jobs(4))
        const [a, b, c, d] = await claim(4)
        if (a === undefined || b === undefined || c === undefined || d === undefined)
          throw new Error('four were stored')
        await store.ackJobs([ackOf(a), ackOf(b, failed), ackOf(c, cancelled)])
        await fixture.pass(20)
        const keep = { queue: null, completedMs: forever, cancelledMs: forever, failedMs: forever }
        expect(await store.pruneJobs([keep])).toEqual({ pruned: 0, isDone: true })
        expect(await store.pruneJobs([{ ...keep, completedMs: 10 }])).toEqual({ pruned: 1, isDone: true })
        expect(await store.readJob(a.id)).toBeNull()
        await store.pruneJobs([{ ...keep, cancelledMs: 10 }])
        expect(await store.readJob(c.id)).toBeNull()
        await store.pruneJobs([{ ...keep, failedMs: 10 }])
        expect(await store.readJob(b.id)).toBeNull()
        expect(await stateOf(d.id)).toBe('running')
      })
      test('lets the policy of a queue come before that of all others', async () => {
        await register({ queues: ['q', 'r'] })
        await store.insertJobs([aJob(), aJob({ queue: 'r' })])
        const [a] = await claim(1)
        const [b] = await claim(1, 'r')
        if (a === undefined || b === undefined) throw new Error('two jobs were stored')
        await store.ackJobs([ackOf(a), ackOf(b)])
        await fixture.pass(5)
        const zero = { completedMs: 0, cancelledMs: 0, failedMs: 0 }
        const never = { completedMs: forever, cancelledMs: forever, failedMs: forever }
        await store.pruneJobs([
          { queue: 'r', ...never },
          { queue: null, ...zero },
        ])
        expect(await store.readJob(a.id)).toBeNull()
        expect(await stateOf(b.id)).toBe('completed')
        await store.pruneJobs([{ queue: 'unrelated', ...zero }])
        expect(await stateOf(b.id)).toBe('completed')
      })
      test('stops at its bound and says so', async () => {
        await register()
        await store.insertJobs(jobs(1_300))
        const held = await claim(1_300)
        await store.ackJobs(held.map((job) => ackOf(job)))
        await fixture.pass(5)
        const policy = { queue: null, completedMs: 0, cancelledMs: 0, failedMs: 0 }
        const first = await store.pruneJobs([policy])
        expect(first.isDone).toBe(false)
        expect(first.pruned).toBeLessThanOrEqual(1_100)
        expect(first.pruned + (await store.pruneJobs([policy])).pruned).toBe(1_300)
        expect(await store.pruneJobs([policy])).toEqual({ pruned: 0, isDone: true })
      })
    })

    breakerConformance(test, () => fixture)
    deadLetterConformance({ test, fixture: () => fixture })

    describe('onChange', () => {
      test('tells of changes by another store until the subscription ends', async () => {
        await store.open()
        let calls = 0
        const end = store.onChange('jobs', () => {
          calls += 1
        })
        const other = fixture.another()
        for (let round = 0; round < 100 && calls === 0; round++) {
          await other.insertJobs([aJob()])
          await fixture.pass(50)
        }
        expect(calls).toBeGreaterThan(0)
        end()
        await fixture.pass(300)
        const before = calls
        await other.insertJobs([aJob()])
        await fixture.pass(300)
        expect(calls).toBe(before)
      })
      test('tells of a wake by another store, also of a job that no hint told of', async () => {
        await store.open()
        let calls = 0
        const end = store.onChange('jobs', () => {
          calls += 1
        })
        const other = fixture.another()
        for (let round = 0; round < 100 && calls === 0; round++) {
          await other.wake()
          await fixture.pass(50)
        }
        expect(calls).toBeGreaterThan(0)
        end()
        await store.wake()
        expect(await store.readQueues()).toEqual([])
      })
    })
  })
}
