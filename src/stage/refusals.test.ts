/** Bad options, and subscriptions that cannot be: refused with option, bounds and value, and nobody else stops. */

import { describe, expect, it } from 'vitest'

import { Asker, counter, stillSystem } from '../../test/support/stages.ts'
import {
  batcher,
  broadcastDispatcher,
  bufferingProducer,
  consumer,
  consumerSupervisor,
  demandDispatcher,
  enricher,
  filter,
  fromAsyncIterable,
  fromIterable,
  intoWritable,
  partitionByKey,
  partitionDispatcher,
  pollingProducer,
  producer,
  push,
  rateLimitedProducer,
  System,
  throughTransform,
  toReadable,
  type ExitReason,
} from './index.ts'

/** What a program without types may say. */
const bad = (value: unknown): never => value as never

const refusal = (mistake: string): object => ({
  code: 'ERR_BAD_OPTIONS',
  message: expect.stringContaining(mistake) as string,
})

const idle = consumer<number>(() => ({ handleEvents: () => {} }))

describe('a subscription', () => {
  it.each([
    [{ maxDemand: 0 }, 'maxDemand must be an integer >= 1, not 0'],
    [{ maxDemand: 1.5 }, 'maxDemand must be an integer >= 1, not 1.5'],
    [{ maxDemand: '10' }, 'maxDemand must be an integer >= 1, not "10"'],
    [{ maxDemand: 10, minDemand: 10 }, 'minDemand must be an integer from 0 to 9 (maxDemand - 1), not 10'],
    [{ minDemand: -1 }, 'minDemand must be an integer from 0 to 999 (maxDemand - 1), not -1'],
    [{ cancel: 'never' }, 'cancel must be one of permanent, transient, temporary, not "never"'],
    [{ to: undefined }, "to must be a producer's definition, a running stage, or a name, not undefined"],
    [{ to: {} }, "to must be a producer's definition, a running stage, or a name, not {}"],
  ])('with %o is refused, and the consumer and the producer live on', async (options, mistake) => {
    const { system, host } = stillSystem()
    const source = await system.start(counter())
    const ref = await system.start(idle)
    await expect(system.subscribe(ref, bad({ to: source, ...options }))).rejects.toMatchObject(refusal(mistake))
    await system.idle()
    expect([source.isAlive, ref.isAlive, system.inspect().stages[1]?.subscriptions]).toEqual([true, true, []])
    expect(host.logger.records).toMatchObject([{ level: 'error', code: 'invalid_subscription_option' }])
    // Made at the start, it fails the start, and that alone.
    const starting = consumer<number>(() => ({
      subscribeTo: [bad({ to: source, ...options })],
      handleEvents: () => {},
    }))
    await expect(system.start(starting)).rejects.toMatchObject(refusal(mistake))
    expect(source.isAlive).toBe(true)
  })

  it.each(['a name', 'a definition'])(
    'to %s that nobody has ends its consumer alone, unless it is temporary',
    async (what) => {
      const { system } = stillSystem()
      const to = what === 'a name' ? 'nobody' : counter()
      const neighbour = await system.start(idle)
      const ends = async (cancel: 'permanent' | 'transient' | 'temporary'): Promise<ExitReason | undefined> => {
        const ref = await system.start(idle)
        let reason: ExitReason | undefined
        ref.monitor((given) => (reason = given))
        const subscription = await system.subscribe(ref, { to, cancel })
        await system.idle()
        expect(subscription.isActive).toBe(false)
        return reason
      }
      expect([await ends('permanent'), await ends('transient'), await ends('temporary')]).toEqual([
        'noproc',
        'noproc',
        undefined,
      ])
      expect(neighbour.isAlive).toBe(true)
      const starting = consumer<number>(() => ({ subscribeTo: [{ to }], handleEvents: () => {} }))
      await expect(system.start(starting)).rejects.toMatchObject({ code: 'ERR_EXIT', reason: 'noproc' })
    },
  )

  it.each([
    ['a partition that there is not', { partition: 7 }, 'bad_partition', 'partition must be one of 0, 1, not 7'],
    ['no partition', {}, 'bad_partition', 'partition must be one of 0, 1, not undefined'],
    ['a taken partition', { partition: 0 }, 'partition_taken', 'partition 0 has a consumer; each has one'],
  ])('for %s is over with a reason, and the log says what there is', async (_, options, reason, message) => {
    const { system, host } = stillSystem()
    const source = producer<number>(() => ({
      dispatcher: partitionDispatcher({ partitions: 2 }),
      handleDemand: () => [],
    }))
    await system.start(source)
    await system.start(new Asker(source, { partition: 0 }).definition)
    const ends: ExitReason[] = []
    const ref = await system.start(
      consumer<number>(() => ({
        subscribeTo: [{ ...options, to: source, cancel: 'temporary' }],
        handleEvents: () => {},
        handleCancel: (cause) => void ends.push(cause.reason),
      })),
    )
    await system.idle()
    expect([ends, ref.isAlive]).toEqual([[reason], true])
    expect(host.logger.records).toMatchObject([{ level: 'error', code: reason, message }])
  })

  it('that is refused tells why in the log of the broadcast', async () => {
    const { system, host } = stillSystem()
    const source = producer<number>(() => ({ dispatcher: broadcastDispatcher(), handleDemand: () => [] }))
    await system.start(source)
    const ref = await system.start(idle)
    await system.subscribe(ref, { to: source })
    await system.subscribe(ref, { to: source })
    await system.start(new Asker(source, { selector: bad('even') }).definition)
    await system.idle()
    expect(host.logger.records).toMatchObject([
      { code: 'already_subscribed', message: 'a stage subscribes to a broadcast once' },
      { code: 'bad_selector', message: 'selector must be a function, not "even"' },
    ])
  })

  it('of what accepts nothing, or to what emits nothing, is refused', async () => {
    const { system } = stillSystem()
    const source = await system.start(counter())
    const sink = await system.start(idle)
    await expect(system.subscribe(bad(source), { to: source })).rejects.toMatchObject({ code: 'ERR_NOT_A_CONSUMER' })
    await expect(system.subscribe(sink, { to: bad(sink) })).rejects.toMatchObject({ code: 'ERR_NOT_A_PRODUCER' })
    const notRunning = consumer<number>(() => ({ handleEvents: () => {} }))
    await expect(system.subscribe(sink, { to: bad(notRunning) })).rejects.toMatchObject({ code: 'ERR_NOT_A_PRODUCER' })
    await expect(system.subscribe(bad(idle), { to: source })).rejects.toMatchObject(
      refusal('expected a running consumer, got'),
    )
    expect([source.isAlive, sink.isAlive]).toEqual([true, true])
  })

  it.each([-1, 1.5, '3'])('does not take %o as a demand', async (count) => {
    const { system } = stillSystem()
    const ref = await system.start(idle)
    const subscription = await system.subscribe(ref, { to: await system.start(counter(0)) })
    expect(() => subscription.ask(bad(count))).toThrow(`must be an integer >= 0, not ${count}`)
  })
})

describe('what is told', () => {
  it.each([
    ['start', (system: System) => system.start(bad({})), 'expected a definition, got {}'],
    ['start', (system: System) => system.start(bad(() => ({}))), 'expected a definition, got a function'],
    ['start', (system: System) => system.start(idle, { name: '' }), 'name must be a text that is not empty, not ""'],
    ['start', (system: System) => system.start(idle, bad({ trapExit: true })), 'a start has no option "trapExit"'],
    [
      'call',
      async (system: System) => (await system.start(idle)).call(1, -5),
      'timeoutMs must be a number >= 0, not -5',
    ],
    ['call', async (system: System) => (await system.start(idle)).call(1, bad({ timeout: 5 })), 'a call has no option'],
    [
      'subscribe',
      async (system: System) => system.subscribe(await system.start(idle), { to: counter() }, bad({ sync: true })),
      'a subscribe has no option "sync"',
    ],
    [
      'push',
      async (system: System) => push(await system.start(bufferingProducer<number>()), bad(5)),
      'events must be an array, not 5',
    ],
  ])('%s is checked before anything happens', async (_, request, mistake) => {
    const { system } = stillSystem()
    await expect(request(system)).rejects.toMatchObject(refusal(mistake))
    await system.stop()
  })

  it.each([
    ['a system', () => new System(bad({ hots: 1 })), 'a system has no option "hots"'],
    ['stream', () => new System().stream(bad('numbers')), 'expected an array of subscriptions, got "numbers"'],
    ['stream', () => new System().stream([], bad({ abort: 1 })), 'a stream has no option "abort"'],
    [
      'toReadable',
      () => toReadable(new System(), { to: 'x', maxDemand: 0 }),
      'maxDemand must be an integer >= 1, not 0',
    ],
    [
      'demandDispatcher',
      () => demandDispatcher({ maxDemand: 0 }),
      'maxDemand must be an integer >= 1 or Infinity, not 0',
    ],
    ['demandDispatcher', () => demandDispatcher(bad({ max: 0 })), 'a demandDispatcher has no option "max"'],
    [
      'partitionDispatcher',
      () => partitionDispatcher({ partitions: 0 }),
      'partitions must be an integer >= 1 or a list',
    ],
    [
      'partitionDispatcher',
      () => partitionDispatcher(bad({ partitions: 2, onCancel: 'lose' })),
      `onCancel must be 'keep' or 'drop', not "lose"`,
    ],
    ['partitionDispatcher', () => partitionDispatcher({ partitions: ['a', 'b'] }), 'named partitions need a hash'],
    ['batcher', () => batcher({ size: 0, withinMs: 1 }), 'size must be an integer >= 1, not 0'],
    ['batcher', () => batcher(bad({ size: 1, withinMs: 1, keyOf: 'id' })), 'keyOf must be a function, not "id"'],
    ['bufferingProducer', () => bufferingProducer({ capacity: -1 }), 'capacity must be an integer >= 0, not -1'],
    ['bufferingProducer', () => bufferingProducer(bad({ size: 1 })), 'a bufferingProducer has no option "size"'],
    ['pollingProducer', () => pollingProducer(bad({ intervalMs: 5 })), 'poll must be a function, not undefined'],
    ['rateLimitedProducer', () => rateLimitedProducer(bad({ limit: 0 })), 'limit must be an integer >= 1, not 0'],
    ['partitionByKey', () => partitionByKey(bad({ partitions: 2 })), 'keyOf must be a function, not undefined'],
    ['enricher', () => enricher(bad({ keyOf: () => 1 })), 'lookUp must be a function, not undefined'],
    ['filter', () => filter(bad({})), 'keep must be a function, not undefined'],
    ['intoWritable', () => intoWritable(bad({})), 'open must be a function, not undefined'],
    ['throughTransform', () => throughTransform(bad({ open: 5 })), 'open must be a function, not 5'],
    ['fromIterable', () => fromIterable(bad(5)), 'the source must have Symbol(Symbol.iterator) or be a function'],
    [
      'fromIterable',
      () => fromIterable([], bad({ onCancel: 'end' })),
      'onCancel must be one of continue, stop, not "end"',
    ],
    ['fromAsyncIterable', () => fromAsyncIterable(bad([1])), 'the source must have Symbol(Symbol.asyncIterator)'],
  ])('%s is checked when it is described', (_, describeIt, mistake) => {
    expect(describeIt).toThrow(mistake)
  })

  it('demand mode is checked', async () => {
    const { system } = stillSystem()
    const ref = await system.start(counter())
    expect(() => ref.demand(bad('backward'))).toThrow('mode must be one of forward, accumulate, not "backward"')
  })

  it.each([
    [{}, 'startChild must be a function, not undefined'],
    [{ startChild: () => {}, restart: 'permanent' }, 'restart must be one of temporary, transient, not "permanent"'],
    [{ startChild: () => {}, maxRestarts: -1 }, 'maxRestarts must be an integer >= 0, not -1'],
    [{ startChild: () => {}, maxSeconds: 0 }, 'maxSeconds must be a number > 0, not 0'],
    [{ startChild: () => {}, shutdown: -1 }, `shutdown must be milliseconds >= 0, 'infinity' or 'brutalKill', not -1`],
    [{ startChild: () => {}, handleEvents: () => {} }, 'a consumerSupervisor has no option "handleEvents"'],
    [undefined, 'expected its options, got undefined'],
  ])('consumerSupervisor with %o fails the start', async (options, mistake) => {
    const { system } = stillSystem()
    await expect(system.start(consumerSupervisor<number>(() => bad(options)))).rejects.toMatchObject(refusal(mistake))
    expect(system.inspect().supervision).toEqual([])
  })
})
