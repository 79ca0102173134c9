/** A circuit breaker among processes that die. */

import { rmSync, writeFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { aRunner } from '../support/runner.ts'
import { WORKER_PLACES } from '../support/worker-places.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

const names = { work: { flaky: () => {} } }
const breaker = { minimumCalls: 3, openFor: '400ms', probes: 1 }
const queues = { default: { concurrency: 2, breaker } }

describe.each(WORKER_PLACES)('a breaker among processes on %s', (_, aPlace) => {
  it('frees the probe of a process that is killed half-open, and closes by that of another', async () => {
    const place = await aPlace()
    const { runner } = aRunner(names, { database: place.url })
    const first = await aWorkerProcess({ ...place, queues, start: {} })
    writeFileSync(`${place.record}.down`, '')
    for (let index = 0; index < 6; index++) await runner.enqueue('work.flaky', [])
    await eventually(() => first.events.some(({ event }) => event === 'breaker:open'))

    // The dependency hangs, so that the probe is under way when its process dies.
    writeFileSync(`${place.record}.hang`, '')
    rmSync(`${place.record}.down`)
    await eventually(async () => (await runner.breakers.list())[0]?.probes === 1)
    const [probe] = (await runner.list({ state: 'running' })).jobs
    await eventually(() => readRecord(place.record).at(-1)?.id === probe?.id)
    const second = await aWorkerProcess({ ...place, queues, start: {} })
    expect(await runner.breakers.list()).toMatchObject([{ state: 'half-open', probes: 1 }])
    const before = readRecord(place.record).length
    await first.kill()
    // Its job comes back, and is a probe again: the only one.
    await eventually(() => readRecord(place.record).length > before, { withinMs: 15_000 })
    expect(readRecord(place.record).slice(before)).toMatchObject([{ kind: 'start', pid: second.child.pid }])
    expect(await runner.breakers.list()).toMatchObject([{ state: 'half-open', probes: 1 }])

    rmSync(`${place.record}.hang`)
    await eventually(async () => (await runner.breakers.list())[0]?.state === 'closed')
    await eventually(() => readRecord(place.record).filter(({ kind }) => kind === 'end').length === 6)
    await eventually(() => second.events.some(({ event }) => event === 'breaker:close'))
    // A job ends in its process first, and then in the database.
    await eventually(async () => (await runner.list({ state: 'completed' })).jobs.length === 6)
  }, 60_000)

  it('opened by a process that dies at once keeps the others from claiming', async () => {
    const place = await aPlace()
    const { runner } = aRunner(names, { database: place.url })
    const long = { default: { concurrency: 2, breaker: { ...breaker, openFor: '1h' } } }
    const first = await aWorkerProcess({ ...place, queues: long, start: {} })
    writeFileSync(`${place.record}.down`, '')
    for (let index = 0; index < 6; index++) await runner.enqueue('work.flaky', [])
    await eventually(() => first.events.some(({ event }) => event === 'breaker:open'))
    await first.kill()
    const lines = readRecord(place.record).length
    const second = await aWorkerProcess({ ...place, queues: long, start: {} })
    const { id } = await runner.enqueue('work.flaky', [])
    await eventually(async () => (await runner.explain(id))?.waiting === 'breaker')
    await eventually(async () => (await second.ask<readonly { readonly depth: number }[]>('queues')).length > 0)
    expect(readRecord(place.record).slice(lines)).toEqual([])
  }, 60_000)
})
