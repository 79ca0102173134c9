/** Stages and streams of the web, in both directions. */

import { ReadableStream, TransformStream, WritableStream } from 'node:stream/web'

import { describe, expect, it } from 'vitest'

import { collector, counter, stillSystem } from '../../../test/support/stages.ts'
import { settled } from '../../../test/support/test-host.ts'
import {
  bufferingProducer,
  intoWritable,
  producer,
  throughTransform,
  toReadableStream,
  toWritableStream,
} from '../index.ts'

describe('toReadableStream', () => {
  it('reads all events and closes with the source', async () => {
    const { system } = stillSystem()
    const numbers = counter(100)
    await system.start(numbers)
    const read: number[] = []
    for await (const event of toReadableStream(system, { to: numbers, maxDemand: 8 })) read.push(event)
    expect(read).toEqual([...Array(100).keys()])
  })

  it('asks for no more than it has room for', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    const source = await system.start(numbers)
    const sent = (): number | undefined => system.inspect().stages.find(({ id }) => id === source.id)?.eventsOut
    const reader = toReadableStream(system, { to: numbers, maxDemand: 10, minDemand: 5 }).getReader()
    await settled()
    expect(sent()).toBe(10)
    for (let count = 0; count < 4; count++) await reader.read()
    await settled()
    expect(sent()).toBe(10)
    for (let count = 0; count < 4; count++) await reader.read()
    await settled()
    expect(sent()).toBeGreaterThan(10)
    expect(sent()).toBeLessThanOrEqual(18)
    await reader.cancel()
  })

  it('cancels when a loop over it is left', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    await system.start(numbers)
    for await (const event of toReadableStream(system, { to: numbers, maxDemand: 4 })) {
      if (event === 9) break
    }
    await settled()
    expect(system.inspect().stages).toHaveLength(1)
  })

  it('errors with its source, when there is none, and with the reason of its signal', async () => {
    const { system } = stillSystem()
    const failing = producer<number>(() => ({
      handleDemand: () => {
        throw new Error('dry')
      },
    }))
    await system.start(failing)
    await expect(toReadableStream(system, { to: failing }).getReader().read()).rejects.toThrow('dry')
    await expect(toReadableStream(system, { to: 'nobody' }).getReader().read()).rejects.toMatchObject({
      code: 'ERR_EXIT',
    })
    const idle = bufferingProducer<number>()
    await system.start(idle)
    const abort = new AbortController()
    const reading = toReadableStream(system, { to: idle }, { signal: abort.signal }).getReader().read()
    await settled()
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
    await settled()
    expect(system.inspect().stages).toHaveLength(1)
  })
})

describe('intoWritable', () => {
  it('waits until the stream is ready, and closes it in the end', async () => {
    const { system } = stillSystem()
    const numbers = counter(20)
    const written: number[] = []
    let take: (() => void) | undefined
    let isClosed = false
    const slow = new WritableStream<number>(
      {
        write: async (event) => {
          written.push(event)
          await new Promise<void>((resolve) => {
            take = resolve
          })
        },
        close: () => {
          isClosed = true
        },
      },
      { highWaterMark: 2 },
    )
    await system.start(numbers)
    await system.start(intoWritable({ open: () => slow, subscribeTo: [{ to: numbers, maxDemand: 4, minDemand: 3 }] }))
    await settled()
    expect(written).toEqual([0])
    for (let count = 0; count < 40; count++) {
      take?.()
      await settled()
    }
    expect(written).toEqual([...Array(20).keys()])
    expect(isClosed).toBe(true)
    expect(system.inspect().stages).toEqual([])
  })

  it('ends with the error of the stream', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    await system.start(numbers)
    const broken = new WritableStream<number>({
      write: () => {
        throw new Error('disk full')
      },
    })
    const ref = await system.start(intoWritable({ open: () => broken, subscribeTo: [{ to: numbers }] }))
    const ended = await new Promise((resolve) => ref.monitor(resolve))
    expect(ended).toMatchObject({ message: 'disk full' })
  })
})

describe('throughTransform', () => {
  it('hands on what a transform of the web makes', async () => {
    const { system } = stillSystem()
    const numbers = counter(30)
    const batches: (readonly number[])[] = []
    const through = throughTransform<number, number>({
      open: () => new TransformStream({ transform: (event, controller) => controller.enqueue(event * 2) }),
      subscribeTo: [{ to: numbers, maxDemand: 7 }],
    })
    await system.start(numbers)
    const ref = await system.start(through)
    const ended = new Promise((resolve) => ref.monitor(resolve))
    await system.start(collector(through, batches))
    expect(await ended).toBe('normal')
    expect(batches.flat()).toEqual(Array.from({ length: 30 }, (_, index) => index * 2))
  })
})

describe('toWritableStream', () => {
  it('feeds a stage, and ends it when all is taken', async () => {
    const { system } = stillSystem()
    const queue = bufferingProducer<number>({ capacity: 2 })
    const ref = await system.start(queue)
    const batches: (readonly number[])[] = []
    await system.start(collector(queue, batches))
    await ReadableStream.from([1, 2, 3, 4, 5]).pipeTo(toWritableStream(ref))
    expect(batches.flat()).toEqual([1, 2, 3, 4, 5])
    expect(ref.isAlive).toBe(false)
  })

  it('ends the stage with the reason when it is aborted', async () => {
    const { system } = stillSystem()
    const ref = await system.start(bufferingProducer<number>())
    const ended = new Promise((resolve) => ref.monitor(resolve))
    await toWritableStream(ref).abort(new Error('cut'))
    expect(await ended).toMatchObject({ message: 'cut' })
  })
})
