import { afterEach, describe, expect, it } from 'vitest'

import { fromAsyncIterable, fromIterable, producer, System } from './index.ts'

const systems: System[] = []

afterEach(async () => {
  await Promise.all(systems.splice(0).map((system) => system.stop()))
})

function startedSystem(): System {
  const system = new System()
  systems.push(system)
  return system
}

async function* numbers(count: number, closed?: () => void): AsyncGenerator<number> {
  try {
    for (let number = 0; number < count; number++) yield number
  } finally {
    closed?.()
  }
}

async function collected<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('system.stream', () => {
  it('reads an iterable to its end and leaves nothing behind', async () => {
    const system = startedSystem()
    const to = await system.start(fromIterable([1, 2, 3, 4, 5]))
    expect(await collected(system.stream([{ to, cancel: 'transient', maxDemand: 2 }]))).toEqual([1, 2, 3, 4, 5])
    expect(system.inspect().stages).toEqual([])
  })

  it.each([false, true])('reads an asynchronous iterable, filling batches: %s', async (fill) => {
    const system = startedSystem()
    const to = await system.start(fromAsyncIterable(numbers(25), { fill }))
    const read = await collected(system.stream([{ to, cancel: 'transient', maxDemand: 4 }]))
    expect(read).toEqual(Array.from({ length: 25 }, (_, index) => index))
  })

  it('cancels when the reader breaks off, and closes a source that stops', async () => {
    const system = startedSystem()
    let isClosed = false
    const source = (): AsyncGenerator<number> =>
      numbers(1000, () => {
        isClosed = true
      })
    const to = await system.start(fromAsyncIterable(source, { onCancel: 'stop' }))
    const gone = new Promise((resolve) => to.monitor(resolve))
    for await (const item of system.stream([{ to, maxDemand: 10 }])) if (item === 3) break
    expect(await gone).toBe('normal')
    expect(isClosed).toBe(true)
  })

  it('fails when a permanent producer is lost', async () => {
    const system = startedSystem()
    const to = await system.start(fromIterable([1]))
    await expect(collected(system.stream([{ to }]))).rejects.toMatchObject({ code: 'ERR_EXIT', reason: 'normal' })
  })

  it("fails with the signal's reason when aborted", async () => {
    const system = startedSystem()
    const to = await system.start(producer<number>(() => ({ handleDemand: () => [] })))
    const abort = new AbortController()
    const reading = collected(system.stream([{ to }], { signal: abort.signal }))
    await system.idle()
    abort.abort(new Error('enough'))
    await expect(reading).rejects.toThrow('enough')
  })

  it('fails when there is no such producer', async () => {
    const system = startedSystem()
    await expect(collected(system.stream([{ to: 'nobody' }]))).rejects.toMatchObject({ reason: 'noproc' })
  })
})
