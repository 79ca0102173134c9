import { subscribe, unsubscribe } from 'node:diagnostics_channel'

import { describe, expect, it } from 'vitest'

import { settled, testHost } from '../../test/support/test-host.ts'
import { Bus } from './bus.ts'

interface Events {
  readonly a: number
  readonly b: string
}

function aBus() {
  const { logger } = testHost()
  return { bus: new Bus<Events>(logger, 'test:'), logged: logger.records }
}

describe('Bus', () => {
  it('sends each event to those who listen for its name, until they leave', () => {
    const { bus } = aBus()
    const heard: unknown[] = []
    const leave = bus.on('a', (payload) => heard.push(payload))
    bus.on('b', (payload) => heard.push(payload))
    bus.send('a', 1)
    bus.send('b', 'x')
    leave()
    leave()
    bus.send('a', 2)
    expect(heard).toEqual([1, 'x'])
    expect([bus.hasListeners('a'), bus.hasListeners('b')]).toEqual([false, true])
  })

  it('detaches a listener that throws, with a warning; neither the sender nor the other listeners notice', () => {
    const { bus, logged } = aBus()
    const heard: number[] = []
    bus.on('a', () => {
      throw new Error('listener')
    })
    bus.on('a', (payload) => heard.push(payload))
    bus.send('a', 1)
    bus.send('a', 2)
    expect(heard).toEqual([1, 2])
    expect(logged).toMatchObject([{ level: 'warn', code: 'listener_detached', args: ['a', { message: 'listener' }] }])
  })

  it('detaches an asynchronous listener that rejects, and warns once', async () => {
    const { bus, logged } = aBus()
    let calls = 0
    bus.on('a', (): unknown => {
      calls += 1
      return Promise.reject(new Error('later'))
    })
    bus.send('a', 1)
    bus.send('a', 2)
    await settled()
    bus.send('a', 3)
    expect(calls).toBe(2)
    expect(logged).toMatchObject([{ code: 'listener_detached', message: expect.stringContaining('later') }])
  })

  it('publishes each event on the channel of its name, as Node.js does', () => {
    const { bus } = aBus()
    const heard: unknown[] = []
    const subscriber = (payload: unknown, name: string | symbol): void => void heard.push([name, payload])
    expect(bus.hasListeners('a')).toBe(false)
    subscribe('test:a', subscriber)
    expect(bus.hasListeners('a')).toBe(true)
    bus.send('a', 1)
    bus.send('b', 'x')
    unsubscribe('test:a', subscriber)
    bus.send('a', 2)
    expect(heard).toEqual([['test:a', 1]])
    expect(bus.hasListeners('a')).toBe(false)
  })

  it('detaches a subscriber of a channel that throws or rejects, with a warning, and the process goes on', async () => {
    const { bus, logged } = aBus()
    const heard: unknown[] = []
    const subscribers = [
      () => {
        throw new Error('at once')
      },
      (): unknown => Promise.reject(new Error('later')),
      (payload: unknown) => heard.push(payload),
    ]
    for (const subscriber of subscribers) subscribe('test:a', subscriber)
    bus.send('a', 1)
    await settled()
    bus.send('a', 2)
    for (const subscriber of subscribers) unsubscribe('test:a', subscriber)
    expect(heard).toEqual([1, 2])
    expect(logged).toMatchObject([
      { level: 'warn', message: expect.stringContaining('channel "test:a" threw and was detached: Error: at once') },
      { level: 'warn', message: expect.stringContaining('Error: later') },
    ])
  })

  it('keeps two attachments of one function apart', () => {
    const { bus } = aBus()
    let calls = 0
    const listener = (): void => void (calls += 1)
    const leave = bus.on('a', listener)
    bus.on('a', listener)
    bus.send('a', 1)
    leave()
    bus.send('a', 1)
    expect(calls).toBe(3)
  })

  it('does not call a listener with the event during which it was attached', () => {
    const { bus } = aBus()
    let calls = 0
    const attach = (): void => {
      calls += 1
      bus.on('a', attach)
    }
    bus.on('a', attach)
    bus.send('a', 1)
    expect(calls).toBe(1)
  })

  it('sends an event to those who listened when it was sent, whoever comes or leaves meanwhile', () => {
    const { bus } = aBus()
    const heard: string[] = []
    bus.on('a', () => {
      heard.push('first')
      leave()
      bus.on('a', () => heard.push('late'))
    })
    const leave = bus.on('a', () => heard.push('second'))
    bus.send('a', 1)
    expect(heard).toEqual(['first', 'second'])
    bus.send('a', 2)
    expect(heard).toEqual(['first', 'second', 'first', 'late'])
  })
})
