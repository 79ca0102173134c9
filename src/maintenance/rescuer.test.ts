import { describe, expect, it } from 'vitest'

import { aNode, aStore } from '../../test/support/factories.ts'
import { gate } from '../../test/support/gate.ts'
import { testHost } from '../../test/support/test-host.ts'
import type { NodeRecord } from '../store/store.ts'
import { nodeProcesses } from '../host/processes.ts'
import { isDead, Rescuer } from './rescuer.ts'

const processes = nodeProcesses()
const own = processes.own()
const silent = (rest: Partial<NodeRecord> = {}): NodeRecord => aNode({ beatSeq: 7, beatAgeMs: 60_000, ...rest })

describe('isDead', () => {
  it('needs silence by both clocks', () => {
    const seen = (silentMs: number) => ({ beatSeq: 7, silentMs })
    expect(isDead(silent(), seen(10_000), processes, 10_000)).toBe(true)
    expect(isDead(silent(), seen(9_999), processes, 10_000)).toBe(false)
    expect(isDead(silent({ beatAgeMs: 9_999 }), seen(60_000), processes, 10_000)).toBe(false)
  })

  it('relies on its own watch when the clock of the store was set back since the beat', () => {
    const judge = (silentMs: number): boolean =>
      isDead(silent({ beatAgeMs: -3_600_000 }), { beatSeq: 7, silentMs }, processes, 10_000)
    expect([judge(9_999), judge(10_000)]).toEqual([false, true])
  })

  it('needs to have watched the silence itself, and of that very beat', () => {
    expect(isDead(silent(), undefined, processes, 10_000)).toBe(false)
    expect(isDead(silent(), { beatSeq: 6, silentMs: 60_000 }, processes, 10_000)).toBe(false)
  })

  it.runIf(own.pidScope !== null)('knows at once that a process of the same boot is gone', () => {
    const gone = aNode({ ...own, id: 'gone', pid: 2 ** 22 + 1 })
    const reused = aNode({ ...own, id: 'reused', pidStart: '1' })
    const living = aNode({ ...own, id: 'living' })
    const judge = (node: NodeRecord): boolean => isDead(node, undefined, processes, 10_000)
    expect([judge(gone), judge(reused), judge(living)]).toEqual([true, true, false])
  })

  it('concludes nothing from a pid of another boot or container, or from none', () => {
    const foreign = aNode({ ...own, pidScope: 'another', pid: 2 ** 22 + 1 })
    const unknown = aNode({ ...own, pidStart: null, pid: 2 ** 22 + 1 })
    expect(isDead(foreign, undefined, processes, 10_000)).toBe(false)
    expect(isDead(unknown, undefined, processes, 10_000)).toBe(false)
  })
})

function aRescuer(nodes: () => readonly NodeRecord[] | Promise<readonly NodeRecord[]>, everyMs?: number) {
  const host = testHost()
  let reads = 0
  const rescued: string[] = []
  const errors: unknown[] = []
  const failing = new Set<string>()
  const store = aStore({
    readNodes: async () => {
      reads += 1
      return nodes()
    },
    rescueNode: async ({ node }) => {
      if (failing.has(node)) throw new Error(`${node} cannot be freed`)
      return { requeued: [], failed: [], cancelled: [], quarantined: [] }
    },
  })
  const rescuer = new Rescuer(host, {
    store,
    node: 'self',
    everyMs,
    onRescued: ({ id }) => rescued.push(id),
    onError: (error) => errors.push(error),
  })
  return { host, rescuer, rescued, errors, failing, reads: () => reads }
}

describe('Rescuer', () => {
  it('frees a silent node after ten seconds of its own watch, never itself and never the dead', async () => {
    const nodes = [silent({ id: 'self' }), silent({ id: 'silent' }), silent({ id: 'dead', isDead: true })]
    const { rescuer, host, rescued } = aRescuer(() => nodes)
    await rescuer.start()
    await host.clock.advance(9_999)
    expect(rescued).toEqual([])
    // It reads when the silence is long enough, and not only at its steady pace.
    await host.clock.advance(1)
    expect(rescued[0]).toBe('silent')
    expect(new Set(rescued)).toEqual(new Set(['silent']))
  })

  it('does not count the time in which the store was away: then nobody could beat', async () => {
    let isDown = false
    const { rescuer, host, rescued } = aRescuer(() => {
      if (isDown) throw new Error('down')
      return [silent({ id: 'silent' })]
    })
    await rescuer.start()
    isDown = true
    await host.clock.advance(60_000)
    isDown = false
    await host.clock.advance(9_000)
    expect(rescued).toEqual([])
    await host.clock.advance(2_000)
    expect(rescued[0]).toBe('silent')
  })

  it('does not count the time in which a read hung, nor that in which it was itself stopped', async () => {
    const answer = gate<readonly NodeRecord[]>()
    let hangsAt = 2
    const { rescuer, host, rescued } = aRescuer(() =>
      --hangsAt === 0 ? answer.passed : [silent({ id: 'silent', beatSeq: 7 })],
    )
    await rescuer.start()
    await host.clock.advance(60_000)
    answer.open([silent({ id: 'silent', beatSeq: 7 })])
    await host.clock.advance(6_900)
    expect(rescued).toEqual([])
    await host.clock.advance(200)
    expect(rescued[0]).toBe('silent')
  })

  it('begins to watch anew with each beat', async () => {
    let beatSeq = 1
    const { rescuer, host, rescued } = aRescuer(() => [silent({ id: 'slow', beatSeq })])
    await rescuer.start()
    for (let beat = 0; beat < 5; beat++) {
      await host.clock.advance(9_000)
      beatSeq += 1
    }
    expect(rescued).toEqual([])
  })

  it('frees the others when one cannot be freed', async () => {
    const { rescuer, host, rescued, errors, failing } = aRescuer(() => [silent({ id: 'bad' }), silent({ id: 'good' })])
    failing.add('bad')
    await rescuer.start()
    await host.clock.advance(10_000)
    expect(rescued).toContain('good')
    expect(errors.length).toBe(1)
    failing.clear()
    await host.clock.advance(1_000)
    expect(rescued).toContain('bad')
  })

  it('reads the nodes every three seconds, and nothing between', async () => {
    let beatSeq = 1
    const { rescuer, host, reads } = aRescuer(() => [
      silent({ id: 'far', beatSeq: beatSeq++ }),
      silent({ ...own, id: 'here', beatSeq }),
    ])
    await rescuer.start()
    await host.clock.advance(30_000)
    expect(reads()).toBe(11)
  })

  it.runIf(own.pidScope !== null)('frees a node of this host as soon as its process is gone', async () => {
    const here = aNode({ ...own, id: 'here' })
    const { rescuer, host, rescued, reads } = aRescuer(() => [here])
    await rescuer.start()
    await host.clock.advance(1_000)
    expect([rescued, reads()]).toEqual([[], 1])
    Object.assign(here, { pid: 2 ** 22 + 1 })
    await host.clock.advance(250)
    expect([rescued, reads()]).toEqual([['here'], 2])
  })

  it.runIf(own.pidScope !== null)('does not hurry when a node that is gone cannot be freed', async () => {
    const gone = aNode({ ...own, id: 'gone', pid: 2 ** 22 + 1 })
    const { rescuer, host, rescued, failing, reads } = aRescuer(() => [gone])
    failing.add('gone')
    await rescuer.start()
    await host.clock.advance(5_000)
    expect(reads()).toBe(6)
    failing.clear()
    await host.clock.advance(1_000)
    expect(rescued).toEqual(['gone'])
  })

  it('goes on after a store that failed, and ends when it is stopped', async () => {
    let isDown = true
    let looks = 0
    const { rescuer, host, errors } = aRescuer(() => {
      looks += 1
      if (isDown) throw new Error('down')
      return []
    }, 1_000)
    await rescuer.start()
    isDown = false
    await host.clock.advance(2_000)
    expect([errors.length, looks]).toEqual([1, 3])
    await rescuer.stop()
    await host.clock.advance(10_000)
    expect(looks).toBe(3)
  })
})
