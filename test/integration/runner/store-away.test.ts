import { createRequire } from 'node:module'

import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aWorker, eventsOf } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

interface Handle {
  exec(sql: string): void
  close(): void
}

// The package ships a CommonJS build for this; its own types are those of node:sqlite.
const { DatabaseSync } = createRequire(import.meta.url)('@photostructure/sqlite') as {
  readonly DatabaseSync: new (path: string) => Handle
}

/** A worker, and a lock that keeps everybody from writing to its file. */
async function aWorkerAndALock() {
  const { path, url } = tempDatabase()
  const release = gate()
  const runs: number[] = []
  const work = {
    wait: async (value: number) => {
      runs.push(value)
      await release.passed
      return value
    },
  }
  const { runner } = await aWorker({ work }, { database: url, queues: { default: { concurrency: 5 } } })
  const db = new DatabaseSync(path)
  onTestFinished(() => db.close())
  const lock = (): void => db.exec('pragma busy_timeout = 5000; begin immediate')
  const unlock = (): void => db.exec('rollback')
  return { runner, work, runs, release, lock, unlock }
}

async function pass(ms: number): Promise<void> {
  const since = performance.now()
  await eventually(() => performance.now() - since > ms, { withinMs: ms + 1_000 })
}

describe('a store that cannot be written for a while', () => {
  it('keeps the ends of jobs waiting, and takes each once when it is back', async () => {
    const { runner, work, runs, release, lock, unlock } = await aWorkerAndALock()
    const events = eventsOf(runner, 'job:stop')
    const handles = await Promise.all([1, 2, 3].map((value) => runner.enqueue(work.wait, [value])))
    await eventually(() => runs.length === 3)
    lock()
    release.open()
    const late = runner.enqueue(work.wait, [4]).catch((error: unknown) => error)
    await pass(7_000)
    expect(events).toEqual([])
    expect(runner.inspect().worker).toMatchObject({ handlers: 0, outbox: 3 })
    unlock()
    expect(await Promise.all(handles.map((handle) => handle.result({ timeout: '10s' })))).toEqual([1, 2, 3])
    await eventually(() => events.length >= 3)
    // The late one was stored after all, or its caller was told that it may try again.
    const outcome = await late
    if (outcome instanceof Error) expect(outcome).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    const next = await runner.enqueue(work.wait, [5])
    expect(await next.result({ timeout: '5s' })).toBe(5)
  }, 30_000)

  it('does not keep a stop from ending; the next start goes on with what was left', async () => {
    const { runner, work, runs, release, lock, unlock } = await aWorkerAndALock()
    const handle = await runner.enqueue(work.wait, [1])
    await eventually(() => runs.length === 1)
    lock()
    const before = performance.now()
    await runner.stop({ timeout: 100 })
    expect(performance.now() - before).toBeLessThan(15_000)
    unlock()
    release.open()
    await runner.start()
    expect(await handle.result({ timeout: '15s' })).toBe(1)
  }, 40_000)
})
