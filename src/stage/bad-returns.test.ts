/** Callbacks that return garbage: that stage crashes, alone, and says what was returned and what is allowed. */

import { describe, expect, it } from 'vitest'

import { Asker, counter, stillSystem } from '../../test/support/stages.ts'
import {
  consumer,
  consumerSupervisor,
  enricher,
  partitionDispatcher,
  pollingProducer,
  producer,
  producerConsumer,
  rateLimitedProducer,
  type ConsumerSupervisorRef,
  type Definition,
  type ExitReason,
  type ProcessRef,
  type ProducerDefinition,
  type StageRef,
  type System,
} from './index.ts'

const EVENTS = 'an array of events, or nothing'

/** What a program without types may return. */
const garbage = (value: unknown): never => value as never

/** The message of the error that `provoke` makes a stage end with; a neighbour has to outlive it. */
async function crashOf(
  definition: Definition<StageRef>,
  provoke: (system: System, ref: StageRef) => void | Promise<unknown>,
): Promise<string> {
  const { system } = stillSystem()
  const reasons: ExitReason[] = []
  const neighbour = await system.start(counter(), { name: 'neighbour' })
  const ref = await system.start(definition, { name: 'it' })
  ref.monitor((reason) => reasons.push(reason))
  await provoke(system, ref)
  await system.idle()
  expect(neighbour.isAlive).toBe(true)
  const [reason] = reasons
  expect(reason).toMatchObject({ code: 'ERR_BAD_RETURN' })
  await system.stop()
  return reason instanceof Error ? reason.message : ''
}

/** Subscribes a consumer that outlives its producer, and lets it ask. */
async function demanding(system: System): Promise<void> {
  const asker = new Asker<unknown>('it')
  await system.start(asker.definition)
  asker.ask(3)
  await system.idle()
}

describe('a producer', () => {
  const returning = (callbacks: object) => producer<number>(() => ({ handleDemand: () => [], ...callbacks }))

  it.each([
    [5, '5'],
    ['a text', '"a text"'],
    [null, 'null'],
    [{ events: [] }, '{"events":[]}'],
    [() => [], 'a function'],
    [Promise.resolve('late'), '"late"'],
  ])('that answers handleDemand with %o', async (value, shown) => {
    const message = await crashOf(returning({ handleDemand: () => value }), demanding)
    expect(message).toBe(`handleDemand of producer "it" returned ${shown}; it must return ${EVENTS}`)
  })

  it.each([
    ['handleCast', (ref: StageRef) => ref.cast('x')],
    ['handleInfo', (ref: StageRef) => ref.info('x')],
  ])('that answers %s with a number', async (callback, tell) => {
    const message = await crashOf(returning({ [callback]: () => 7 }), (_, ref) => tell(ref))
    expect(message).toBe(`${callback} of producer "it" returned 7; it must return ${EVENTS}`)
  })

  it.each([[5], ['done'], [[1, 2]], [{ relpy: 'done' }], [null]])('that answers handleCall with %o', async (value) => {
    let failure: unknown
    const message = await crashOf(returning({ handleCall: () => value }), async (_, ref) => {
      failure = await ref.call('x').then(undefined, (error: unknown) => error)
    })
    expect(message).toBe(
      `handleCall of producer "it" returned ${JSON.stringify(value)}; it must return { reply }, { events }, both in one, or nothing`,
    )
    // The caller is told, too, and does not wait for its timeout.
    expect(failure).toMatchObject({ code: 'ERR_EXIT', reason: { message } })
  })

  it('that answers handleCall with events that are none', async () => {
    const message = await crashOf(returning({ handleCall: () => ({ reply: 1, events: 'x' }) }), (_, ref) =>
      ref.call('x').then(undefined, () => {}),
    )
    expect(message).toBe(`handleCall of producer "it" returned "x"; it must return ${EVENTS}`)
  })

  it('that answers handleSubscribe with anything but automatic', async () => {
    const message = await crashOf(returning({ handleSubscribe: () => 'manual' }), demanding)
    expect(message).toBe(
      `handleSubscribe of producer "it" returned "manual"; it must return 'automatic' to a consumer, or nothing`,
    )
  })

  it('that answers handleCancel with a number', async () => {
    const message = await crashOf(returning({ handleCancel: () => 7 }), async (system) => {
      const ref = await system.start(new Asker<unknown>('it').definition)
      await ref.stop()
    })
    expect(message).toBe(`handleCancel of producer "it" returned 7; it must return ${EVENTS}`)
  })

  it('that answers handleDiscarded with a promise', async () => {
    const callbacks = {
      bufferSize: 1,
      handleCast: () => [1, 2],
      handleDiscarded: () => Promise.reject(new Error('late')),
    }
    const message = await crashOf(returning(callbacks), (_, ref) => ref.cast('x'))
    expect(message).toBe(
      'handleDiscarded of producer "it" returned a promise; it must return false, or anything else at once',
    )
  })

  it('that emits what is no array from outside a callback', async () => {
    let emit = (_events: never): void => {}
    const socket = producer<number>((self) => {
      emit = (events) => self.emit(events)
      return { handleDemand: () => [] }
    })
    const message = await crashOf(socket, () => emit(garbage(5)))
    expect(message).toBe('emit of producer "it" was given 5; it takes an array of events')
  })

  it('whose hash answers no partition', async () => {
    const dispatcher = partitionDispatcher<number>({ partitions: 2, hash: () => garbage('x') })
    const message = await crashOf(returning({ dispatcher, handleDemand: () => [1] }), async (system) => {
      const asker = new Asker<unknown>('it', { partition: 0 })
      await system.start(asker.definition)
      asker.ask(1)
    })
    expect(message).toBe('the hash of a partitionDispatcher answered "x"; it must answer one of 0, 1, or null')
  })
})

describe('a producer-consumer', () => {
  it.each([
    ['handleEvents', { handleEvents: () => 5 }],
    ['handleEvents', { handleEvents: async () => 5 }],
  ])('that answers %s with a number', async (_, callbacks) => {
    const stage = producerConsumer<number, number>(() => garbage({ subscribeTo: [{ to: 'neighbour' }], ...callbacks }))
    const message = await crashOf(stage, demanding)
    expect(message).toBe(`handleEvents of producerConsumer "it" returned 5; it must return ${EVENTS}`)
  })
})

describe('a consumer', () => {
  it('that answers handleSubscribe with a mode that there is not fails to start', async () => {
    const { system } = stillSystem()
    await system.start(counter(), { name: 'numbers' })
    const stage = consumer<number>(() => ({
      subscribeTo: [{ to: 'numbers' }],
      handleSubscribe: () => garbage('automatically'),
      handleEvents: () => {},
    }))
    await expect(system.start(stage, { name: 'it' })).rejects.toMatchObject({
      code: 'ERR_BAD_RETURN',
      message: `handleSubscribe of consumer "it" returned "automatically"; it must return 'automatic', 'manual', or nothing`,
    })
    expect(system.whereis('numbers')?.isAlive).toBe(true)
  })

  it('may return anything where nothing is expected', async () => {
    const { system, host } = stillSystem()
    const reasons: ExitReason[] = []
    await system.start(counter(3), { name: 'numbers' })
    const ref = await system.start(
      consumer<number>(() =>
        garbage({
          subscribeTo: [{ to: 'numbers', cancel: 'temporary' }],
          handleEvents: () => 5,
          handleCast: () => 'a text',
          handleInfo: () => null,
          handleCancel: () => ({}),
          terminate: () => 7,
        }),
      ),
    )
    ref.monitor((reason) => reasons.push(reason))
    ref.cast('x')
    ref.info('x')
    await system.idle()
    await ref.stop('bye')
    await system.idle()
    expect(reasons).toEqual(['bye'])
    expect(host.logger.records.filter(({ level }) => level === 'error')).toEqual([])
  })
})

describe('the function of a stage', () => {
  it.each([
    [undefined, 'expected its callbacks, got undefined'],
    [5, 'expected its callbacks, got 5'],
    [[], 'needs handleEvents'],
    [{}, 'needs handleEvents'],
    [{ handleEvents: 5 }, 'handleEvents must be a function, not 5'],
    [{ handleEvents: () => {}, handleDemand: () => {} }, 'a consumer has no option "handleDemand"'],
    [{ handleEvents: () => {}, subscribeTo: 'numbers' }, 'subscribeTo must be an array, not "numbers"'],
    [{ handleEvents: () => {}, terminate: true }, 'terminate must be a function, not true'],
  ])('that returns %o fails the start', async (returned, mistake) => {
    const { system } = stillSystem()
    await expect(system.start(consumer<number>(() => garbage(returned)))).rejects.toMatchObject({
      code: 'ERR_BAD_OPTIONS',
      message: expect.stringContaining(mistake) as string,
    })
    expect(system.inspect().supervision).toEqual([])
  })
})

describe('a consumer supervisor', () => {
  it.each(['event', 'call'])('whose startChild answers no definition, to an %s', async (how) => {
    const supervising = consumerSupervisor<number>(() => ({
      subscribeTo: how === 'event' ? [{ to: 'neighbour', maxDemand: 2, cancel: 'temporary' }] : [],
      startChild: () => garbage('a job'),
    }))
    const message = await crashOf(supervising, async (system) => {
      // It is one, see above; and it may have crashed already.
      const ref = system.whereis('it') as (ConsumerSupervisorRef<number> & ProcessRef) | undefined
      if (how === 'call') await ref?.startChild(1).then(undefined, () => {})
    })
    expect(message).toBe(
      'startChild of consumerSupervisor "it" returned "a job"; it must return the definition of what to run, or nothing',
    )
  })
})

describe('a ready-made stage', () => {
  const cases: readonly [string, ProducerDefinition<number>, string][] = [
    [
      'poll',
      pollingProducer<number>({ intervalMs: 10, poll: () => garbage(5) }),
      'poll of producer "it" returned 5; it must return an array of events',
    ],
    [
      'produce',
      rateLimitedProducer<number>({ limit: 1, intervalMs: 10, produce: () => garbage(undefined) }),
      'produce of producer "it" returned undefined; it must return an array of events',
    ],
  ]

  it.each(cases)('whose %s answers garbage', async (_, definition, message) => {
    expect(await crashOf(definition, demanding)).toBe(message)
  })

  it('whose lookUp answers no map', async () => {
    const stage = enricher<number, number, number, number>({
      subscribeTo: [{ to: 'neighbour' }],
      keyOf: (event) => event,
      lookUp: () => garbage({}),
      merge: (event) => event,
    })
    expect(await crashOf(stage, demanding)).toBe(
      'lookUp of producerConsumer "it" returned {}; it must return a Map of what was found',
    )
  })
})
