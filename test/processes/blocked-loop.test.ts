import { expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { aRunner } from '../support/runner.ts'
import { WORKER_PLACES, type WorkerPlace } from '../support/worker-places.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

/** Three times the silence after which a node is taken for dead. */
const BLOCKED_MS = 30_000

async function runBlocked(place: WorkerPlace) {
  const spawn = () => aWorkerProcess({ ...place, queues: { default: { concurrency: 2 } }, start: {} })
  const blocked = await spawn()
  const { runner } = aRunner({ work: { block: (_ms: number) => {}, hold: () => {} } }, { database: place.url })
  const beside = await runner.enqueue('work.hold', [])
  await eventually(() => readRecord(place.record).length === 1)
  const handle = await runner.enqueue('work.block', [BLOCKED_MS])
  await eventually(() => readRecord(place.record).length === 2)
  const other = await spawn()
  await handle.result({ timeout: '45s' })
  // A moment in which the node could still be fenced for what was not confirmed meanwhile.
  const since = performance.now()
  await eventually(() => performance.now() - since > 2_500)
  const pid = blocked.child.pid
  expect(readRecord(place.record).map((line) => [line.kind, line.id, line.pid])).toEqual([
    ['start', beside.id, pid],
    ['start', handle.id, pid],
    ['end', handle.id, pid],
  ])
  const events = [...blocked.events, ...other.events].map(({ event }) => event)
  expect(events.filter((event) => event !== 'node:start')).toEqual([])
  expect(await runner.job(handle.id)).toMatchObject({ state: 'completed', attempt: 1 })
  expect(await runner.job(beside.id)).toMatchObject({ state: 'running', attempt: 1 })
}

it('a handler that blocks the event loop for 30 s costs no job of its node its lease, on either store', async () => {
  await Promise.all(WORKER_PLACES.map(async ([, aPlace]) => runBlocked(await aPlace())))
}, 75_000)
