import { join } from 'node:path'

import type { Explanation } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aRunner } from '../../support/runner.ts'
import { tempFolder } from '../../support/temp-database.ts'
import { aWorkerProcess } from '../../support/worker-process.ts'

/** A worker here, and a second process that asks. */
async function workerAndAsker(queues: Parameters<typeof aRunner>[1] = {}) {
  const folder = tempFolder()
  const url = `sqlite:${join(folder, 'jobs.db')}`
  const release = gate()
  const held: string[] = []
  const work = {
    run: () => 'done',
    wait: async (name: string) => {
      held.push(name)
      await release.passed
    },
  }
  const { runner } = aRunner({ work }, { database: url, ...queues })
  const asker = await aWorkerProcess({ url, record: join(folder, 'record') })
  const explain = (id: string) => asker.ask<Explanation | null>('explain', id)
  /** What a node says of itself is up to a second old. */
  const until = (id: string, waiting: Explanation['waiting']): Promise<Explanation> =>
    eventually(
      async () => {
        const explanation = await explain(id)
        return explanation?.waiting === waiting ? explanation : null
      },
      { withinMs: 4_000 },
    )
  return { runner, work, asker, explain, until, release, held }
}

describe('explain, asked from another process', () => {
  it('answers null for an id that nobody knows', async () => {
    const { explain } = await workerAndAsker()
    expect(await explain('3f2504e0-4f89-11d3-9a0c-0305e82c3301')).toBeNull()
  })

  it('says not-due, before everything else', async () => {
    const { runner, work, explain } = await workerAndAsker()
    const { id } = await runner.enqueue(work.run, [], { delay: '1h' })
    await runner.pause('default')
    expect(await explain(id)).toMatchObject({ state: 'scheduled', waiting: 'not-due' })
  })

  it('says no-worker when no process runs jobs', async () => {
    const { runner, work, explain } = await workerAndAsker()
    const { id } = await runner.enqueue(work.run, [])
    await runner.pause('default')
    const explanation = await explain(id)
    expect(explanation).toMatchObject({ state: 'queued', waiting: 'no-worker' })
    expect(explanation?.detail).toContain('no worker is running')
  })

  it('says no-worker when no process serves the queue', async () => {
    const { runner, work, explain } = await workerAndAsker()
    await runner.start({ queues: ['mail'] })
    const { id } = await runner.enqueue(work.run, [], { queue: 'images' })
    expect((await explain(id))?.detail).toContain('none of the 1 running node serves queue "images"')
  })

  it('says no-worker when no process knows the name, and the job waits unharmed', async () => {
    const { runner, asker, until } = await workerAndAsker()
    await runner.start()
    const { id } = await asker.ask<{ id: string }>('enqueue', 'work.block', [1])
    expect((await until(id, 'no-worker')).detail).toContain('knows a job named "work.block"')
    expect(await runner.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
  })

  it('says paused, and nothing more once the queue is resumed', async () => {
    const { runner, work, explain, until } = await workerAndAsker()
    await runner.start()
    await runner.pause('default')
    const { id, result } = await runner.enqueue(work.run, [])
    expect(await explain(id)).toMatchObject({ state: 'queued', waiting: 'paused' })
    await runner.resume('default')
    await result()
    expect(await until(id, null)).toMatchObject({ state: 'completed' })
  })

  it('says concurrency when all consumers are busy, and null for what they run', async () => {
    const { runner, work, until, release, held } = await workerAndAsker({ queues: { default: { concurrency: 1 } } })
    await runner.start()
    const first = await runner.enqueue(work.wait, ['first'])
    await eventually(() => held.length === 1)
    const second = await runner.enqueue(work.wait, ['second'])
    expect((await until(second.id, 'concurrency')).detail).toContain('the only consumer')
    expect(await until(first.id, null)).toMatchObject({ state: 'running' })
    release.open()
    await Promise.all([first.result(), second.result()])
  })

  it('says stage for a job that was claimed ahead and waits in the buffer', async () => {
    const { runner, work, until, release, held } = await workerAndAsker({
      queues: { default: { concurrency: 1, prefetch: 1 } },
    })
    await runner.start()
    const first = await runner.enqueue(work.wait, ['first'])
    await eventually(() => held.length === 1)
    const second = await runner.enqueue(work.wait, ['second'])
    expect(await until(second.id, 'stage')).toMatchObject({ state: 'running' })
    release.open()
    await Promise.all([first.result(), second.result()])
  })

  it('says no-demand when consumers are free but have not asked yet', async () => {
    const { runner, work, asker, explain } = await workerAndAsker()
    await runner.start()
    // The other process stores the job, so this one has to notice; until then that is the answer.
    const { id } = await asker.ask<{ id: string }>('enqueue', 'work.run', [])
    const first = await explain(id)
    expect([null, 'no-demand']).toContain(first?.waiting)
    expect(work).toBeDefined()
    await runner.result(id)
  })

  it('gives no reason for a job that has ended, but says how', async () => {
    const { runner, work, explain } = await workerAndAsker()
    const { id } = await runner.enqueue(work.run, [])
    await runner.cancel(id)
    const explanation = await explain(id)
    expect(explanation).toMatchObject({ state: 'cancelled', waiting: null })
    expect(explanation?.detail).toContain('cancelled')
  })
})
