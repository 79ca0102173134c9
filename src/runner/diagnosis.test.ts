import { describe, expect, it } from 'vitest'

import { aNode } from '../../test/support/factories.ts'
import { nodeProcesses } from '../host/processes.ts'
import type { QueueRecord } from '../store/store.ts'
import { diagnoseWorkers } from './diagnosis.ts'

const processes = {
  ...nodeProcesses(),
  own: () => ({ host: 'here', pid: 1, pidScope: null, pidStart: null }),
  startOf: () => null,
}

function aQueue(rest: Partial<QueueRecord> = {}): QueueRecord {
  return {
    name: 'default',
    depth: 0,
    parked: 0,
    scheduled: 0,
    running: 0,
    oldestAgeMs: null,
    endedLastMinute: 0,
    isPaused: false,
    scale: null,
    ...rest,
  }
}

const ok = (check: string) => ({ check, level: 'ok', found: expect.any(String), advice: null })

describe('diagnoseWorkers', () => {
  it('is content with living workers that serve what waits', () => {
    expect(diagnoseWorkers({ nodes: [aNode()], queues: [aQueue({ depth: 3 })], processes })).toEqual([
      ok('nodes'),
      ok('queues'),
    ])
  })

  it('warns when no worker runs, which is no problem while nothing waits', () => {
    expect(diagnoseWorkers({ nodes: [], queues: [aQueue({ scheduled: 5 })], processes })).toEqual([
      expect.objectContaining({ check: 'nodes', level: 'warning', advice: expect.stringContaining('millrace start') }),
      ok('queues'),
    ])
  })

  it('finds workers that died, beside those that live', () => {
    const dead = Array.from({ length: 7 }, (_, index) => aNode({ id: `d${index}`, pid: 100 + index, isDead: true }))
    expect(diagnoseWorkers({ nodes: [aNode(), ...dead], queues: [], processes })[0]).toMatchObject({
      check: 'nodes',
      level: 'problem',
      found: expect.stringMatching(/^7 workers died .*here \(pid 104\) and 2 more$/),
    })
  })

  it('finds workers that are silent and that nobody has declared dead', () => {
    const silent = aNode({ beatAgeMs: 10_000 })
    const findings = diagnoseWorkers({ nodes: [silent], queues: [aQueue({ depth: 1 })], processes })
    expect(findings.map(({ check, level }) => `${check} ${level}`)).toEqual([
      'nodes problem',
      'nodes warning',
      'queues problem',
    ])
    expect(diagnoseWorkers({ nodes: [aNode({ beatAgeMs: 9_999 })], queues: [], processes })[0]).toEqual(ok('nodes'))
  })

  it('names the queues in which jobs wait for a worker that serves them', () => {
    const queues = [aQueue({ depth: 2 }), aQueue({ name: 'mail', depth: 7 }), aQueue({ name: 'idle' })]
    expect(diagnoseWorkers({ nodes: [aNode({ queues: ['default', 'idle'] })], queues, processes })[1]).toEqual({
      check: 'queues',
      level: 'problem',
      found: 'jobs wait where no worker serves: "mail" (7)',
      advice: expect.stringContaining('--queues'),
    })
  })
})
