import { describe, expect, it } from 'vitest'

import { rescueForensics, type DeadNode, type DyingJob } from './rescue-forensics.ts'

const consumer = { startedAt: 0, done: 1, failed: 0, lastJobAt: null }
const dead: DeadNode = {
  id: 'node',
  host: 'box',
  pid: 7,
  version: '1.2.3',
  startedAt: 1_000,
  beatAt: 61_000,
  snapshot: {
    state: 'alive',
    loopLagMs: 12,
    memoryBytes: 5_000,
    queues: [
      { queue: 'other', concurrency: 1, demand: 1, buffered: [], consumers: [{ ...consumer, job: null }] },
      { queue: 'q', concurrency: 2, demand: 0, buffered: ['b'], consumers: [{ ...consumer, job: 'a' }] },
    ],
  },
}
const job: DyingJob = { queue: 'q', crashes: 3, createdAt: 100, dueAt: 50_000, claimedAt: 50_100, startedAt: 50_200 }
const facts = { dead, heldJobs: 2, by: 'finder', now: 71_000 }

describe('rescueForensics', () => {
  it('tells what the process had told last, and of its death, the own queue first', () => {
    expect(rescueForensics(facts, job)).toEqual({
      death: { silentMs: 10_000, crashes: 3, foundBy: 'finder' },
      node: { id: 'node', host: 'box', pid: 7, version: '1.2.3', nodeVersion: null, uptimeMs: 60_000 },
      load: { averages: null, cpus: null, loopLagMs: 12 },
      memory: {
        residentBytes: 5_000,
        heapUsedBytes: null,
        heapLimitBytes: null,
        freeBytes: null,
        totalBytes: null,
      },
      held: { jobs: 2, handlers: 1, stuck: null, outbox: null },
      queues: [
        { queue: 'q', concurrency: 2, running: 1, buffered: 1, demand: 0, depth: null, depthAgeMs: null },
        { queue: 'other', concurrency: 1, running: 0, buffered: 0, demand: 1, depth: null, depthAgeMs: null },
      ],
      recentErrors: [],
      timing: { waitMs: 200, runMs: 10_800, ageMs: 50_000 },
    })
  })

  it('leaves out what a node told in a form that is not ours', () => {
    // As a node of another version may have written it.
    const snapshot = { ...dead.snapshot, queues: [{ queue: 'q' }] } as unknown as DeadNode['snapshot']
    expect(rescueForensics({ ...facts, dead: { ...dead, snapshot } }, job)).toMatchObject({
      death: { silentMs: 10_000 },
      queues: [],
    })
  })

  it('does with a node of which nothing is left, with a job that had not begun, and with clocks that were set back', () => {
    const gone = { ...dead, version: null, startedAt: null, beatAt: null, snapshot: null }
    expect(rescueForensics({ ...facts, dead: gone, by: null }, { ...job, startedAt: null })).toMatchObject({
      death: { silentMs: null, foundBy: null },
      node: { uptimeMs: null, version: null },
      load: { loopLagMs: null },
      memory: { residentBytes: null },
      held: { handlers: null },
      queues: [],
      timing: { waitMs: 100, runMs: null },
    })
    expect(rescueForensics({ ...facts, now: 0 }, job).death?.silentMs).toBe(0)
  })
})
