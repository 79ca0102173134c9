import { describe, expect, it } from 'vitest'

import { stillSystem } from '../../test/support/stages.ts'
import { settled, type TestHost } from '../../test/support/test-host.ts'
import {
  consumer,
  consumerSupervisor,
  producer,
  type ConsumerSupervisorOptions,
  type ConsumerSupervisorRef,
  type ExitReason,
  type ProcessRef,
  type ProducerDefinition,
  type ProducerRef,
  type System,
} from './index.ts'

/** A supervisor whose children end when told, and what is known of them. */
interface Lab {
  readonly system: System
  readonly host: TestHost
  readonly ref: ConsumerSupervisorRef<number>
  readonly source: ProducerRef<number>
  /** The events of all starts, restarts included. */
  readonly starts: number[]
  /** What the source was asked for. */
  readonly demands: number[]
  /** Ends the child of `event`: kills it if told so, else with that reason. */
  end(event: number, reason: ExitReason | 'kill'): Promise<void>
  /** The events whose children run. */
  running(): readonly number[]
}

interface LabOptions extends Partial<Omit<ConsumerSupervisorOptions<number>, 'subscribeTo'>> {
  readonly maxDemand?: number
  readonly minDemand?: number
  readonly cancel?: 'permanent' | 'temporary'
  /** How many events there are. Default: no end. */
  readonly events?: number
}

/** Emits 1, 2, 3 … and notes what it is asked for. */
function numbers(demands: number[], events = Number.POSITIVE_INFINITY): ProducerDefinition<number> {
  return producer<number>(() => {
    let next = 1
    return {
      handleDemand: (demand) => {
        demands.push(demand)
        return Array.from({ length: Math.min(demand, events - next + 1) }, () => next++)
      },
    }
  })
}

async function startedLab(options: LabOptions = {}): Promise<Lab> {
  const { maxDemand = 2, minDemand = 0, cancel = 'temporary', events, ...rest } = options
  const { system, host } = stillSystem()
  const starts: number[] = []
  const demands: number[] = []
  const live = new Map<number, ProcessRef>()
  const child = (event: number) =>
    consumer<never>((self) => {
      starts.push(event)
      live.set(event, self.ref)
      self.ref.monitor(() => live.get(event) === self.ref && live.delete(event))
      return { handleEvents: () => {} }
    })
  const source = await system.start(numbers(demands, events))
  const ref = await system.start(
    consumerSupervisor<number>(() => ({
      startChild: child,
      ...rest,
      subscribeTo: [{ to: source, maxDemand, minDemand, cancel }],
    })),
  )
  await system.idle()
  return {
    system,
    host,
    ref,
    source,
    starts,
    demands,
    end: async (event, reason) => {
      if (reason === 'kill') live.get(event)?.kill()
      else await live.get(event)?.stop(reason)
      await system.idle()
    },
    running: () => [...live.keys()],
  }
}

describe('the demand of a consumer supervisor', () => {
  it.each([
    // maxDemand, minDemand, what is asked for while the children of 1 to 6 end one after the other
    [4, 0, [4, 1, 1, 1, 1, 1, 1]],
    [4, 1, [4, 1, 1, 1, 1, 1, 1]],
    [4, 2, [4, 2, 2, 2]],
    [3, 2, [3, 2, 2, 2]],
    [5, 4, [5, 4]],
  ])(
    'with a maxDemand of %d and a minDemand of %d follows the children that end',
    async (maxDemand, minDemand, asks) => {
      const lab = await startedLab({ maxDemand, minDemand })
      for (let event = 1; event <= 6; event++) {
        expect(lab.running().length).toBeLessThanOrEqual(maxDemand)
        await lab.end(event, 'normal')
      }
      expect(lab.demands).toEqual(asks)
    },
  )

  it('runs one child for each event, never more than maxDemand', async () => {
    const lab = await startedLab({ maxDemand: 2, events: 6 })
    for (let event = 1; event <= 6; event++) {
      expect(lab.running()).toEqual(event < 6 ? [event, event + 1] : [6])
      await lab.end(event, 'normal')
    }
    expect(lab.starts).toEqual([1, 2, 3, 4, 5, 6])
    expect(await lab.ref.countChildren()).toEqual({ specs: 0, active: 0, supervisors: 0, workers: 0 })
  })

  it.each(['normal', 'oops', 'kill'])('has the slot of a temporary child free that ended with %s', async (reason) => {
    const lab = await startedLab()
    await lab.end(1, reason)
    expect([lab.running(), lab.demands]).toEqual([
      [2, 3],
      [2, 1],
    ])
  })

  it('counts events for which nothing runs, or whose child does not start, as finished', async () => {
    const starts: number[] = []
    const broken = consumer<never>(() => {
      throw new Error('no way')
    })
    const lab = await startedLab({
      maxDemand: 2,
      events: 5,
      startChild: (event) => {
        starts.push(event)
        if (event === 1) return undefined
        if (event === 2) throw new Error('no child')
        return broken
      },
    })
    expect(starts).toEqual([1, 2, 3, 4, 5])
    expect(lab.ref.isAlive).toBe(true)
    const codes = lab.host.logger.records.filter(({ code }) => code === 'child_start_failed')
    expect(codes.map(({ args }) => args[0])).toEqual([2, 3, 4, 5])
  })

  it('counts a child that answers ignore as finished', async () => {
    const lab = await startedLab({ maxDemand: 2, events: 5, startChild: () => consumer<never>(() => 'ignore') })
    expect([lab.demands, await lab.ref.whichChildren()]).toEqual([[2, 1, 1, 1, 1, 1], []])
    expect(await lab.ref.startChild(1)).toBeUndefined()
  })

  it('is kept apart for each subscription', async () => {
    const lab = await startedLab({ maxDemand: 1, events: 1 })
    const others: number[] = []
    const other = await lab.system.start(numbers(others, 3))
    await lab.system.subscribe(lab.ref, { to: other, maxDemand: 3, minDemand: 2, cancel: 'temporary' })
    await lab.system.idle()
    const children = await lab.ref.whichChildren()
    expect(children).toHaveLength(4)
    for (const { ref } of children.slice(0, 2)) await ref?.stop()
    await lab.system.idle()
    // The first child was the first source's, the second one of three of the other's, for whom two have to end.
    expect([lab.demands, others]).toEqual([[1, 1], [3]])
    await children[2]?.ref?.stop()
    await lab.system.idle()
    expect(others).toEqual([3, 2])
  })
})

describe('a transient child', () => {
  it.each(['oops', 'kill'])(
    'that ended with %s is started again with its event, and keeps its slot',
    async (reason) => {
      const lab = await startedLab({ restart: 'transient' })
      await lab.end(1, reason)
      expect([lab.starts, lab.demands, lab.running()]).toEqual([[1, 2, 1], [2], [2, 1]])
      await lab.end(1, 'normal')
      expect([lab.starts, lab.demands]).toEqual([
        [1, 2, 1, 3],
        [2, 1],
      ])
    },
  )

  it.each(['normal', 'shutdown', { shutdown: 'done' }])('that ended with %o is not', async (reason) => {
    const lab = await startedLab({ restart: 'transient' })
    await lab.end(1, reason)
    expect(lab.starts).toEqual([1, 2, 3])
  })

  it('that needs one restart too many ends the supervisor with shutdown, and the other children', async () => {
    const lab = await startedLab({ restart: 'transient', maxRestarts: 2 })
    const reasons: unknown[] = []
    lab.ref.monitor((reason) => reasons.push(reason))
    for (let count = 0; count < 3; count++) await lab.end(1, 'oops')
    expect([lab.starts, reasons, lab.running()]).toEqual([[1, 2, 1, 1], ['shutdown'], []])
    expect(lab.source.isAlive).toBe(true)
  })

  it('may be restarted as often as it likes, with time between', async () => {
    const lab = await startedLab({ restart: 'transient', maxRestarts: 1, maxSeconds: 5 })
    for (let count = 0; count < 4; count++) {
      await lab.end(1, 'oops')
      await lab.host.clock.advance(5001)
    }
    expect([lab.ref.isAlive, lab.starts]).toEqual([true, [1, 2, 1, 1, 1, 1]])
  })

  it('whose restart fails is tried again, and each try counts', async () => {
    let starts = 0
    const flaky = consumer<never>((self) => {
      starts++
      if (starts > 1) throw new Error('not again')
      return { handleEvents: () => {}, handleInfo: () => self.stop('oops') }
    })
    const lab = await startedLab({ restart: 'transient', maxRestarts: 3, events: 1, startChild: () => flaky })
    const [child] = await lab.ref.whichChildren()
    child?.ref?.info('fail')
    await lab.system.idle()
    expect([starts, lab.ref.isAlive]).toEqual([4, false])
  })
})

describe('children that are started and stopped by hand', () => {
  it('take no slot, and give none back', async () => {
    const lab = await startedLab({ maxDemand: 1, events: 3 })
    const added = await lab.ref.startChild(100)
    expect(lab.running()).toEqual([1, 100])
    await added?.stop()
    await lab.system.idle()
    expect([lab.demands, lab.running()]).toEqual([[1], [1]])
  })

  it('give the slot back that an event brought them', async () => {
    const lab = await startedLab({ maxDemand: 1, events: 3 })
    const [child] = await lab.ref.whichChildren()
    if (child?.ref !== undefined) await lab.ref.terminateChild(child.ref)
    await lab.system.idle()
    expect([lab.demands, lab.running()]).toEqual([[1, 1], [2]])
  })

  it('are no others than its own', async () => {
    const lab = await startedLab()
    await expect(lab.ref.terminateChild(lab.source)).rejects.toMatchObject({ code: 'ERR_UNKNOWN_CHILD' })
    expect(lab.source.isAlive).toBe(true)
  })

  it('are shown in the order of their start', async () => {
    const lab = await startedLab({ restart: 'transient' })
    await lab.ref.startChild(100)
    const children = await lab.ref.whichChildren()
    expect(children.map(({ id, kind, restart, ref }) => [id, kind, restart, ref?.isAlive])).toEqual([
      ['1', 'consumer', 'transient', true],
      ['2', 'consumer', 'transient', true],
      ['3', 'consumer', 'transient', true],
    ])
    expect(await lab.ref.countChildren()).toEqual({ specs: 3, active: 3, supervisors: 0, workers: 3 })
    expect(lab.system.inspect().supervision).toMatchObject([
      {},
      { kind: 'consumerSupervisor', children: [{ child: '1' }, { child: '2' }, { child: '3' }] },
    ])
  })

  it('answer a start that fails to whoever asked for it', async () => {
    const lab = await startedLab({
      events: 0,
      startChild: () => {
        throw new Error('no child')
      },
    })
    await expect(lab.ref.startChild(1)).rejects.toThrow('no child')
    expect(lab.ref.isAlive).toBe(true)
  })
})

describe('a producer that is lost', () => {
  it('leaves the children of a temporary subscription running, and their ends ask nobody', async () => {
    const lab = await startedLab()
    lab.source.kill()
    await lab.system.idle()
    expect(lab.running()).toEqual([1, 2])
    await lab.end(1, 'normal')
    expect([lab.running(), lab.ref.isAlive]).toEqual([[2], true])
  })

  it('ends the supervisor of a permanent one with its reason, and the children', async () => {
    const lab = await startedLab({ cancel: 'permanent' })
    const reasons: unknown[] = []
    lab.ref.monitor((reason) => reasons.push(reason))
    await lab.source.stop('gone')
    await lab.system.idle()
    expect([reasons, lab.running()]).toEqual([['gone'], []])
  })
})

describe('the end of a consumer supervisor', () => {
  const takingTime = (host: () => TestHost, order: string[], ms: number) => (event: number) =>
    consumer<never>(() => ({
      handleEvents: () => {},
      terminate: async () => {
        order.push(`${event} begins`)
        await new Promise<void>((resolve) => void host().clock.after(ms, resolve))
        order.push(`${event} is done`)
      },
    }))

  it('tells all children at once, and waits for them', async () => {
    const order: string[] = []
    const startChild = takingTime(() => lab.host, order, 100)
    const lab: Lab = await startedLab({ trapExits: true, startChild })
    const stopped = lab.ref.stop()
    await settled()
    expect(order).toEqual(['1 begins', '2 begins'])
    await lab.host.clock.advance(100)
    await stopped
    expect(order).toEqual(['1 begins', '2 begins', '1 is done', '2 is done'])
    expect(lab.host.clock.timers).toBe(0)
  })

  it('kills those that take longer than its shutdown', async () => {
    const order: string[] = []
    const startChild = takingTime(() => lab.host, order, 100)
    const lab: Lab = await startedLab({ trapExits: true, shutdown: 50, startChild })
    const reasons: unknown[] = []
    for (const { ref } of await lab.ref.whichChildren()) ref?.monitor((reason) => reasons.push(reason))
    const stopped = lab.ref.stop()
    await lab.host.clock.advance(50)
    await stopped
    await lab.system.idle()
    expect([order, reasons]).toEqual([
      ['1 begins', '2 begins'],
      ['killed', 'killed'],
    ])
  })

  it('takes the children with it, even when it is killed', async () => {
    const lab = await startedLab()
    lab.ref.kill()
    await lab.system.idle()
    expect(lab.running()).toEqual([])
  })
})
