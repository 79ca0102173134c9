import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'

import { nodeHost, type LogRecord } from '../host/host.ts'
import { describeReason } from '../process/exit-reason.ts'
import {
  consumer,
  demandDispatcher,
  producer,
  producerConsumer,
  supervisor,
  System,
  type ConsumerDefinition,
  type Dispatcher,
  type ExitReason,
  type ProducerDefinition,
} from './index.ts'

function quietSystem(): { readonly system: System; readonly log: LogRecord[] } {
  const log: LogRecord[] = []
  const host = nodeHost({ logger: { log: (record) => log.push(record) } })
  return { system: new System({ host }), log }
}

/** Emits 0, 1, 2 … as far as asked. */
function counter(limit = Number.POSITIVE_INFINITY): ProducerDefinition<number> {
  return producer<number>(() => {
    let next = 0
    return {
      handleDemand: (demand) => Array.from({ length: Math.max(0, Math.min(demand, limit - next)) }, () => next++),
    }
  })
}

/** Emits what it is cast. */
const silent = producer<number>(() => ({
  handleDemand: () => {},
  handleCast: (message) => message as readonly number[],
}))

/** A consumer that does nothing but answer. */
const idleConsumer = consumer<number>(() => ({ handleEvents: () => {} }))

function collector(to: ProducerDefinition<number> | string, into: number[]): ConsumerDefinition<number> {
  return consumer<number>(() => ({
    subscribeTo: [{ to, maxDemand: 4 }],
    handleEvents: (batch) => {
      into.push(...batch)
    },
  }))
}

describe('names and definitions', () => {
  it('finds a process by its name until it is gone', async () => {
    const { system } = quietSystem()
    const ref = await system.start(idleConsumer, { name: 'me' })
    expect(system.whereis('me')).toBe(ref)
    await ref.stop()
    expect(system.whereis('me')).toBeUndefined()
    await expect(system.start(idleConsumer, { name: 'me' })).resolves.toMatchObject({ name: 'me', isAlive: true })
  })

  it('refuses a name that is taken', async () => {
    const { system } = quietSystem()
    await system.start(idleConsumer, { name: 'me' })
    await expect(system.start(idleConsumer, { name: 'me' })).rejects.toMatchObject({ code: 'ERR_NAME_TAKEN' })
  })

  it('subscribes to a definition that runs once, and refuses one that runs twice', async () => {
    const { system } = quietSystem()
    const numbers: number[] = []
    const source = counter(10)
    await system.start(source)
    await system.start(collector(source, numbers))
    await system.idle()
    expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    await system.start(source)
    await expect(system.start(collector(source, numbers))).rejects.toMatchObject({ code: 'ERR_AMBIGUOUS_PRODUCER' })
  })
})

describe('calls', () => {
  const answering = producer<number>(() => ({
    handleDemand: () => {},
    handleCall: async (message, from) => {
      if (message === 'now') return { reply: 'done', events: [1, 2] }
      if (message === 'early') {
        from.reply('early')
        return { events: [3] }
      }
      if (message === 'throw') throw new Error('boom')
      return undefined
    },
  }))

  it('answers with the reply, after the events were dispatched', async () => {
    const { system } = quietSystem()
    const ref = await system.start(answering)
    expect(await ref.call('now')).toBe('done')
    expect(await ref.estimateBufferedCount()).toBe(2)
    expect(await ref.call('early')).toBe('early')
  })

  it('fails after the timeout and drops a later answer', async () => {
    const { system } = quietSystem()
    const ref = await system.start(answering)
    await expect(ref.call('never', 1)).rejects.toMatchObject({ code: 'ERR_CALL_TIMEOUT' })
    expect(await ref.call('now')).toBe('done')
  })

  it('fails with the reason when the process ends first, and with noproc when it is gone', async () => {
    const { system } = quietSystem()
    const ref = await system.start(answering)
    await expect(ref.call('throw')).rejects.toMatchObject({ code: 'ERR_EXIT', reason: { message: 'boom' } })
    await expect(ref.call('now')).rejects.toMatchObject({ code: 'ERR_EXIT', reason: 'noproc' })
  })

  it('ends a stage that has no handleCall', async () => {
    const { system } = quietSystem()
    const ref = await system.start(idleConsumer)
    await expect(ref.call('x')).rejects.toMatchObject({ reason: { code: 'ERR_NO_HANDLER' } })
  })
})

describe('exits', () => {
  it('tells monitors the reason once, and noproc when the process is gone', async () => {
    const { system } = quietSystem()
    const ref = await system.start(idleConsumer)
    const reasons: ExitReason[] = []
    ref.monitor((reason) => reasons.push(reason))
    ref.monitor((reason) => reasons.push(reason))()
    await ref.stop('bye')
    ref.monitor((reason) => reasons.push(reason))
    await system.idle()
    expect(reasons).toEqual(['bye', 'noproc'])
  })

  it('logs a throw once and ends the stage with the error', async () => {
    const { system, log } = quietSystem()
    const broken = consumer<number>(() => ({
      handleEvents: async () => {
        await Promise.resolve()
        throw new Error('boom')
      },
    }))
    const ref = await system.start(broken, { name: 'broken' })
    const source = await system.start(counter())
    const reasons: ExitReason[] = []
    ref.monitor((reason) => reasons.push(reason))
    await system.subscribe(ref, { to: source })
    await system.idle()
    expect(reasons).toEqual([new Error('boom')])
    expect(log).toMatchObject([{ stage: 'broken', level: 'error', code: 'crashed', args: [new Error('boom')] }])
  })

  it('kills at once: mail is dropped, the signal aborts, late results and late failures are ignored', async () => {
    const { system, log } = quietSystem()
    const late: ((error?: Error) => void)[] = []
    let signal: AbortSignal | undefined
    const slow = producer<number>((self) => ({
      handleDemand: () => {
        signal = self.signal
        return new Promise<number[]>((resolve, reject) => {
          late.push((error) => (error === undefined ? resolve([1]) : reject(error)))
        })
      },
    }))
    const got: number[] = []
    for (const error of [undefined, new Error('late')]) {
      const ref = await system.start(slow, { name: 'slow' })
      const sink = consumer<number>(() => ({
        subscribeTo: [{ to: 'slow', cancel: 'temporary' }],
        handleEvents: (batch) => {
          got.push(...batch)
        },
      }))
      await system.start(sink)
      await new Promise((resolve) => setImmediate(resolve))
      expect(late).toHaveLength(1)
      ref.kill()
      expect([ref.isAlive, signal?.aborted]).toEqual([false, true])
      await system.idle()
      late.pop()?.(error)
      await system.idle()
    }
    expect(got).toEqual([])
    expect(log).toEqual([])
  })

  it('dispatches what a callback returned with its stop, and drops the rest of the message', async () => {
    const { system } = quietSystem()
    const got: number[] = []
    const handled: number[] = []
    const source = await system.start(silent)
    const stopping = await system.start(
      producerConsumer<number, number>((self) => ({
        subscribeTo: [{ to: source, maxDemand: 4, minDemand: 2 }],
        handleEvents: (batch) => {
          handled.push(...batch)
          self.stop('shutdown')
          return batch
        },
      })),
    )
    const sink = await system.start(collector(silent, got))
    await system.subscribe(sink, { to: stopping, cancel: 'temporary' })
    source.cast([1, 2, 3, 4, 5, 6, 7, 8])
    await system.idle()
    expect(stopping.isAlive).toBe(false)
    expect([handled, got.toSorted((one, other) => one - other)]).toEqual([
      [1, 2],
      [1, 2, 5, 6, 7, 8],
    ])
  })

  it('ends linked stages with an abnormal exit, and tells those that trap exits', async () => {
    const { system } = quietSystem()
    const notices: unknown[] = []
    const linking = (to: string) =>
      consumer<number>((self) => {
        const other = system.whereis(to)
        if (other !== undefined) self.link(other)
        return { handleEvents: () => {}, handleInfo: (notice) => void notices.push(notice) }
      })
    const target = await system.start(idleConsumer, { name: 'target' })
    const linked = await system.start(linking('target'))
    const trapping = await system.start(linking('target'), { trapExits: true })
    target.kill()
    await system.idle()
    expect([linked.isAlive, trapping.isAlive]).toEqual([false, true])
    expect(notices).toEqual([{ type: 'exit', from: target, reason: 'killed' }])
  })
})

describe('stages', () => {
  it('emits from outside a callback', async () => {
    const { system } = quietSystem()
    let emit: ((events: readonly number[]) => void) | undefined
    const socket = producer<number>((self) => {
      emit = (events) => self.emit(events)
      return { handleDemand: () => {} }
    })
    const numbers: number[] = []
    await system.start(socket)
    await system.start(collector(socket, numbers))
    emit?.([1, 2])
    await system.idle()
    expect(numbers).toEqual([1, 2])
  })

  it('hands the same subscription to both sides, with unknown options, and lets either cancel', async () => {
    const { system } = quietSystem()
    const seen: unknown[] = []
    const source = producer<number>(() => ({
      handleDemand: () => {},
      handleSubscribe: (role, options, subscription) => void seen.push(role, options['colour'], subscription),
      handleCancel: (cause) => void seen.push(cause),
    }))
    const producerRef = await system.start(source)
    const consumerRef = await system.start(idleConsumer)
    const subscription = await system.subscribe(consumerRef, { to: source, colour: 'red', cancel: 'temporary' })
    await system.idle()
    subscription.cancel('enough')
    await system.idle()
    subscription.ask(1)
    subscription.cancel('again')
    await system.idle()
    expect(seen).toEqual(['consumer', 'red', subscription, { type: 'cancel', reason: 'enough' }])
    expect([subscription.producer, subscription.consumer, subscription.isActive]).toEqual([
      producerRef,
      consumerRef,
      false,
    ])
  })

  it('lets a dispatcher be wrapped to see which events go where', async () => {
    const { system } = quietSystem()
    const seen: [number, readonly number[]][] = []
    function recording<State>(inner: Dispatcher<number, State>): Dispatcher<number, State> {
      return {
        ...inner,
        dispatch: (state, events) => {
          const step = inner.dispatch(state, events)
          for (const { subscription, events: given } of step.deliveries) seen.push([subscription.consumer.id, given])
          return step
        },
      }
    }
    const source = producer<number>(() => ({
      dispatcher: recording(demandDispatcher<number>()),
      handleDemand: () => [7],
    }))
    await system.start(source)
    const sink = await system.start(
      consumer<number>(() => ({ subscribeTo: [{ to: source, maxDemand: 3 }], handleEvents: () => {} })),
    )
    await system.idle()
    expect(seen).toEqual([[sink.id, [7]]])
  })

  it.each([
    [{ handleDemand: () => [], bufferSize: -1 }, 'bufferSize must be an integer >= 0 or Infinity, not -1'],
    [{ handleDemand: () => [], bufersize: 1 }, 'a producer has no option "bufersize"'],
    [{}, 'a producer needs handleDemand'],
    [{ handleDemand: () => [], dispatcher: {} }, 'dispatcher lacks init, subscribe, cancel, ask, dispatch, capacity'],
  ])('refuses %o at the start', async (options, mistake) => {
    const { system } = quietSystem()
    const wrong = producer<number>(() => options as { handleDemand: () => number[] })
    await expect(system.start(wrong)).rejects.toThrow(mistake)
  })

  it('ends a producer that returns no array', async () => {
    const { system } = quietSystem()
    const wrong = producer<number>(() => ({ handleDemand: () => 5 as unknown as number[] }))
    const ref = await system.start(wrong)
    await system.start(collector(wrong, []))
    await system.idle()
    expect(ref.isAlive).toBe(false)
  })

  it('forgets consumers that come and go', async () => {
    const { system } = quietSystem()
    const source = await system.start(counter(), { name: 'source' })
    for (let round = 0; round < 20; round++) {
      const ref = await system.start(
        consumer<number>(() => ({
          subscribeTo: [{ to: 'source', cancel: 'temporary', maxDemand: 2 }],
          handleEvents: (_, from) => from.cancel('enough'),
        })),
      )
      await system.idle()
      ref.kill()
    }
    await system.idle()
    expect(source.isAlive).toBe(true)
    expect(system.inspect().stages).toHaveLength(1)
  })

  it('shows the tree and the graph as plain data', async () => {
    const { system } = quietSystem()
    const source = counter(5)
    const numbers: number[] = []
    await system.start(
      supervisor({
        strategy: 'restForOne',
        children: [
          { id: 'p', name: 'source', start: source },
          { id: 'c', name: 'sink', start: collector('source', numbers) },
        ],
      }),
      { name: 'top' },
    )
    await system.idle()
    const picture = system.inspect()
    expect(JSON.parse(JSON.stringify(picture))).toEqual(picture)
    expect(picture.supervision).toEqual([
      {
        id: 1,
        name: 'top',
        kind: 'supervisor',
        state: 'running',
        strategy: 'restForOne',
        restarts: 0,
        children: [
          { id: 2, child: 'p', name: 'source', kind: 'producer', state: 'running', restarts: 0 },
          { id: 3, child: 'c', name: 'sink', kind: 'consumer', state: 'running', restarts: 0 },
        ],
      },
    ])
    expect(picture.stages).toMatchObject([
      { name: 'source', kind: 'producer', mailbox: 0, busy: false, buffered: 0, eventsOut: 5 },
      {
        name: 'sink',
        eventsIn: 5,
        subscriptions: [
          {
            producer: { id: 2, name: 'source' },
            consumer: { id: 3 },
            maxDemand: 4,
            minDemand: 2,
            outstanding: 3,
            received: 5,
          },
        ],
      },
    ])
    await system.stop()
  })
})

describe('the event loop', () => {
  it.each([
    ['synchronous', (): void => {}],
    ['asynchronous', async (): Promise<void> => {}],
  ])('serves a 10 ms timer while an endless pipeline with a %s consumer runs', async (_, handleEvents) => {
    const { system } = quietSystem()
    const endless = counter()
    await system.start(endless)
    await system.start(consumer<number>(() => ({ subscribeTo: [{ to: endless, maxDemand: 10 }], handleEvents })))
    const startedMs = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 10))
    const tookMs = performance.now() - startedMs
    await system.stop()
    expect(tookMs).toBeLessThan(500)
  })

  it('yields by count on a clock that stands still', async () => {
    let turns = 0
    const clock = { ...nodeHost().clock, monotonic: () => 0 }
    const soon = clock.soon
    const host = nodeHost({
      clock: {
        ...clock,
        soon: (run) => {
          turns++
          soon(run)
        },
      },
    })
    const system = new System({ host })
    const source = counter(50_000)
    const numbers: number[] = []
    await system.start(source)
    await system.start(collector(source, numbers))
    await system.idle()
    expect([numbers.length, turns > 3]).toEqual([50_000, true])
  })
})

describe('System.stop', () => {
  it('stops everything in reverse order, and starts nothing afterwards', async () => {
    const { system } = quietSystem()
    const ended: string[] = []
    for (const name of ['a', 'b', 'c']) {
      await system.start(
        consumer<number>(() => ({
          handleEvents: () => {},
          terminate: (reason) => void ended.push(`${name} ${describeReason(reason)}`),
        })),
      )
    }
    await Promise.all([system.stop(), system.stop()])
    expect(ended).toEqual(['c shutdown', 'b shutdown', 'a shutdown'])
    await expect(system.start(idleConsumer)).rejects.toMatchObject({ code: 'ERR_SYSTEM_STOPPED' })
  })

  it('an idle system does not keep the program alive', async () => {
    const entry = new URL('index.ts', import.meta.url).href
    const program = `
      import { System, producer, consumer, supervisor } from ${JSON.stringify(entry)}
      const source = producer(() => ({ handleDemand: () => [] }))
      const sink = consumer(() => ({ subscribeTo: [{ to: source }], handleEvents: () => {} }))
      const system = new System()
      const children = [{ id: 'p', start: source }, { id: 'c', start: sink }]
      system.start(supervisor({ strategy: 'restForOne', children })).then(() => console.log('up'))`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 4000 })
    expect(stdout).toBe('up\n')
  })
})

describe('types', () => {
  it('does not let a producer of texts feed a consumer of numbers', () => {
    const texts = producer<string>(() => ({ handleDemand: () => ['a'] }))
    const numbers = counter()
    consumer<number>(() => ({ subscribeTo: [{ to: numbers, maxDemand: 1 }], handleEvents: () => {} }))
    // @ts-expect-error texts are no numbers
    consumer<number>(() => ({ subscribeTo: [{ to: texts, maxDemand: 1 }], handleEvents: () => {} }))
    // @ts-expect-error a consumer emits nothing
    consumer<number>(() => ({ subscribeTo: [{ to: idleConsumer }], handleEvents: () => {} }))
    const double = producerConsumer<number, string>(() => ({
      subscribeTo: [{ to: numbers }],
      handleEvents: (batch) => batch.map(String),
    }))
    consumer<string>(() => ({ subscribeTo: [{ to: double }], handleEvents: () => {} }))
    // @ts-expect-error it emits texts
    consumer<number>(() => ({ subscribeTo: [{ to: double }], handleEvents: () => {} }))
    // @ts-expect-error a producer of numbers emits no texts
    producer<number>(() => ({ handleDemand: () => ['a'] }))
    const misuse = async (system: System): Promise<void> => {
      const sink = await system.start(idleConsumer)
      await system.subscribe(sink, { to: numbers })
      // @ts-expect-error texts are no numbers
      await system.subscribe(sink, { to: texts })
      // @ts-expect-error a producer accepts nothing
      await system.subscribe(await system.start(numbers), { to: numbers })
      // @ts-expect-error a stage has no children
      await sink.startChild({ id: 'x', start: numbers })
    }
    expect(misuse).toBeInstanceOf(Function)
  })
})
