/** Every event is sent as the table of events says, which is what docs/telemetry.md is written from. */

import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { describe, expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../../src/host/host.ts'
import {
  currentJob,
  discard,
  job,
  OutcomeUnknownError,
  type JobModules,
  type QueueOptions,
} from '../../../src/index.ts'
import { readConfig } from '../../../src/runner/config.ts'
import { JobRunner } from '../../../src/runner/create-runner.ts'
import { EVENT_NAMES } from '../../../src/runner/event-table.ts'
import type { RunnerEvents } from '../../../src/runner/events.ts'
import { storeError } from '../../../src/store/errors.ts'
import { openSqliteStore } from '../../../src/store/sqlite/open-sqlite-store.ts'
import type { Store } from '../../../src/store/store.ts'
import { differences, watchShapes } from '../../support/event-shape.ts'
import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { openHandle } from '../../support/store-handle.ts'
import { aJob, aNode, published } from '../../support/store-jobs.ts'
import { tempDatabase } from '../../support/temp-database.ts'
import { TestTrace } from '../../support/test-host.ts'

/** What is wrong with a store: its verbs, each around that of the real one. */
type Faults = (store: Store) => Partial<Store>

/** A runner in which everything can go wrong. */
function aRunnerOnTrial(
  jobs: JobModules,
  {
    faults = () => ({}),
    stuckLimit = 10,
    queues = {},
    onDeadLetter,
  }: {
    faults?: Faults
    stuckLimit?: number
    queues?: Readonly<Record<string, QueueOptions>>
    onDeadLetter?: () => void
  } = {},
) {
  const { path, url } = tempDatabase()
  const trace = new TestTrace()
  const real = nodeHost()
  let clockAheadMs = 0
  const host = {
    ...real,
    trace,
    logger: { log: () => {} },
    clock: { ...real.clock, now: () => real.clock.now() + clockAheadMs },
  }
  const store = openSqliteStore({ host: real, location: url, durability: 'process', transport: 'inline' })
  const broken = faults(store)
  // What a test does not break is what it was; methods of a class need their own `this`.
  const faulty = new Proxy(store, {
    get: (own, name) => {
      const value: unknown = Reflect.get(broken, name) ?? Reflect.get(own, name)
      return typeof value === 'function' ? value.bind(own) : value
    },
  })
  const runner = new JobRunner(host, readConfig({ database: url, jobs, queues, stuckLimit, onDeadLetter }), faulty)
  onTestFinished(() => runner.stop({ timeout: 0 }).then(() => runner.close()))
  const { problems, seen } = watchShapes(runner)
  return { runner, trace, path, store, problems, seen, setClock: (aheadMs: number) => (clockAheadMs = aheadMs) }
}

type OnTrial = ReturnType<typeof aRunnerOnTrial>

/** How each event is brought about. A new event needs its line here. */
const SCENES: Readonly<
  Record<string, { readonly events: readonly (keyof RunnerEvents)[]; readonly play: () => Promise<OnTrial> }>
> = {
  'jobs that end well and badly': {
    events: ['node:start', 'queue:depth', 'job:enqueue', 'job:start', 'job:stop', 'job:exception', 'node:stop'],
    play: async () => {
      const work = {
        good: () => 1,
        dropped: () => discard('no'),
        bad: job({ maxAttempts: 1 }, () => {
          throw new Error('bad')
        }),
      }
      const trial = aRunnerOnTrial({ work })
      await trial.runner.start()
      for (const name of ['good', 'dropped', 'bad']) await trial.runner.enqueue(`work.${name}`, [])
      await eventually(() => trial.seen.has('job:exception') && trial.seen.has('job:stop'))
      await trial.runner.stop()
      return trial
    },
  },
  'a stop while a job runs': {
    events: ['job:interrupt', 'node:give-back'],
    play: async () => {
      const begun = gate()
      const wait = (): Promise<void> =>
        new Promise((_resolve, reject) => {
          const { signal } = currentJob()
          signal.addEventListener('abort', () => reject(signal.reason as Error))
          begun.open()
        })
      const trial = aRunnerOnTrial({ work: { wait } })
      await trial.runner.start()
      await trial.runner.enqueue('work.wait', [])
      await begun.passed
      await trial.runner.stop({ timeout: 0 })
      return trial
    },
  },
  'a handler that does not heed its signal': {
    events: ['job:stuck', 'node:stuck'],
    play: async () => {
      const release = gate()
      const ignore = job({ timeout: 20, maxAttempts: 1 }, () => release.passed)
      const trial = aRunnerOnTrial({ work: { ignore } }, { stuckLimit: 1 })
      await trial.runner.start()
      await trial.runner.enqueue('work.ignore', [])
      await eventually(() => trial.seen.has('node:stuck'))
      release.open()
      return trial
    },
  },
  'a node that others declare dead while its job ends': {
    events: ['job:stale', 'node:fenced'],
    play: async () => {
      const release = gate()
      const begun = gate()
      const wait = async (): Promise<void> => {
        begun.open()
        await release.passed
      }
      const trial = aRunnerOnTrial({ work: { wait } })
      await trial.runner.start()
      await trial.runner.enqueue('work.wait', [])
      await begun.passed
      const db = openHandle(trial.path)
      db.exec(`begin immediate; update millrace_node set dead_at = 1;
        update millrace_job set state = 'queued', lease = null, node = null, claimed_at = null, started_at = null; commit`)
      db.close()
      release.open()
      await eventually(() => trial.seen.has('job:stale') && trial.seen.has('node:fenced'))
      return trial
    },
  },
  'a node that died': {
    events: ['node:rescue'],
    play: async () => {
      const trial = aRunnerOnTrial({ work: { run: () => 1 } })
      const dead = aNode({
        ...nodeHost().processes.own(),
        pid: 2 ** 22 + 1,
        pidStart: '1',
        jobs: [published('work.run')],
      })
      await trial.store.registerNode(dead)
      await trial.store.insertJobs([aJob({ name: 'work.run' })])
      await trial.store.claimJobs({ node: dead.id, wants: [{ queue: 'q', count: 1 }] })
      await trial.runner.start()
      await eventually(() => trial.seen.has('node:rescue'))
      return trial
    },
  },
  'a dependency that is away and comes back': {
    events: ['breaker:open', 'breaker:half-open', 'breaker:close'],
    play: async () => {
      let isAway = true
      const work = {
        run: job({ backoff: { base: 50, max: 50 }, maxAttempts: 100 }, () => {
          if (isAway) throw new Error('away')
        }),
      }
      const breaker = { minimumCalls: 3, openFor: '200ms', probes: 1 }
      const trial = aRunnerOnTrial({ work }, { queues: { default: { breaker } } })
      await trial.runner.start()
      for (let count = 0; count < 5; count++) await trial.runner.enqueue(work.run, [])
      await eventually(() => trial.seen.has('breaker:open'))
      isAway = false
      await eventually(() => trial.seen.has('breaker:half-open') && trial.seen.has('breaker:close'))
      return trial
    },
  },
  'a dead letter that somebody is told of at the second attempt': {
    events: ['notice:exception', 'notice:stop'],
    play: async () => {
      let calls = 0
      const onDeadLetter = (): void => {
        calls += 1
        if (calls === 1) throw new Error('the pager is away')
      }
      const trial = aRunnerOnTrial({ work: { drop: () => discard('no') } }, { onDeadLetter })
      await trial.runner.start()
      await trial.runner.enqueue('work.drop', [])
      await eventually(() => trial.seen.has('notice:stop'), { withinMs: 25_000 })
      return trial
    },
  },
  'a queue that gets more consumers, on a node that is told to be quiet': {
    events: ['queue:scale', 'node:order'],
    play: async () => {
      const held = gate()
      const trial = aRunnerOnTrial(
        { work: { hold: () => held.passed } },
        { queues: { default: { concurrency: { min: 1, max: 3 } } } },
      )
      await trial.runner.start()
      for (let count = 0; count < 10; count++) await trial.runner.enqueue('work.hold', [])
      await eventually(() => trial.seen.has('queue:scale'), { withinMs: 20_000 })
      const [node] = await trial.runner.nodes()
      await trial.runner.orderNode(node?.id ?? '', 'quiet')
      await eventually(() => trial.seen.has('node:order'), { withinMs: 20_000 })
      held.open()
      return trial
    },
  },
  'stages that crash again and again': {
    events: ['queue:crash'],
    play: async () => {
      const trial = aRunnerOnTrial({ work: { run: () => 1 } })
      trial.trace.at('job-producer.jobs', () => {
        if (!trial.seen.has('queue:crash')) throw new Error('planted')
      })
      await trial.runner.start()
      for (let count = 0; count < 10; count++) await trial.runner.enqueue('work.run', [])
      await eventually(() => trial.seen.has('queue:crash'))
      return trial
    },
  },
  'a store that fails once, and hands out too much': {
    events: ['store:error', 'node:surplus'],
    play: async () => {
      let claims = 0
      const faults: Faults = (store) => ({
        claimJobs: async (request) => {
          claims += 1
          if (claims === 1) throw storeError('ERR_STORE_UNAVAILABLE', 'planted')
          return store.claimJobs({
            ...request,
            wants: request.wants.map((want) => ({ ...want, count: want.count + 5 })),
          })
        },
      })
      const trial = aRunnerOnTrial({ work: { run: () => 1 } }, { faults })
      await trial.runner.enqueueAll(Array.from({ length: 50 }, () => ['work.run', []] as const))
      await trial.runner.start()
      await eventually(() => trial.seen.has('node:surplus') && trial.seen.has('store:error'))
      return trial
    },
  },
  'an enqueue that gets no answer': {
    events: ['job:unknown'],
    play: async () => {
      const faults: Faults = () => ({
        insertJobs: (jobs) =>
          Promise.reject(
            new OutcomeUnknownError(
              jobs.map(({ id }) => id),
              new Error('planted'),
            ),
          ),
      })
      const trial = aRunnerOnTrial({ work: { run: () => 1 } }, { faults })
      await expect(trial.runner.enqueue('work.run', [])).rejects.toThrow(OutcomeUnknownError)
      return trial
    },
  },
  'a clock that is set': {
    events: ['node:clock'],
    play: async () => {
      const trial = aRunnerOnTrial({ work: { run: () => 1 } })
      await trial.runner.start()
      trial.setClock(-60_000)
      await eventually(() => trial.seen.has('node:clock'))
      return trial
    },
  },
}

describe('the events of a runner', () => {
  it.each(Object.entries(SCENES))(
    'are as their table says: %s',
    async (_name, { events, play }) => {
      const { problems, seen } = await play()
      expect([...problems]).toEqual([])
      expect(events.filter((event) => !seen.has(event))).toEqual([])
    },
    20_000,
  )

  it('are each brought about by one of these scenes; add a scene for a new one', () => {
    const played = new Set(Object.values(SCENES).flatMap(({ events }) => events))
    expect(EVENT_NAMES.filter((name) => !played.has(name))).toEqual([])
  })

  it('are told from what is not documented', () => {
    const start = { id: 'i', name: 'n', queue: 'q', attempt: 1, waitMs: 1 }
    expect(differences('job:start', start)).toEqual([])
    expect(differences('job:start', { ...start, extra: 1 })).toEqual([expect.stringContaining('"extra"')])
    expect(differences('job:start', { ...start, waitMs: undefined })).toEqual([expect.stringContaining('no number')])
    expect(differences('job:start', { ...start, waitMs: null })).toEqual([expect.stringContaining('no number')])
    expect(differences('job:stop', { ...start, runMs: null, outcome: 'completed' })).toEqual([])
    // No event of a runner.
    expect(differences('job:begin' as never, start)).toEqual([expect.stringContaining('no row')])
    expect(differences('node:stop', {})).toEqual([expect.stringContaining('without "node"')])
  })

  it('are published on their channels too', async () => {
    const heard: unknown[] = []
    const subscriber = (payload: unknown): void => void heard.push(payload)
    subscribe('millrace:job:stop', subscriber)
    onTestFinished(() => void unsubscribe('millrace:job:stop', subscriber))
    const { runner } = aRunnerOnTrial({ work: { run: () => 1 } })
    await runner.start()
    const { id } = await runner.enqueue('work.run', [])
    await eventually(() => heard.length > 0)
    expect(heard).toEqual([expect.objectContaining({ id, name: 'work.run', outcome: 'completed' })])
  })
})
