import { createRequire } from 'node:module'

import { currentJob } from 'millrace'
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

/** A worker with a job that runs, and the hand that declares its node dead and takes the job away. */
async function aWorkerToBeDeclaredDead() {
  const { path, url } = tempDatabase()
  const release = gate()
  const reasons: string[] = []
  let runs = 0
  const work = {
    wait: async () => {
      runs += 1
      if (runs > 1) return 'the second run'
      const { signal } = currentJob()
      signal.addEventListener('abort', () => reasons.push(String(signal.reason)))
      await release.passed
      return 'the first run'
    },
    quick: () => 'quick',
  }
  const { runner } = await aWorker({ work }, { database: url })
  const events = eventsOf(runner, 'node:start', 'node:fenced', 'node:stop', 'job:stop', 'job:stale', 'queue:crash')
  const handle = await runner.enqueue(work.wait, [])
  await eventually(() => runs === 1)
  const db = new DatabaseSync(path)
  onTestFinished(() => db.close())
  const declareDead = (): void => {
    db.exec(`pragma busy_timeout = 5000; begin immediate;
      update millrace_node set dead_at = 1;
      update millrace_job set state = 'queued', lease = null, node = null, claimed_at = null, started_at = null;
      commit`)
  }
  return { runner, work, handle, events, reasons, release, declareDead }
}

describe('a node that others declared dead', () => {
  it('lets go of its jobs, tells their handlers, and goes on under a new id', async () => {
    const { runner, work, handle, events, reasons, release, declareDead } = await aWorkerToBeDeclaredDead()
    const before = runner.inspect().worker?.node
    declareDead()
    expect(await handle.result({ timeout: '5s' })).toBe('the second run')
    expect(reasons).toEqual(['AbortError: the lease on this job is lost'])
    expect(runner.inspect()).toMatchObject({ state: 'running' })
    expect(runner.inspect().worker?.node).not.toBe(before)
    release.open()
    expect(await (await runner.enqueue(work.quick, [])).result()).toBe('quick')
    expect((await runner.job(handle.id))?.result).toBe('the second run')
    const names = events.map(({ name }) => name)
    expect(names.filter((name) => name === 'node:fenced')).toHaveLength(1)
    expect(names).not.toContain('queue:crash')
    expect(
      events.filter(({ name, payload }) => name === 'job:stop' && 'id' in payload && payload.id === handle.id),
    ).toHaveLength(1)
  })

  it('can be stopped at any moment of that, and started again', async () => {
    for (let delayMs = 0; delayMs < 1_300; delayMs += 130) {
      const { runner, work, events, release, declareDead } = await aWorkerToBeDeclaredDead()
      declareDead()
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      await runner.stop({ timeout: 50 })
      expect(runner.inspect()).toMatchObject({ state: 'idle', worker: null })
      release.open()
      await runner.start()
      expect(await (await runner.enqueue(work.quick, [])).result({ timeout: '5s' })).toBe('quick')
      await runner.close()
      expect(events.map(({ name }) => name)).not.toContain('queue:crash')
    }
  }, 60_000)
})
