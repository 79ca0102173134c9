import { join } from 'node:path'

import { expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { aRunner } from '../support/runner.ts'
import { tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

/** Longer than the silence after which a node is taken for dead. */
const BLOCKED_MS = 12_000

it('a node whose handler blocks the event loop for long beats on, and keeps its jobs', async () => {
  const { url } = await postgresDatabase()
  const record = join(tempFolder(), 'record')
  const spawn = () => aWorkerProcess({ url, record, queues: { default: { concurrency: 1 } }, start: {} })
  const blocked = await spawn()
  const { runner } = aRunner({ work: { block: (_ms: number) => {} } }, { database: url })
  const { id } = await runner.enqueue('work.block', [BLOCKED_MS])
  await eventually(() => readRecord(record).some(({ kind }) => kind === 'start'))
  const other = await spawn()
  await eventually(() => readRecord(record).some(({ kind }) => kind === 'end'), {
    withinMs: 2 * BLOCKED_MS,
    everyMs: 100,
  })
  await eventually(async () => (await runner.job(id))?.state === 'completed')
  expect(readRecord(record).map(({ kind, pid }) => [kind, pid])).toEqual([
    ['start', blocked.child.pid],
    ['end', blocked.child.pid],
  ])
  const events = [...blocked.events, ...other.events].map(({ event }) => event)
  expect(events).not.toContain('node:rescue')
  expect(events).not.toContain('node:fenced')
})
