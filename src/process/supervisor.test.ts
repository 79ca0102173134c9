import { describe, expect, it } from 'vitest'

import { stillSystem } from '../../test/support/stages.ts'
import { settled, type TestHost } from '../../test/support/test-host.ts'
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

const idleStage = consumer<number>(() => ({ handleEvents: () => {} }))

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

describe('restart intensity', () => {
  it('counts only restarts within maxSeconds', async () => {
    const { system, host } = stillSystem()
    const children = [{ id: 'a', name: 'a', start: idleStage }]
    const ref = await system.start(supervisor({ strategy: 'oneForOne', maxRestarts: 1, maxSeconds: 2, children }))
    for (let round = 0; round < 5; round++) {
      system.whereis('a')?.kill()
      await system.idle()
      await host.clock.advance(2001)
    }
    expect(ref.isAlive).toBe(true)
    for (let round = 0; round < 2; round++) {
      system.whereis('a')?.kill()
      await system.idle()
    }
    expect(ref.isAlive).toBe(false)
  })

  it.each(['restForOne', 'oneForAll'] as const)('counts the restart of a whole group once, by %s', async (strategy) => {
    const lab = setUp()
    const ref = await startThree(lab, { strategy, maxRestarts: 1 })
    lab.system.whereis('a')?.kill()
    await lab.system.idle()
    expect([ref.isAlive, lab.events.filter((event) => event.startsWith('+'))]).toEqual([true, ['+a', '+b', '+c']])
    await lab.system.stop()
  })
})

describe('a supervisor with maxChildren', () => {
  it('refuses one more than may run, and takes it when there is room', async () => {
    const lab = setUp()
    const ref = await lab.system.start(
      supervisor({ strategy: 'oneForOne', maxChildren: 2, children: [lab.child('a')] }),
    )
    await ref.startChild(lab.child('b', { restart: 'temporary' }))
    const refusal = {
      code: 'ERR_MAX_CHILDREN',
      message: expect.stringContaining('cannot start child "c": 2 children run, and maxChildren is 2') as string,
    }
    await expect(ref.startChild(lab.child('c'))).rejects.toMatchObject(refusal)
    expect(await ref.countChildren()).toMatchObject({ specs: 2, active: 2 })
    lab.system.whereis('b')?.cast('normal')
    await lab.system.idle()
    await ref.startChild(lab.child('c'))
    await ref.terminateChild('a')
    await ref.startChild(lab.child('d'))
    await expect(ref.restartChild('a')).rejects.toMatchObject({ code: 'ERR_MAX_CHILDREN' })
    await lab.system.stop()
  })

  it('does not count a child against itself when that is restarted', async () => {
    const lab = setUp()
    await lab.system.start(supervisor({ strategy: 'oneForOne', maxChildren: 1, children: [lab.child('a')] }))
    lab.system.whereis('a')?.kill()
    await lab.system.idle()
    expect(lab.system.whereis('a')?.isAlive).toBe(true)
    await lab.system.stop()
  })

  it('is refused with more children than that', () => {
    const { child } = setUp()
    expect(() => supervisor({ strategy: 'oneForOne', maxChildren: 1, children: [child('a'), child('b')] })).toThrow(
      'there are 2 children, and maxChildren is 1',
    )
  })
})

describe('significant children', () => {
  it('end their supervisor when the last of them has ended, if told to', async () => {
    const lab = setUp()
    const spec = { restart: 'transient', significant: true } as const
    const children = [lab.child('a', spec), lab.child('b', spec), lab.child('c')]
    const ref = await lab.system.start(supervisor({ strategy: 'oneForOne', autoShutdown: 'allSignificant', children }))
    lab.system.whereis('a')?.cast('normal')
    await lab.system.idle()
    expect(ref.isAlive).toBe(true)
    lab.system.whereis('b')?.cast('normal')
    await lab.system.idle()
    expect([ref.isAlive, lab.system.whereis('c')]).toEqual([false, undefined])
  })
})

describe('the shutdown of a tree', () => {
  /** A stage that says when it begins and ends to terminate, and takes `ms` for it. */
  function slow(host: TestHost, order: string[], id: string, ms: number): ChildSpec {
    const start = consumer<number>(() => ({
      handleEvents: () => {},
      terminate: async () => {
        order.push(`${id} begins`)
        await new Promise<void>((resolve) => void host.clock.after(ms, resolve))
        order.push(`${id} is done`)
      },
    }))
    return { id, name: id, start, trapExits: true }
  }

  it('goes one by one in reverse order of starting, through nested supervisors, each waited for', async () => {
    const { system, host } = stillSystem()
    const order: string[] = []
    const child = (id: string, ms: number): ChildSpec => slow(host, order, id, ms)
    const inner = supervisor({ strategy: 'oneForOne', children: [child('b1', 300), child('b2', 10)] })
    const children = [child('a', 50), { id: 'inner', start: inner }, child('c', 4000)]
    await system.start(supervisor({ strategy: 'oneForOne', children }))
    const stopped = system.stop()
    await host.clock.advance(10_000)
    await stopped
    expect(order).toEqual(['c', 'b2', 'b1', 'a'].flatMap((id) => [`${id} begins`, `${id} is done`]))
    expect(host.clock.timers).toBe(0)
  })

  it('kills who takes longer than its shutdown, and goes on with the next', async () => {
    const { system, host } = stillSystem()
    const order: string[] = []
    const inner = supervisor({
      strategy: 'oneForOne',
      children: [slow(host, order, 'b1', 10), { ...slow(host, order, 'b2', 60_000), shutdown: 100 }],
    })
    const children = [slow(host, order, 'a', 10), { id: 'inner', start: inner }]
    await system.start(supervisor({ strategy: 'oneForOne', children }))
    const reasons: unknown[] = []
    system.whereis('b2')?.monitor((reason) => reasons.push(reason))
    const stopped = system.stop()
    await host.clock.advance(99)
    expect(order).toEqual(['b2 begins'])
    await host.clock.advance(1)
    expect([order, reasons]).toEqual([['b2 begins', 'b1 begins'], ['killed']])
    await host.clock.advance(20)
    await stopped
    expect(order).toEqual(['b2 begins', 'b1 begins', 'b1 is done', 'a begins', 'a is done'])
  })

  it('waits for a start that is under way, and leaves nothing of it', async () => {
    const { system } = stillSystem()
    let release = (): void => {}
    const slowStart = consumer<number>(async () => {
      await new Promise<void>((resolve) => {
        release = resolve
      })
      return { handleEvents: () => {} }
    })
    const ref = await system.start(supervisor({ strategy: 'oneForOne', children: [] }))
    const starting = ref.startChild({ id: 'slow', name: 'slow', start: slowStart })
    await settled()
    const stopped = system.stop()
    await settled()
    release()
    await Promise.all([stopped, starting.then(undefined, () => {})])
    expect(system.inspect().supervision).toEqual([])
  })
})

describe('the options of a supervisor', () => {
  const start = idleStage
  it.each([
    [undefined, 'expected options, got undefined'],
    [{ strategy: 'oneForOne' }, 'children must be an array, not undefined'],
    [
      { strategy: 'one_for_one', children: [] },
      'strategy must be one of oneForOne, restForOne, oneForAll, not "one_for_one"',
    ],
    [{ strategy: 'oneForOne', children: [], maxRestart: 3 }, 'a supervisor has no option "maxRestart"'],
    [{ strategy: 'oneForOne', children: [], maxSeconds: 0 }, 'maxSeconds must be a number > 0, not 0'],
    [
      { strategy: 'oneForOne', children: [], maxChildren: 1.5 },
      'maxChildren must be an integer >= 0 or Infinity, not 1.5',
    ],
    [{ strategy: 'oneForOne', children: [], autoShutdown: 'yes' }, 'autoShutdown must be one of never, anySignificant'],
    [{ strategy: 'oneForOne', children: [null] }, 'a child must be a spec with id and start, not null'],
    [{ strategy: 'oneForOne', children: [{ id: '', start }] }, 'id must be a text that is not empty, not ""'],
    [
      { strategy: 'oneForOne', children: [{ id: 'a', start: () => {} }] },
      'child "a": start must be a definition, not the function start',
    ],
    [
      { strategy: 'oneForOne', children: [{ id: 'a', start, restart: 'always' }] },
      'restart must be one of permanent, transient, temporary, not "always"',
    ],
    [
      { strategy: 'oneForOne', children: [{ id: 'a', start, shutdown: 'soon' }] },
      `shutdown must be milliseconds >= 0, 'infinity' or 'brutalKill', not "soon"`,
    ],
    [
      { strategy: 'oneForOne', children: [{ id: 'a', start, name: 7 }] },
      'name must be a text that is not empty, not 7',
    ],
    [{ strategy: 'oneForOne', children: [{ id: 'a', start, shutDown: 5 }] }, 'a child has no option "shutDown"'],
  ])('are refused with option, bounds and value: %o', (options, mistake) => {
    // What a program without types may say.
    expect(() => supervisor(options as unknown as SupervisorOptions)).toThrow(mistake)
  })
})

describe('a restart that fails', () => {
  it('is tried again after what else has happened: a producer that ended at once is restarted first', async () => {
    const { system } = stillSystem()
    let lives = 0
    const source = consumer<number>((self) => {
      lives++
      // The second life begins well, and ends before anybody can look it up.
      if (lives === 2) self.ref.cast('end')
      return { handleEvents: () => {}, handleCast: () => self.stop('oops') }
    })
    const dependent = consumer<number>(() => {
      if (system.whereis('source') === undefined) throw new Error('no source')
      return { handleEvents: () => {} }
    })
    const children = [
      { id: 'source', name: 'source', start: source },
      { id: 'dependent', name: 'dependent', start: dependent },
    ]
    const ref = await system.start(supervisor({ strategy: 'restForOne', maxRestarts: 3, children }))
    system.whereis('source')?.kill()
    await system.idle()
    expect([ref.isAlive, lives, system.whereis('dependent')?.isAlive]).toEqual([true, 3, true])
  })

  it('does not keep the supervisor from being stopped, or its child from being given up', async () => {
    const { system, host } = stillSystem()
    let isBroken = false
    const flaky = consumer<number>(async () => {
      await settled()
      if (isBroken) throw new Error('not now')
      return { handleEvents: () => {} }
    })
    const children = [{ id: 'flaky', name: 'flaky', start: flaky }]
    const ref = await system.start(supervisor({ strategy: 'oneForOne', maxRestarts: 1e6, children }))
    isBroken = true
    system.whereis('flaky')?.kill()
    await settled()
    await ref.terminateChild('flaky')
    const tries = host.logger.records.filter(({ code }) => code === 'child_start_failed').length
    await system.idle()
    expect(host.logger.records.filter(({ code }) => code === 'child_start_failed')).toHaveLength(tries)
    isBroken = false
    expect((await ref.restartChild('flaky')).isAlive).toBe(true)
    isBroken = true
    system.whereis('flaky')?.kill()
    await settled()
    await ref.stop()
    expect(system.inspect().supervision).toEqual([])
  })
})

describe('a child that answers ignore', () => {
  it('is in the books and does not run, unless it is temporary; it may be started later', async () => {
    const { system } = stillSystem()
    let isWanted = false
    const optional = consumer<number>(() => (isWanted ? { handleEvents: () => {} } : 'ignore'))
    const children = [
      { id: 'first', start: idleStage },
      { id: 'optional', name: 'optional', start: optional },
    ]
    const ref = await system.start(supervisor({ strategy: 'oneForOne', children }))
    await ref.startChild({ id: 'temporary', start: optional, restart: 'temporary' })
    await system.idle()
    expect(await ref.countChildren()).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 })
    expect(system.whereis('optional')).toBeUndefined()
    isWanted = true
    expect((await ref.restartChild('optional')).isAlive).toBe(true)
    isWanted = false
    system.whereis('optional')?.kill()
    await system.idle()
    expect([ref.isAlive, (await ref.countChildren()).active]).toEqual([true, 1])
    const alone = await system.start(optional)
    expect(alone.isAlive).toBe(false)
    await system.stop()
  })
})
