/** An endless pipeline of callbacks that never wait: the event loop lives, and memory stays as it is. */

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

import { describe, expect, it } from 'vitest'

import { consumer, producer, producerConsumer, System } from '../../src/stage/index.ts'

/** A pipeline that counts as fast as it can, until it is disposed of. */
async function endless(maxDemand: number): Promise<{ readonly system: System; readonly handled: () => number }> {
  const system = new System()
  let next = 0
  let handled = 0
  const source = producer<object>(() => ({
    handleDemand: (demand) => Array.from({ length: demand }, () => ({ event: next++ })),
  }))
  const middle = producerConsumer<object, object>(() => ({
    subscribeTo: [{ to: source, maxDemand }],
    handleEvents: (events) => events.map((event) => ({ ...event })),
  }))
  const sink = consumer<object>(() => ({
    subscribeTo: [{ to: middle, maxDemand }],
    handleEvents: (events) => {
      handled += events.length
    },
  }))
  for (const definition of [source, middle]) await system.start(definition)
  await system.start(sink)
  return { system, handled: () => handled }
}

describe.each([1, 10, 1000])('an endless pipeline with a maxDemand of %d', (maxDemand) => {
  it('lets timers of 10 ms fire on time', async () => {
    const { system, handled } = await endless(maxDemand)
    const before = handled()
    const lateMs: number[] = []
    for (let count = 0; count < 30; count++) {
      const startedMs = performance.now()
      await new Promise((resolve) => setTimeout(resolve, 10))
      lateMs.push(performance.now() - startedMs - 10)
    }
    expect(handled()).toBeGreaterThan(before)
    await system.stop()
    // A busy machine takes the CPU away now and then; a pipeline that hogs it would be late every time.
    const oftenLateMs = lateMs.toSorted((one, other) => one - other)[6]
    expect(oftenLateMs).toBeLessThan(15)
  })

  it('holds no more events than demand, and needs no more memory the longer it runs', async () => {
    const { system, handled } = await endless(maxDemand)
    const runUntil = async (count: number): Promise<void> => {
      while (handled() < count) {
        await new Promise((resolve) => setImmediate(resolve))
        for (const { buffered, mailbox, subscriptions } of system.inspect().stages) {
          expect(buffered).toBeLessThanOrEqual(maxDemand)
          expect(mailbox).toBeLessThanOrEqual(2 * maxDemand + 2)
          for (const { outstanding } of subscriptions) expect(outstanding).toBeLessThanOrEqual(maxDemand)
        }
      }
    }
    const warmUp = 20_000 * Math.min(maxDemand, 10)
    await runUntil(warmUp)
    const usedAtFirst = heapUsed()
    await runUntil(warmUp * 4)
    const grownBytes = heapUsed() - usedAtFirst
    await system.stop()
    expect(grownBytes).toBeLessThan(2 * 1024 * 1024)
  })
})

describe('a program whose pipelines are disposed of', () => {
  it('ends by itself, with no timer, socket or promise left open', async () => {
    const entry = new URL('../../src/stage/index.ts', import.meta.url).href
    const program = `
      import { consumer, pollingProducer, producer, rateLimitedProducer, System, toReadable } from ${JSON.stringify(entry)}
      process.on('unhandledRejection', (reason) => console.log('unhandled', reason))
      const before = process.getActiveResourcesInfo().sort()
      const system = new System()
      const endless = producer(() => ({ handleDemand: (demand) => Array(demand).fill(0) }))
      const polled = pollingProducer({ intervalMs: 60_000, poll: () => [] })
      const limited = rateLimitedProducer({ limit: 1, intervalMs: 60_000, produce: (demand) => Array(demand).fill(0) })
      for (const to of [endless, polled, limited]) {
        await system.start(to)
        await system.start(consumer(() => ({ subscribeTo: [{ to }], handleEvents: async () => {} })))
        toReadable(system, { to }).on('error', () => {}).resume()
      }
      const asked = (await system.start(consumer(() => ({ handleEvents: () => {}, handleCall: () => {} })))).call('x', 60_000)
      asked.catch((error) => console.log(error.code))
      const stream = system.stream([{ to: endless }])
      for await (const _ of stream) break
      await new Promise((resolve) => setTimeout(resolve, 50))
      await system[Symbol.asyncDispose]()
      await new Promise((resolve) => setImmediate(resolve))
      console.log(JSON.stringify(process.getActiveResourcesInfo().sort()) === JSON.stringify(before))`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', program]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 30_000 })
    expect({ stdout, stderr }).toEqual({ stdout: 'ERR_EXIT\ntrue\n', stderr: '' })
  })
})

/** What is used after the garbage was collected. */
function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  // The flag above puts `gc` into new contexts.
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed
}
