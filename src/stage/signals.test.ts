/** Signals and disposal of what a program holds: subscriptions, questions, and streams to write to. */

import { describe, expect, it } from 'vitest'

import { counter, stillSystem } from '../../test/support/stages.ts'
import { settled } from '../../test/support/test-host.ts'
import { bufferingProducer, consumer, producer, toWritable, toWritableStream, type CancelCause } from './index.ts'

/** A consumer that notes how its subscriptions end, and may be held up. */
function ending(causes: CancelCause[], hold?: () => Promise<void>) {
  return consumer<number>(() => ({
    handleEvents: () => {},
    handleCancel: (cause) => void causes.push(cause),
    handleCast: async () => hold?.(),
  }))
}

describe('the signal of a subscribe', () => {
  it('cancels the subscription with shutdown, and is let go of when that ended otherwise', async () => {
    const { system } = stillSystem()
    const causes: CancelCause[] = []
    const ref = await system.start(ending(causes))
    const source = await system.start(producer<number>(() => ({ handleDemand: () => [] })))
    const abort = new AbortController()
    const first = await system.subscribe(ref, { to: source, cancel: 'temporary' }, { signal: abort.signal })
    const second = await system.subscribe(ref, { to: source, cancel: 'temporary' }, { signal: abort.signal })
    second.cancel('enough')
    await system.idle()
    abort.abort()
    await system.idle()
    expect(causes).toEqual([
      { type: 'cancel', reason: 'enough' },
      { type: 'cancel', reason: 'shutdown' },
    ])
    expect([first.isActive, ref.isAlive]).toEqual([false, true])
  })

  it('that is aborted already subscribes nobody', async () => {
    const { system } = stillSystem()
    const ref = await system.start(ending([]))
    const source = await system.start(counter())
    const signal = AbortSignal.abort(new Error('never mind'))
    await expect(system.subscribe(ref, { to: source }, { signal })).rejects.toThrow('never mind')
    await system.idle()
    expect(system.inspect().stages.flatMap(({ subscriptions }) => subscriptions)).toEqual([])
  })

  it.each([false, true])('ends what a busy consumer has yet to do, asynchronously: %s', async (async) => {
    const { system } = stillSystem()
    const causes: CancelCause[] = []
    let release = (): void => {}
    const ref = await system.start(ending(causes, () => new Promise((resolve) => (release = resolve))))
    const source = await system.start(producer<number>(() => ({ handleDemand: () => [] })))
    ref.cast('be busy')
    const abort = new AbortController()
    const subscribing = system.subscribe(ref, { to: source, cancel: 'temporary' }, { async, signal: abort.signal })
    subscribing.catch(() => {}) // looked at below
    await settled()
    abort.abort(new Error('never mind'))
    if (async) await expect(subscribing).resolves.toMatchObject({ isActive: true })
    else await expect(subscribing).rejects.toThrow('never mind')
    release()
    await system.idle()
    expect(causes).toEqual([{ type: 'cancel', reason: 'shutdown' }])
    expect([ref.isAlive, system.inspect().stages.flatMap(({ subscriptions }) => subscriptions)]).toEqual([true, []])
  })
})

describe('a subscription', () => {
  it('is over at the end of its block', async () => {
    const { system } = stillSystem()
    const causes: CancelCause[] = []
    const ref = await system.start(ending(causes))
    const source = await system.start(counter())
    {
      await using subscription = await system.subscribe(ref, { to: source, cancel: 'temporary', maxDemand: 2 })
      expect(subscription.isActive).toBe(true)
    }
    await system.idle()
    expect([causes, ref.isAlive, source.isAlive]).toEqual([[{ type: 'cancel', reason: 'normal' }], true, true])
    const kept = await system.subscribe(ref, { to: source, cancel: 'temporary' })
    ref.kill()
    await kept[Symbol.asyncDispose]()
    expect(kept.isActive).toBe(false)
  })
})

describe('the signal of a syncInfo', () => {
  it('ends the waiting', async () => {
    const { system } = stillSystem()
    const ref = await system.start(
      producer<number>(() => ({ handleDemand: () => [], handleCast: () => new Promise<void>(() => {}) })),
    )
    ref.cast('hang')
    const abort = new AbortController()
    const waiting = ref.syncInfo('hello', { signal: abort.signal })
    abort.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })
})

describe('the signal of a stream to write to', () => {
  it('fails a stream of Node.js, and ends the producer', async () => {
    const { system } = stillSystem()
    const ref = await system.start(bufferingProducer<number>({ capacity: 1 }))
    const abort = new AbortController()
    const writable = toWritable(ref, { signal: abort.signal })
    const failed = new Promise<unknown>((resolve) => writable.on('error', resolve))
    abort.abort(new Error('enough'))
    expect(await failed).toMatchObject({ name: 'AbortError', cause: { message: 'enough' } })
    await system.idle()
    expect(ref.isAlive).toBe(false)
  })

  it.each([false, true])('fails a stream of the web, and ends the producer, aborted before: %s', async (isBefore) => {
    const { system } = stillSystem()
    const ref = await system.start(bufferingProducer<number>({ capacity: 1 }))
    const abort = new AbortController()
    if (isBefore) abort.abort(new Error('enough'))
    const writer = toWritableStream(ref, { signal: abort.signal }).getWriter()
    writer.closed.catch(() => {}) // looked at below
    abort.abort(new Error('enough'))
    await expect(writer.closed).rejects.toThrow('enough')
    await system.idle()
    expect(ref.isAlive).toBe(false)
  })
})
