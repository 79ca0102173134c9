import { join } from 'node:path'

import { job, snooze, type BreakerInfo, type QueueOptions } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { tempFolder } from '../../support/temp-database.ts'

const DATABASES: readonly (readonly [string, () => Promise<string>])[] = [
  ['SQLite', async () => `sqlite:${join(tempFolder(), 'jobs.db')}`],
  ['PostgreSQL', async () => (await postgresDatabase()).url],
]
const EVENTS = ['breaker:open', 'breaker:half-open', 'breaker:close'] as const
const NEVER = { openFor: '1h' } as const

/** A dependency that is down until the test says otherwise, and the jobs that call it. */
function aDependency() {
  const dependency = { isDown: true, calls: 0 }
  const call = async () => {
    dependency.calls += 1
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (dependency.isDown) throw new Error('503')
    return 'paid'
  }
  const options = { queue: 'api', maxAttempts: 20, backoff: { base: 20, max: 20 } } as const
  return { dependency, pay: { charge: job(options, call), check: job({ queue: 'api' }, async () => 'checked') } }
}

function settings(breaker: QueueOptions['breaker'], concurrency = 2) {
  return { queues: { api: { concurrency, breaker: { minimumCalls: 3, ...breaker } } } }
}

describe.each(DATABASES)('a breaker on %s', (_, newDatabase) => {
  it('is opened by failures on one node, and heeded by the claims of the other within a second', async () => {
    const database = await newDatabase()
    const { dependency, pay } = aDependency()
    const held = gate()
    const busy = { hold: job({ queue: 'api' }, () => held.passed) }
    // The second node has its hands full while the calls fail on the first.
    const other = aDependency()
    const second = await aWorker({ pay: other.pay, busy }, { database, ...settings(NEVER, 1) })
    const othersEvents = eventsOf(second.runner, ...EVENTS)
    const { id: holding } = await second.runner.enqueue(busy.hold, [])
    await eventually(async () => (await second.runner.job(holding))?.state === 'running')
    const first = await aWorker({ pay }, { database, ...settings(NEVER, 1) })
    const events = eventsOf(first.runner, ...EVENTS)
    await Promise.all(Array.from({ length: 8 }, () => first.runner.enqueue(pay.charge, [])))
    await eventually(() => events.length > 0)
    const { name, payload } = events[0] ?? {}
    expect(name).toBe('breaker:open')
    expect(payload).toMatchObject({
      queue: 'api',
      by: 'name',
      subject: 'pay.charge',
      from: 'closed',
      at: expect.any(Date),
    })
    expect(payload?.reason).toMatch(/^\d+ of \d+ calls failed within 30 s$/)
    await first.runner.stop()
    const before = dependency.calls
    held.open()
    const { id } = await second.runner.enqueue(other.pay.charge, [])
    // The other node claims from the queue: a job of another name passes by all that wait.
    const check = await second.runner.enqueue(other.pay.check, [])
    expect(await check.result({ timeout: '10s' })).toBe('checked')
    expect([dependency.calls, other.dependency.calls]).toEqual([before, 0])
    expect(await second.runner.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
    expect(await second.runner.explain(id)).toMatchObject({
      waiting: 'breaker',
      detail: expect.stringContaining('is open'),
    })
    // Each node tells it.
    await eventually(() => othersEvents.length === 1)
  })

  it('lets probes through when the dependency may be back, closes, and loses nothing', async () => {
    const { dependency, pay } = aDependency()
    const { runner } = await aWorker(
      { pay },
      { database: await newDatabase(), ...settings({ openFor: '300ms', probes: 2 }, 4) },
    )
    const events = eventsOf(runner, ...EVENTS)
    const handles = await runner.enqueueAll(Array.from({ length: 100 }, () => [pay.charge, []] as const))
    await eventually(() => events.some(({ name }) => name === 'breaker:half-open'))
    await eventually(() => events.filter(({ name }) => name === 'breaker:open').length >= 2)
    dependency.isDown = false
    expect(await Promise.all(handles.map((handle) => handle.result({ timeout: '20s' })))).toEqual(
      Array.from({ length: 100 }, () => 'paid'),
    )
    await eventually(() => events.at(-1)?.name === 'breaker:close')
    expect(events.at(-1)?.payload.reason).toBe('2 probes passed')
    // The events are a way through the automaton: each begins where the one before ended.
    const ends = { 'breaker:open': 'open', 'breaker:half-open': 'half-open', 'breaker:close': 'closed' } as const
    const names = events.map(({ name }) => ends[name])
    expect(events.map(({ payload }) => payload.from)).toEqual(['closed', ...names.slice(0, -1)])
    const attempts = await Promise.all(handles.map(async ({ id }) => (await runner.job(id))?.attempt ?? 0))
    // Each attempt that was charged was a call: what waited was charged nothing.
    expect(attempts.reduce((sum, attempt) => sum + attempt, 0)).toBe(dependency.calls)
    expect(attempts.filter((attempt) => attempt === 1).length).toBeGreaterThan(50)
  })

  it('is opened, closed and let go by hand, for one key as well', async () => {
    const database = await newDatabase()
    const { dependency, pay } = aDependency()
    dependency.isDown = false
    const { runner } = await aWorker({ pay }, { database, ...settings({ by: 'key' }) })
    const client = aRunner({}, { database }).runner
    expect(await client.breakers.list()).toEqual([])
    const opened = await client.breakers.open(
      { queue: 'api', key: 'acme' },
      { by: 'ana', reason: 'their server moves' },
    )
    expect(opened).toMatchObject({
      queue: 'api',
      by: 'key',
      subject: 'acme',
      state: 'open',
      mode: 'open',
      openUntil: null,
      changedAt: expect.any(Date),
      changes: [{ at: expect.any(Date), reason: 'ana opened it: their server moves' }],
    } satisfies Partial<Record<keyof BreakerInfo, unknown>>)
    const waits = await runner.enqueue(pay.charge, [], { key: 'acme' })
    const runs = await runner.enqueue(pay.charge, [], { key: 'other' })
    expect(await runs.result({ timeout: '10s' })).toBe('paid')
    expect((await runner.explain(waits.id))?.waiting).toBe('breaker')
    await client.breakers.auto({ queue: 'api', key: 'acme' })
    expect(await waits.result({ timeout: '10s' })).toBe('paid')

    // A name alone means the queue that its code names.
    expect(await client.breakers.open('pay.charge')).toMatchObject({ queue: 'api', by: 'name', state: 'open' })
    expect(await client.breakers.close('pay.charge')).toMatchObject({ state: 'closed', mode: 'closed' })
    expect(await client.breakers.auto('pay.charge')).toMatchObject({ state: 'closed', mode: 'auto' })
    expect(await runner.audit({ action: 'breaker-open' })).toMatchObject([
      { by: expect.stringContaining('@'), queue: 'api', target: { by: 'name', subject: 'pay.charge' } },
      { by: 'ana', reason: 'their server moves', target: { by: 'key', subject: 'acme' } },
    ])
    await expect(client.breakers.open('no.body')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_JOB' })
    await expect(client.breakers.open({ key: 'acme' } as never)).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })

    expect(await client.breakers.list({ queue: 'api', key: 'acme' })).toMatchObject([{ by: 'key', subject: 'acme' }])
    const [latest] = await client.breakers.list({ limit: 1 })
    expect(latest).toMatchObject({ by: 'name', subject: 'pay.charge' })
    expect(await client.breakers.list({ after: latest })).toMatchObject([{ subject: 'acme' }])
    expect(await client.breakers.list({ state: 'open' })).toEqual([])
    for (const [options, says] of [
      [{ name: 'pay.charge', key: 'acme' }, 'a name or a key, not both'],
      [{ state: 'ajar' }, 'closed, open, half-open'],
      [{ limit: 1_001 }, '"limit"'],
      [{ key: '' }, '"key"'],
      [{ after: 'acme' }, '"after"'],
      [{ after: null }, '"after"'],
      [{ qeueu: 'api' }, 'qeueu'],
      [7, 'breakers.list'],
    ] as const) {
      await expect(client.breakers.list(options as never)).rejects.toMatchObject({
        code: 'ERR_BAD_OPTIONS',
        message: expect.stringContaining(says),
      })
    }
  })

  it('keeps its state when all workers are gone', async () => {
    const database = await newDatabase()
    const { dependency, pay } = aDependency()
    const { runner } = await aWorker({ pay }, { database, ...settings(NEVER) })
    const events = eventsOf(runner, ...EVENTS)
    for (let index = 0; index < 4; index++) await runner.enqueue(pay.charge, [])
    await eventually(() => events.length === 1)
    await runner.close()
    const later = await aWorker({ pay }, { database, ...settings(NEVER) })
    const calls = dependency.calls
    const { id } = await later.runner.enqueue(pay.charge, [])
    await eventually(async () => (await later.runner.explain(id))?.waiting === 'breaker')
    expect(dependency.calls).toBe(calls)
    expect(await later.runner.breakers.list()).toMatchObject([{ state: 'open', subject: 'pay.charge' }])
  })

  it('counts the errors that its function names, and no snooze', async () => {
    const outcomes: ('fatal' | 'mine' | 'later')[] = []
    const work = {
      run: job({ queue: 'api', maxAttempts: 1 }, (kind: 'fatal' | 'mine' | 'later') => {
        outcomes.push(kind)
        if (kind === 'later') return snooze('1h')
        throw Object.assign(new Error(kind), { kind })
      }),
    }
    const isFailure = (error: unknown): boolean => (error as { kind?: string }).kind === 'fatal'
    const { runner } = await aWorker(
      { work },
      { database: await newDatabase(), ...settings({ isFailure, errorRate: 0.6, ...NEVER }, 1) },
    )
    const events = eventsOf(runner, ...EVENTS)
    for (const kind of ['mine', 'mine', 'later', 'later', 'mine'] as const) await runner.enqueue(work.run, [kind])
    await eventually(() => outcomes.length === 5)
    for (let index = 0; index < 5; index++) await runner.enqueue(work.run, ['fatal'])
    await eventually(() => events.length === 1)
    expect(events[0]?.payload).toMatchObject({ calls: 8, failures: 5 })
  })
})

describe.each(DATABASES)('audit on %s', (_, newDatabase) => {
  it('tells who did what, when and why', async () => {
    const { pay } = aDependency()
    const { runner } = aRunner({ pay }, { database: await newDatabase() })
    await runner.enqueueAll([
      [pay.check, []],
      [pay.check, []],
    ])
    await runner.pause('api', { by: 'ana', reason: 'a release' })
    await runner.cancel({ queue: 'api' }, { by: 'ben' })
    await runner.retry({ queue: 'api', state: 'cancelled' })
    expect(await runner.audit()).toMatchObject([
      { action: 'retry', by: expect.stringMatching(/^.+@.+$/), jobs: 2 },
      { action: 'cancel', by: 'ben', jobs: 2, target: { filter: { queue: 'api' } }, reason: null },
      { action: 'pause', by: 'ana', queue: 'api', jobs: null, reason: 'a release', at: expect.any(Date) },
    ])
    expect(await runner.audit({ limit: 1, action: 'pause' })).toHaveLength(1)
    await expect(runner.pause('api', { by: '' })).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })
    await expect(runner.audit({ action: 'dance' as never })).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })
  })
})
