/** What one worker sees of another, each a process of its own: its consumers, its stages, and its end. */

import type { Inspection, NodeInfo } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { readRecord, aWorkerProcess, type WorkerProcess } from '../support/worker-process.ts'
import { WORKER_PLACES } from '../support/worker-places.ts'

/** What a worker sees of another, while it watches. */
async function seenOf(other: WorkerProcess, by: WorkerProcess): Promise<NodeInfo | undefined> {
  const nodes = await by.ask<readonly NodeInfo[]>('nodes', { watch: true })
  return nodes.find(({ pid }) => pid === other.child.pid)
}

describe.each(WORKER_PLACES)('two workers on %s', (_, aPlace) => {
  it('see the consumers and stages of each other, and what became of one that is killed', async () => {
    const place = await aPlace()
    const queues = { default: { concurrency: 2 } }
    const one = await aWorkerProcess({ ...place, queues, start: { queues: ['default'] } })
    const other = await aWorkerProcess({ ...place, queues, start: { queues: ['other'] } })
    await other.ask('enqueue', 'work.run', [0])
    const held = await other.ask<{ readonly id: string }>('enqueue', 'work.hold', [])
    const seen = await eventually(async () => {
      const node = await seenOf(one, other)
      const consumers = node?.consumers ?? []
      const isAllSeen = consumers.some(({ job }) => job === held.id) && consumers.some(({ done }) => done === 1)
      return isAllSeen && node !== undefined && node.flow !== null ? { ...node, flow: node.flow } : null
    })
    // What it says of itself.
    const { worker } = await one.ask<Inspection>('inspect')
    expect(seen.id).toBe(worker?.node)
    const namesOf = (stages: readonly { readonly name?: string }[]) => stages.map(({ name }) => name)
    expect(namesOf(seen.flow.stages)).toEqual(namesOf(worker?.stages ?? []))
    expect(namesOf(seen.flow.stages)).toContain('default/consumer-2')
    const consumers = seen.flow.stages.filter(({ name }) => name?.startsWith('default/consumer-') === true)
    // Both jobs went through these stages, by whichever.
    expect(consumers.map(({ eventsIn }) => eventsIn).reduce((sum, events) => sum + events, 0)).toBe(2)
    expect(seen.consumers.map(({ queue, failed }) => [queue, failed])).toEqual(Array(2).fill(['default', 0]))
    expect((await seenOf(other, one))?.queues.map(({ queue }) => queue)).toEqual(['other'])

    await eventually(() => readRecord(place.record).some(({ id }) => id === held.id))
    const diedAt = Date.now()
    await one.kill()
    const dead = await eventually(async () => {
      const node = await seenOf(one, other)
      return node?.state === 'dead' && node.rescued !== null ? { ...node, rescued: node.rescued } : null
    })
    expect(Date.now() - diedAt).toBeLessThan(10_000)
    expect(dead).toMatchObject({ id: seen.id, consumers: [], flow: null })
    const rescuer = (await other.ask<Inspection>('inspect')).worker?.node
    expect(dead.rescued).toMatchObject({ by: rescuer, requeued: 1, failed: 0, cancelled: 0 })
    expect(await other.ask('job', held.id)).toMatchObject({ state: 'queued', attempt: 1 })
  }, 60_000)
})
