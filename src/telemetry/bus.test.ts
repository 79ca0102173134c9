import { describe, expect, it } from 'vitest'

import { settled, testHost } from '../../test/support/test-host.ts'
import { Bus } from './bus.ts'

interface Events {
  readonly a: number
  readonly b: string
}

function aBus() {
  const { logger } = testHost()
  return { bus: new Bus<Events>(logger), logged: logger.records }
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

  it('reports a listener that throws; neither the sender nor the other listeners notice', () => {
    const { bus, logged } = aBus()
    const heard: number[] = []
    bus.on('a', () => {
      throw new Error('listener')
    })
    bus.on('a', (payload) => heard.push(payload))
    bus.send('a', 1)
    expect(heard).toEqual([1])
    expect(logged).toMatchObject([{ level: 'error', code: 'listener_threw', args: ['a'] }])
  })

  it('reports an asynchronous listener that rejects', async () => {
    const { bus, logged } = aBus()
    bus.on('a', (): unknown => Promise.reject(new Error('later')))
    bus.send('a', 1)
    await settled()
    expect(logged).toMatchObject([{ code: 'listener_threw', message: expect.stringContaining('later') }])
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
