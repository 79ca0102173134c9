import { describe, expect, it } from 'vitest'

import { castSource, collector, counter, stillSystem } from '../../test/support/stages.ts'
import { settled } from '../../test/support/test-host.ts'
import { broadcastDispatcher, partitionDispatcher, probe, producer, type Probe } from './index.ts'

describe('probe', () => {
  it('gets what it asks for, and nothing else', async () => {
    const { system } = stillSystem()
    const source = await system.start(counter())
    const probed: Probe<number> = await probe(source)
    await system.idle()
    expect(probed.events).toEqual([])
    probed.ask(2)
    expect(await probed.next(2)).toEqual([0, 1])
    expect(await probed.take(3)).toEqual([2, 3, 4])
    await system.idle()
    expect(probed).toMatchObject({
      asked: 5,
      events: [0, 1, 2, 3, 4],
      messages: [
        [0, 1],
        [2, 3, 4],
      ],
      reason: undefined,
    })
    await probed.cancel()
  })

  it('answers calls in their order, each with events that no other got', async () => {
    const { system } = stillSystem()
    const source = await system.start(castSource)
    await using probed = await probe(source)
    const calls = [probed.next(2), probed.next(), probed.next(2)]
    probed.ask(10)
    source.cast([1, 2, 3])
    source.cast([4, 5])
    expect(await Promise.all(calls)).toEqual([[1, 2], [3], [4, 5]])
  })

  it('says when time is up what it had asked for and what came', async () => {
    const { system, host } = stillSystem()
    const source = await system.start(castSource, { name: 'source' })
    await using probed = await probe(source, { timeoutMs: 200 })
    probed.ask(5)
    source.cast([1, 2])
    const waiting = probed.next(3).catch((error: unknown) => error)
    await host.clock.advance(200)
    expect(await waiting).toMatchObject({
      code: 'ERR_PROBE_TIMEOUT',
      message:
        'the probe of producer "source" waited for 3 events for 200 ms (asked for 5 events in all, received 2, 2 of them unread)',
    })
    // What came is not lost, and a call may wait longer.
    expect(await probed.next(2)).toEqual([1, 2])
    const next = probed.next(1, { timeoutMs: Number.POSITIVE_INFINITY })
    await host.clock.advance(1_000_000)
    source.cast([3])
    expect(await next).toEqual([3])
    expect(host.clock.timers).toBe(0)
  })

  it('stops waiting when a signal says so', async () => {
    const { system, host } = stillSystem()
    await using probed = await probe(await system.start(castSource))
    const controller = new AbortController()
    const waiting = probed.next(1, { signal: controller.signal })
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await expect(probed.next(1, { signal: controller.signal })).rejects.toThrow('enough')
    expect(host.clock.timers).toBe(0)
  })

  it('tells of the end of its stage: to whoever waits, after what came, and to whoever asks', async () => {
    const { system } = stillSystem()
    const source = await system.start(counter(3), { name: 'source' })
    const probed = await probe(source)
    probed.ask(10)
    const waiting = probed.next(5)
    await expect(waiting).rejects.toMatchObject({
      code: 'ERR_PROBE_ENDED',
      message:
        'the probe of producer "source" waited for 5 events, but the subscription has ended: normal (asked for 10 events in all, received 3, 3 of them unread)',
    })
    expect(await probed.ended()).toBe('normal')
    expect(await probed.next(3)).toEqual([0, 1, 2])
    expect(() => probed.ask(1)).toThrow('cannot ask for 1, but the subscription has ended: normal')
    await probed.cancel()
    expect(system.inspect().stages).toEqual([])
  })

  it('tells why its stage crashed', async () => {
    const { system } = stillSystem()
    const source = await system.start(
      producer<number>(() => ({
        handleDemand: () => {
          throw new Error('no more paper')
        },
      })),
    )
    await using probed = await probe(source)
    await expect(probed.take(1)).rejects.toThrow('no more paper')
    expect(await probed.ended()).toMatchObject({ message: 'no more paper' })
  })

  it('refuses a stage that is gone', async () => {
    const { system } = stillSystem()
    const source = await system.start(counter(), { name: 'source' })
    await source.stop()
    await expect(probe(source)).rejects.toMatchObject({
      code: 'ERR_PROBE_ENDED',
      message: expect.stringContaining('the probe of producer "source" cannot subscribe'),
    })
    expect(system.inspect().stages).toEqual([])
  })

  it('refuses a demand that is none, and a signal that is aborted', async () => {
    const { system } = stillSystem()
    await using probed = await probe(await system.start(counter()))
    expect(() => probed.ask(-1)).toThrow(expect.objectContaining({ code: 'ERR_BAD_DEMAND' }))
    await expect(probed.take(1.5)).rejects.toMatchObject({ code: 'ERR_BAD_DEMAND' })
    expect(probed.asked).toBe(0)
  })

  it('refuses what it cannot use, and leaves no stage behind', async () => {
    const { system } = stillSystem()
    const source = await system.start(counter())
    // As from a program that is not type-checked.
    const unchecked = probe as (stage: unknown, options?: object) => Promise<Probe<number>>
    await expect(unchecked(counter())).rejects.toMatchObject({
      code: 'ERR_BAD_OPTIONS',
      message: expect.stringContaining('expected a running stage'),
    })
    const sink = await system.start(collector(source, []))
    await expect(unchecked(sink)).rejects.toMatchObject({ code: 'ERR_NOT_A_PRODUCER' })
    await expect(unchecked(source, { timeoutMs: 'soon' })).rejects.toThrow(
      'timeoutMs must be a number >= 0, not "soon"',
    )
    expect(system.inspect().stages).toHaveLength(2)
    await using probed = await probe(source)
    await expect(probed.next(0)).rejects.toThrow('count must be an integer >= 1, not 0')
    const patient: object = { timeout: 5 }
    await expect(probed.next(1, patient)).rejects.toThrow('has no option "timeout"')
  })

  it('takes a stage whose messages are typed', async () => {
    interface Messages {
      readonly call: (message: 'total') => number
      readonly cast: { readonly add: number }
    }
    const { system } = stillSystem()
    const typed = producer<number, Messages>(() => ({
      handleDemand: () => [1],
      handleCall: () => ({ reply: 1 }),
      handleCast: () => {},
    }))
    await using probed = await probe(await system.start(typed))
    const events: readonly number[] = await probed.take(1)
    expect(events).toEqual([1])
  })

  it('cancels, and leaves the stage as if it had not been there', async () => {
    const { system } = stillSystem()
    const source = await system.start(counter())
    const probed = await probe(source)
    const waiting = probed.next().catch((error: unknown) => error)
    await probed.cancel('done')
    expect(await waiting).toMatchObject({ code: 'ERR_PROBE_ENDED' })
    expect(await probed.ended()).toBe('done')
    await probed.cancel()
    expect(system.inspect().stages).toMatchObject([{ id: source.id, consumers: 0 }])
  })

  it('hands options to the dispatcher, and tells of a refusal', async () => {
    const { system } = stillSystem()
    const even = await system.start(
      producer<number>(() => ({ dispatcher: broadcastDispatcher(), handleDemand: () => [1, 2, 3, 4] })),
    )
    await using probed = await probe(even, { selector: (event: number) => event % 2 === 0 })
    expect(await probed.take(2)).toEqual([2, 4])
    const parted = await system.start(
      producer<number>(() => ({ dispatcher: partitionDispatcher({ partitions: 1 }), handleDemand: () => [] })),
    )
    await using first = await probe(parted, { partition: 0 })
    await expect(probe(parted, { partition: 0 })).rejects.toMatchObject({
      code: 'ERR_PROBE_ENDED',
      message: expect.stringContaining('partition_taken'),
    })
    expect(first.reason).toBeUndefined()
  })

  it('is over when its system stops', async () => {
    const { system } = stillSystem()
    const probed = await probe(await system.start(counter()))
    await system.stop()
    await settled()
    expect(probed.reason).toBe('shutdown')
    await probed.cancel()
  })
})
