/** Streams of Node.js and of the web as sources of stages, and the end of a pipeline in a loop. */

import { Readable } from 'node:stream'
import { ReadableStream } from 'node:stream/web'

import { describe, expect, it } from 'vitest'

import { collector, counter, stillSystem } from '../../../test/support/stages.ts'
import { settled } from '../../../test/support/test-host.ts'
import { fromAsyncIterable, type Source, type System } from '../index.ts'

async function collected(system: System, to: Source<number>, maxDemand: number): Promise<(readonly number[])[]> {
  const batches: (readonly number[])[] = []
  await system.start(collector(to, batches, { maxDemand }))
  await settled()
  await system.idle()
  return batches
}

describe('a stream as a source', () => {
  it('of Node.js is read to its end', async () => {
    const { system } = stillSystem()
    const source = fromAsyncIterable<number>(() => Readable.from([1, 2, 3, 4, 5]))
    const ref = await system.start(source)
    const ended = new Promise((resolve) => ref.monitor(resolve))
    const batches = await collected(system, source, 2)
    expect(await ended).toBe('normal')
    expect(batches.flat()).toEqual([1, 2, 3, 4, 5])
  })

  it('of Node.js is read no further than demand and its own buffer, and destroyed with its stage', async () => {
    const { system } = stillSystem()
    let made = 0
    const readable = new Readable({
      objectMode: true,
      highWaterMark: 2,
      read() {
        this.push(++made)
      },
    })
    const source = fromAsyncIterable<number>(() => readable)
    const ref = await system.start(source)
    await settled()
    expect(made).toBe(0)
    await system.subscribe(await system.start(collector<number>('nobody', [])), {
      to: source,
      maxDemand: 3,
      minDemand: 2,
    })
    await settled()
    expect(made).toBeGreaterThan(3)
    await ref.stop()
    await settled()
    expect(readable.destroyed).toBe(true)
  })

  it('of the web is read to its end', async () => {
    const { system } = stillSystem()
    const source = fromAsyncIterable<number>(() => ReadableStream.from([1, 2, 3]))
    const ref = await system.start(source)
    const ended = new Promise((resolve) => ref.monitor(resolve))
    const batches = await collected(system, source, 2)
    expect(await ended).toBe('normal')
    expect(batches.flat()).toEqual([1, 2, 3])
  })
})

describe('a loop over a pipeline', () => {
  it('that is left cancels with normal and leaves nothing behind', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    await system.start(numbers)
    const read: number[] = []
    for await (const event of system.stream([{ to: numbers, maxDemand: 4 }])) {
      read.push(event)
      if (event === 9) break
    }
    await settled()
    expect(read).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(system.inspect().stages).toHaveLength(1)
  })

  it('is over at the end of its block, with the system that it is in', async () => {
    const { system, host } = stillSystem()
    const numbers = counter()
    {
      await using own = system
      await using source = await own.start(numbers)
      await using events = own.stream([{ to: numbers, maxDemand: 4 }])
      expect(await events.next()).toEqual({ done: false, value: 0 })
      expect(source.isAlive).toBe(true)
    }
    expect(system.inspect()).toEqual({ supervision: [], stages: [] })
    expect(host.clock.timers).toBe(0)
  })

  it('ends with the reason of its signal', async () => {
    const { system } = stillSystem()
    const numbers = counter()
    await system.start(numbers)
    const abort = new AbortController()
    const loop = (async () => {
      for await (const event of system.stream([{ to: numbers }], { signal: abort.signal })) {
        if (event === 5) abort.abort(new Error('enough'))
      }
    })()
    await expect(loop).rejects.toThrow('enough')
    await settled()
    expect(system.inspect().stages).toHaveLength(1)
  })
})
