import { describe, expect, it } from 'vitest'

import { settled, testHost } from '../../test/support/test-host.ts'
import type { PublishedJob } from '../store/store.ts'
import { PublishedTargets } from './published-jobs.ts'

const plain: PublishedJob = {
  name: 'mail.ping',
  queue: null,
  priority: null,
  maxAttempts: null,
  backoff: null,
  timeoutMs: null,
  key: null,
}

function someTargets(published: readonly PublishedJob[]) {
  const host = testHost()
  const reads: (readonly string[])[] = []
  let isDown = false
  const targets = new PublishedTargets(host.clock, {
    readPublishedJobs: async (names) => {
      reads.push(names)
      if (isDown) throw new Error('down')
      return published.filter(({ name }) => names.includes(name))
    },
  })
  return { targets, clock: host.clock, reads, setDown: (down: boolean) => (isDown = down) }
}

describe('PublishedTargets', () => {
  it('makes of what was published what the code would have said', async () => {
    const backoff = { baseMs: 1, factor: 2, maxMs: 3 }
    const { targets } = someTargets([
      { ...plain, queue: 'email', priority: -1, maxAttempts: 8, backoff, timeoutMs: 5, key: 'args[0]["tenant"]' },
      { ...plain, name: 'mail.coded', backoff: 'function', key: 'function' },
    ])
    expect(await targets.resolve('mail.ping')).toEqual({
      name: 'mail.ping',
      options: {
        queue: 'email',
        priority: -1,
        maxAttempts: 8,
        backoff,
        timeoutMs: 5,
        key: [0, 'tenant'],
        input: undefined,
      },
    })
    expect((await targets.resolve('mail.coded')).options).toMatchObject({ backoff: 'function', key: 'function' })
    expect(await targets.resolve('mail.unknown')).toEqual({ name: 'mail.unknown', options: undefined })
  })

  it('reads a name once in five seconds, however many ask at once', async () => {
    const { targets, clock, reads } = someTargets([plain])
    await Promise.all([targets.resolve('mail.ping'), targets.resolve('mail.ping')])
    await clock.advance(4_999)
    await targets.resolve('mail.ping')
    expect(reads).toEqual([['mail.ping']])
    await clock.advance(1)
    await targets.resolve('mail.ping')
    expect(reads.length).toBe(2)
  })

  it('does not remember a failure', async () => {
    const { targets, setDown } = someTargets([plain])
    setDown(true)
    await expect(targets.resolve('mail.ping')).rejects.toThrow('down')
    await settled()
    setDown(false)
    expect((await targets.resolve('mail.ping')).name).toBe('mail.ping')
  })
})
