/** Stages and streams of Node.js, in both directions. */

import { once } from 'node:events'
import { Duplex, PassThrough, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

import { describe, expect, it } from 'vitest'

import { collector, counter, stillSystem } from '../../../test/support/stages.ts'
import { settled } from '../../../test/support/test-host.ts'
import {
  bufferingProducer,
  consumer,
  intoWritable,
  producer,
  throughTransform,
  toReadable,
  toWritable,
  type System,
} from '../index.ts'

/** How many events a stage has sent. */
function sentBy(system: System, ref: { readonly id: number }): number {
  return system.inspect().stages.find(({ id }) => id === ref.id)?.eventsOut ?? 0
}

describe('toReadable', () => {
  it('reads all events and ends with the source', async () => {
    const { system } = stillSystem()
    const numbers = counter(100)
    await system.start(numbers)
    const read: number[] = []
    for await (const event of toReadable(system, { to: numbers, maxDemand: 8 })) read.push(event as number)
    expect(read).toEqual([...Array(100).keys()])
    expect(system.inspect().stages).toEqual([])
  })

  it('asks for no more than it has room for', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const source = await system.start(numbers)
    const readable = toReadable(system, { to: numbers, maxDemand: 10, minDemand: 5 })
    readable.read(0)
    await settled()
    expect(sentBy(system, source)).toBe(10)
    for (let count = 0; count < 4; count++) readable.read()
    await settled()
    expect(sentBy(system, source)).toBe(10)
    for (let count = 0; count < 4; count++) readable.read()
    await settled()
    expect(sentBy(system, source)).toBeGreaterThan(10)
    expect(sentBy(system, source)).toBeLessThanOrEqual(18)
    readable.destroy()
  })

  it('cancels when a loop over it is left', async () => {
    const { system } = stillSystem()
    const ended: unknown[] = []
    const numbers = producer<number>(() => {
      let next = 0
      return {
        handleDemand: (demand) => Array.from({ length: demand }, () => next++),
        handleCancel: ({ reason }) => {
          ended.push(reason)
        },
      }
    })
    await system.start(numbers)
    const read: number[] = []
    for await (const event of toReadable(system, { to: numbers, maxDemand: 4 })) {
      read.push(event as number)
      if (read.length === 10) break
    }
    await settled()
    expect(read).toHaveLength(10)
    expect(ended).toEqual(['normal'])
    expect(system.inspect().stages).toHaveLength(1)
  })

  it('fails with its source, and when there is none', async () => {
    const { system } = stillSystem()
    const failing = producer<number>(() => ({
      handleDemand: () => {
        throw new Error('dry')
      },
    }))
    await system.start(failing)
    await expect(once(toReadable(system, { to: failing }).resume(), 'end')).rejects.toThrow('dry')
    await expect(once(toReadable(system, { to: 'nobody' }).resume(), 'end')).rejects.toMatchObject({ code: 'ERR_EXIT' })
    expect(system.inspect().stages).toEqual([])
  })

  it('fails with the reason of its signal', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    await system.start(numbers)
    const abort = new AbortController()
    const readable = toReadable(system, { to: numbers, maxDemand: 2 }, { signal: abort.signal })
    readable.read(0)
    await settled()
    abort.abort(new Error('enough'))
    await expect(once(readable, 'end')).rejects.toMatchObject({ name: 'AbortError' })
    await settled()
    expect(system.inspect().stages).toHaveLength(1)
  })

  it('fails, and is not cut short, when its system stops', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    await system.start(numbers)
    const readable = toReadable(system, { to: numbers, maxDemand: 2 })
    readable.read(0)
    await settled()
    const failed = once(readable, 'end')
    await system.stop()
    await expect(failed).rejects.toMatchObject({ code: 'ERR_EXIT', reason: 'shutdown' })
  })

  it('refuses an event that Node.js takes for the end', async () => {
    const { system } = stillSystem()
    const nothings = producer<null>(() => ({ handleDemand: (demand) => Array<null>(demand).fill(null) }))
    await system.start(nothings)
    await expect(once(toReadable(system, { to: nothings }).resume(), 'end')).rejects.toMatchObject({
      code: 'ERR_NULL_EVENT',
    })
  })
})

/** A writable that takes one event each time it is told to. */
class SlowWritable extends Writable {
  readonly written: number[] = []
  #taken: ((error?: Error) => void) | undefined

  constructor(highWaterMark: number) {
    super({ objectMode: true, highWaterMark })
  }

  override _write(chunk: number, _encoding: string, done: (error?: Error | null) => void): void {
    this.written.push(chunk)
    this.#taken = done
  }

  take(error?: Error): void {
    const taken = this.#taken
    this.#taken = undefined
    taken?.(error)
  }
}

describe('intoWritable', () => {
  it('asks only for what the stream can take, and ends it in the end', async () => {
    const { system } = stillSystem()
    const numbers = counter(20)
    const slow = new SlowWritable(2)
    const source = await system.start(numbers)
    const ref = await system.start(
      intoWritable({ open: () => slow, subscribeTo: [{ to: numbers, maxDemand: 4, minDemand: 3 }] }),
    )
    await settled()
    expect(sentBy(system, source)).toBeLessThanOrEqual(6)
    for (let count = 0; count < 40; count++) {
      slow.take()
      await settled()
    }
    expect(slow.written).toEqual([...Array(20).keys()])
    expect(slow.writableFinished).toBe(true)
    expect(ref.isAlive).toBe(false)
  })

  it('ends with the error of the stream', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const slow = new SlowWritable(2)
    await system.start(numbers)
    const ref = await system.start(intoWritable({ open: () => slow, subscribeTo: [{ to: numbers, maxDemand: 4 }] }))
    const ended = new Promise((resolve) => ref.monitor(resolve))
    await settled()
    slow.take(new Error('disk full'))
    expect(await ended).toMatchObject({ message: 'disk full' })
  })

  it('destroys the stream when the stage is gone', async () => {
    const { system } = stillSystem()
    const slow = new SlowWritable(2)
    const numbers = counter()
    await system.start(numbers)
    const ref = await system.start(intoWritable({ open: () => slow, subscribeTo: [{ to: numbers }] }))
    slow.on('error', () => {})
    ref.kill()
    await settled()
    expect(slow.destroyed).toBe(true)
  })
})

describe('throughTransform', () => {
  const doubling = (): Transform =>
    new Transform({
      objectMode: true,
      transform: (chunk: number, _encoding, done) => done(null, chunk * 2),
      flush: (done) => done(null, 'the end'),
    })

  it('hands on what the transform makes of the events, its last words included', async () => {
    const { system } = stillSystem()
    const numbers = counter(50)
    const batches: (readonly unknown[])[] = []
    const through = throughTransform<number, unknown>({ open: doubling, subscribeTo: [{ to: numbers, maxDemand: 7 }] })
    await system.start(numbers)
    const ref = await system.start(through)
    await system.start(collector(through, batches))
    await settled()
    await system.idle()
    expect(batches.flat()).toEqual([...Array.from({ length: 50 }, (_, index) => index * 2), 'the end'])
    expect(ref.isAlive).toBe(false)
  })

  it('ends with the error of the transform', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const broken = throughTransform<number, number>({
      open: () => new Transform({ objectMode: true, transform: (_chunk, _encoding, done) => done(new Error('jam')) }),
      subscribeTo: [{ to: numbers }],
    })
    await system.start(numbers)
    const ref = await system.start(broken)
    const ended = new Promise((resolve) => ref.monitor(resolve))
    await system.start(collector(broken, []))
    expect(await ended).toMatchObject({ message: 'jam' })
  })
})

describe('toWritable', () => {
  it('takes a chunk when the stage has room, and ends the stage when all is taken', async () => {
    const { system } = stillSystem()
    const queue = bufferingProducer<number>({ capacity: 2 })
    const ref = await system.start(queue)
    const writable = toWritable(ref)
    const written: number[] = []
    for (let event = 0; event < 6; event++) writable.write(event, () => written.push(event))
    writable.end()
    await settled()
    expect(written).toEqual([0, 1])
    const batches: (readonly number[])[] = []
    await system.start(collector(queue, batches))
    await once(writable, 'close')
    expect(batches.flat()).toEqual([0, 1, 2, 3, 4, 5])
    expect(ref.isAlive).toBe(false)
  })

  it('fails when the stage is gone, and ends the stage when it is destroyed', async () => {
    const { system } = stillSystem()
    const queue = bufferingProducer<number>({ capacity: 0 })
    const first = await system.start(queue)
    const failing = toWritable(first)
    failing.write(1)
    first.kill()
    await expect(once(failing, 'close')).rejects.toMatchObject({ code: 'ERR_EXIT' })
    const second = await system.start(queue)
    const ended = new Promise((resolve) => second.monitor(resolve))
    const destroyed = toWritable(second).on('error', () => {})
    destroyed.destroy(new Error('cut'))
    expect(await ended).toMatchObject({ message: 'cut' })
  })
})

describe('a pipeline of stages as a Duplex', () => {
  it('stands between two streams', async () => {
    const { system } = stillSystem()
    const queue = bufferingProducer<number>({ capacity: 4 })
    const tens = throughTransform<number, number>({
      open: () => new Transform({ objectMode: true, transform: (chunk: number, _e, done) => done(null, chunk * 10) }),
      subscribeTo: [{ to: queue, maxDemand: 4 }],
    })
    const ref = await system.start(queue)
    await system.start(tens)
    const stages = Duplex.from({ writable: toWritable(ref), readable: toReadable(system, { to: tens, maxDemand: 4 }) })
    const out = new PassThrough({ objectMode: true, highWaterMark: 100 })
    await pipeline(toReadable(system, { to: await startedCounter(system) }), stages, out)
    expect(await out.toArray()).toEqual(Array.from({ length: 20 }, (_, index) => index * 10))
  })
})

async function startedCounter(system: System) {
  const numbers = counter(20)
  await system.start(numbers)
  return numbers
}

describe('signals', () => {
  it('end a stage with shutdown, after the mail it has', async () => {
    const { system } = stillSystem()
    const abort = new AbortController()
    const got: unknown[] = []
    const listener = consumer<number>(() => ({
      handleEvents: () => {},
      handleCast: (message) => {
        got.push(message)
      },
    }))
    const ref = await system.start(listener, { signal: abort.signal })
    const ended = new Promise((resolve) => ref.monitor(resolve))
    ref.cast('before')
    abort.abort()
    expect(await ended).toBe('shutdown')
    expect(got).toEqual(['before'])
    await expect(system.start(listener, { signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('give up a start that hangs', async () => {
    const { system } = stillSystem()
    const abort = new AbortController()
    const hanging = consumer<number>(() => new Promise<never>(() => {}))
    const start = system.start(hanging, { signal: abort.signal, name: 'slow' })
    abort.abort(new Error('too slow'))
    await expect(start).rejects.toThrow('too slow')
    expect(system.whereis('slow')).toBeUndefined()
  })

  it('end the waiting of a call, before it begins too', async () => {
    const { system } = stillSystem()
    const silent = consumer<number>(() => ({ handleEvents: () => {}, handleCall: () => {} }))
    const ref = await system.start(silent)
    const abort = new AbortController()
    const call = ref.call('anything', { signal: abort.signal })
    abort.abort(new Error('never mind'))
    await expect(call).rejects.toThrow('never mind')
    await expect(ref.call('anything', { signal: abort.signal })).rejects.toThrow('never mind')
  })
})
