import { describe, expect, it } from 'vitest'

import { nodeHost } from '../host/host.ts'
import {
  consumer,
  supervisor,
  System,
  type ChildSpec,
  type Definition,
  type SupervisorOptions,
} from '../stage/index.ts'
import { describeReason } from './exit-reason.ts'

/** A system whose log is kept, and stages that write down when they start and end. */
function setUp(): Lab {
  const events: string[] = []
  const codes: string[] = []
  const host = nodeHost({ logger: { log: ({ code }) => codes.push(code) } })
  const system = new System({ host })
  const stage = (id: string): Definition =>
    consumer<number>((self) => {
      events.push(`+${id}`)
      self.ref.monitor((reason) => events.push(`-${id} ${describeReason(reason)}`))
      return {
        handleEvents: () => {},
        handleCast: (message) => {
          if (message instanceof Error) throw message
          self.stop(String(message))
        },
      }
    })
  const child = (id: string, spec: Partial<ChildSpec> = {}): ChildSpec => ({ id, name: id, start: stage(id), ...spec })
  return { system, events, codes, stage, child }
}

interface Lab {
  readonly system: System
  readonly events: string[]
  readonly codes: string[]
  stage(id: string): Definition
  child(id: string, spec?: Partial<ChildSpec>): ChildSpec
}

async function startThree(lab: Lab, options: Partial<SupervisorOptions> = {}) {
  const children = ['a', 'b', 'c'].map((id) => lab.child(id))
  const ref = await lab.system.start(supervisor({ strategy: 'oneForOne', children, ...options }))
  lab.events.length = 0
  return ref
}

describe('supervisor', () => {
  it('starts children in order and stops them in reverse', async () => {
    const lab = setUp()
    const ref = await lab.system.start(
      supervisor({ strategy: 'oneForOne', children: [lab.child('a'), lab.child('b')] }),
    )
    await ref.stop()
    await lab.system.idle()
    expect(lab.events).toEqual(['+a', '+b', '-b shutdown', '-a shutdown'])
  })

  it.each([
    ['oneForOne', ['-b killed', '+b']],
    ['restForOne', ['-b killed', '-c shutdown', '+b', '+c']],
    ['oneForAll', ['-b killed', '-c shutdown', '-a shutdown', '+a', '+b', '+c']],
  ] as const)('restarts by %s', async (strategy, expected) => {
    const lab = setUp()
    const ref = await startThree(lab, { strategy })
    lab.system.whereis('b')?.kill()
    await lab.system.idle()
    expect(lab.events).toEqual(expected)
    expect(lab.system.inspect().supervision).toMatchObject([
      { strategy, children: [{ child: 'a' }, { child: 'b' }, { child: 'c' }] },
    ])
    await ref.stop()
  })

  it.each([
    ['permanent', 'normal', true],
    ['permanent', 'oops', true],
    ['transient', 'normal', false],
    ['transient', 'shutdown', false],
    ['transient', 'oops', true],
    ['temporary', 'oops', false],
  ] as const)('restarts a %s child that ended with %s: %s', async (restart, reason, isRestarted) => {
    const lab = setUp()
    await lab.system.start(supervisor({ strategy: 'oneForOne', children: [lab.child('a', { restart })] }))
    lab.system.whereis('a')?.cast(reason)
    await lab.system.idle()
    expect(lab.system.whereis('a') !== undefined).toBe(isRestarted)
    await lab.system.stop()
  })

  it('does not bring a temporary child back with its group', async () => {
    const lab = setUp()
    const children = [lab.child('a'), lab.child('b', { restart: 'temporary' }), lab.child('c')]
    const ref = await lab.system.start(supervisor({ strategy: 'oneForAll', children }))
    lab.system.whereis('a')?.kill()
    await lab.system.idle()
    expect((await ref.whichChildren()).map(({ id }) => id)).toEqual(['a', 'c'])
    await lab.system.stop()
  })

  it('ends with shutdown at the restart that is one too many', async () => {
    const lab = setUp()
    const ref = await startThree(lab, { maxRestarts: 1 })
    const reasons: unknown[] = []
    ref.monitor((reason) => reasons.push(reason))
    for (const _ of [1, 2]) {
      lab.system.whereis('b')?.kill()
      await lab.system.idle()
    }
    expect(reasons).toEqual(['shutdown'])
    expect(lab.events).toEqual(['-b killed', '+b', '-b killed', '-c shutdown', '-a shutdown'])
    expect(lab.codes).toContain('too_many_restarts')
  })

  it('retries a restart that fails, and counts each try', async () => {
    const lab = setUp()
    let starts = 0
    const flaky = consumer<number>(() => {
      starts++
      if (starts > 1) throw new Error('not again')
      return { handleEvents: () => {} }
    })
    const ref = await lab.system.start(
      supervisor({ strategy: 'oneForOne', children: [{ id: 'flaky', name: 'flaky', start: flaky }] }),
    )
    lab.system.whereis('flaky')?.kill()
    await lab.system.idle()
    expect([starts, ref.isAlive]).toEqual([4, false])
  })

  it('restarts a nested supervisor that gave up', async () => {
    const lab = setUp()
    const inner = supervisor({ strategy: 'oneForOne', children: [lab.child('a')], maxRestarts: 0 })
    const ref = await lab.system.start(supervisor({ strategy: 'oneForOne', children: [{ id: 'inner', start: inner }] }))
    lab.system.whereis('a')?.kill()
    await lab.system.idle()
    expect(lab.events).toEqual(['+a', '-a killed', '+a'])
    expect(lab.system.inspect().supervision).toMatchObject([
      { restarts: 0, children: [{ child: 'inner', restarts: 1, children: [{ name: 'a' }] }] },
    ])
    await ref.stop()
    expect(lab.system.whereis('a')).toBeUndefined()
  })

  it('stops what it started, and fails, when a child does not start', async () => {
    const lab = setUp()
    const broken = consumer<number>(() => {
      throw new Error('no way')
    })
    const start = lab.system.start(
      supervisor({ strategy: 'oneForOne', children: [lab.child('a'), { id: 'broken', start: broken }] }),
    )
    await expect(start).rejects.toThrow('child "broken" did not start: no way')
    await lab.system.idle()
    expect(lab.events).toEqual(['+a', '-a shutdown'])
  })

  it('kills a child that hangs: at once with brutalKill, else when its time is up', async () => {
    const lab = setUp()
    const hanging = consumer<number>(() => ({
      handleEvents: () => {},
      handleCast: () => new Promise<void>(() => {}),
      terminate: () => new Promise<void>(() => {}),
    }))
    const ref = await lab.system.start(
      supervisor({
        strategy: 'oneForOne',
        children: [
          { id: 'brutal', name: 'brutal', start: hanging, shutdown: 'brutalKill', trapExits: true },
          { id: 'patient', name: 'patient', start: hanging, shutdown: 5, trapExits: true },
        ],
      }),
    )
    const reasons: unknown[] = []
    for (const name of ['brutal', 'patient']) {
      lab.system.whereis(name)?.cast('hang')
      lab.system.whereis(name)?.monitor((reason) => reasons.push(name, reason))
    }
    await ref.stop()
    await lab.system.idle()
    expect(reasons).toEqual(['patient', 'killed', 'brutal', 'killed'])
  })

  it('lets a child that traps exits finish its callback and terminate', async () => {
    const lab = setUp()
    const order: string[] = []
    let finish = (): void => {}
    const polite = consumer<number>(() => ({
      handleEvents: () => {},
      handleCast: async () => {
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        order.push('callback')
      },
      terminate: (reason) => {
        order.push(`terminate ${describeReason(reason)}`)
      },
    }))
    const children = [{ id: 'polite', name: 'polite', start: polite, trapExits: true }]
    const ref = await lab.system.start(supervisor({ strategy: 'oneForOne', children }))
    lab.system.whereis('polite')?.cast('work')
    const stopped = ref.stop()
    setImmediate(() => finish())
    await stopped
    expect(order).toEqual(['callback', 'terminate shutdown'])
  })

  it('adds, stops, restarts and forgets children on demand', async () => {
    const lab = setUp()
    const ref = await lab.system.start(supervisor({ strategy: 'oneForOne', children: [] }))
    const added = await ref.startChild(lab.child('a'))
    expect(added.isAlive).toBe(true)
    await expect(ref.startChild(lab.child('a'))).rejects.toMatchObject({ code: 'ERR_DUPLICATE_CHILD' })
    await expect(ref.deleteChild('a')).rejects.toMatchObject({ code: 'ERR_CHILD_RUNNING' })
    await ref.terminateChild('a')
    expect(await ref.countChildren()).toEqual({ specs: 1, active: 0, supervisors: 0, workers: 1 })
    expect((await ref.restartChild('a')).isAlive).toBe(true)
    await ref.terminateChild('a')
    await ref.deleteChild('a')
    await expect(ref.restartChild('a')).rejects.toMatchObject({ code: 'ERR_UNKNOWN_CHILD' })
    expect(await ref.whichChildren()).toEqual([])
    await ref.stop()
  })

  it('takes its children with it when it is killed', async () => {
    const lab = setUp()
    const ref = await startThree(lab)
    ref.kill()
    await lab.system.idle()
    expect(lab.events.sort()).toEqual(['-a killed', '-b killed', '-c killed'])
  })

  it('ends when a significant child does, if told to', async () => {
    const lab = setUp()
    const children = [lab.child('a'), lab.child('b', { restart: 'transient', significant: true })]
    const ref = await lab.system.start(supervisor({ strategy: 'oneForOne', children, autoShutdown: 'anySignificant' }))
    lab.system.whereis('b')?.cast('normal')
    await lab.system.idle()
    expect([ref.isAlive, lab.system.whereis('a')]).toEqual([false, undefined])
  })

  it('names every mistake in its options', () => {
    const { child } = setUp()
    const options = {
      strategy: 'oneForOne',
      maxRestarts: -1,
      children: [child('a'), child('a', { shutdown: -5 })],
    } as const
    expect(() => supervisor(options)).toThrow(
      /maxRestarts must be an integer >= 0, not -1; child "a": shutdown must be .* not -5; two children have the id "a"/,
    )
  })
})
