import { join } from 'node:path'

import { expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { aRunner } from '../support/runner.ts'
import { tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

it('a process that was stopped longer than the death threshold is refused its late results, and rejoins as a new node', async () => {
  const folder = tempFolder()
  const place = { url: `sqlite:${join(folder, 'jobs.db')}`, record: join(folder, 'record') }
  const work = { run: (_ms: number, value: string) => value }
  const { runner } = aRunner({ work }, { database: place.url })
  const zombie = await aWorkerProcess({ ...place, start: {} })
  const first = zombie.events.find(({ event }) => event === 'node:start')
  const handle = await runner.enqueue(work.run, [1_500, 'once'], { backoff: { base: 0 } })
  await eventually(async () => (await runner.job(handle.id))?.startedAt)
  zombie.signal('SIGSTOP')
  const stoppedAt = Date.now()

  const other = await aWorkerProcess({ ...place, start: {} })
  const rescue = await eventually(() => other.events.find(({ event }) => event === 'node:rescue'), { withinMs: 20_000 })
  expect(rescue.payload).toMatchObject({ requeued: [handle.id] })
  expect(rescue.at - stoppedAt).toBeGreaterThan(9_000)
  expect(rescue.at - stoppedAt).toBeLessThan(15_000)
  expect(await handle.result({ timeout: '10s' })).toBe('once')
  const accepted = await runner.job(handle.id)

  zombie.signal('SIGCONT')
  const rejoined = await eventually(() => zombie.events.filter(({ event }) => event === 'node:start')[1])
  expect(zombie.events.map(({ event }) => event)).toContain('node:fenced')
  expect(rejoined.payload['node']).not.toBe(first?.payload['node'])
  // The zombie's handler has ended twice over; the store keeps the one result that it took.
  await eventually(() => readRecord(place.record).filter(({ kind }) => kind === 'end').length === 2)
  expect(await runner.job(handle.id)).toEqual(accepted)
  expect(accepted).toMatchObject({
    state: 'completed',
    attempt: 2,
    attempts: [{ error: { code: 'ERR_NODE_DIED' } }, {}],
  })

  await other.ask('stop')
  const next = await runner.enqueue(work.run, [0, 'works on'])
  expect(await next.result({ timeout: '5s' })).toBe('works on')
  expect(readRecord(place.record).at(-1)).toMatchObject({ id: next.id, pid: zombie.child.pid })
}, 45_000)
