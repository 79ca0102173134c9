import { describe, expect, it } from 'vitest'

import { aJobRecord } from '../../test/support/factories.ts'
import { settled, testHost, type TestHost } from '../../test/support/test-host.ts'
import type { JobDetails, Notice, NoticeEnd } from '../store/store.ts'
import { DeadNotifier, type DeadNotifierOptions } from './dead-notifier.ts'

interface Waiting {
  readonly notice: Omit<Notice, 'attempt'>
  attempt: number
  dueAt: number
}

/** Notices in memory, with the rules of the contract. */
class Notices {
  readonly #host: TestHost
  readonly waiting: Waiting[] = []
  readonly ends: NoticeEnd[] = []
  readonly dead = new Map<string, JobDetails>()
  problem: Error | undefined

  constructor(host: TestHost) {
    this.#host = host
  }

  add(id: string): void {
    const job = aJobRecord({ id, name: 'mail.send', queue: 'mail', state: 'failed', endedAt: 7 })
    this.dead.set(id, { job, attempts: [], dead: { fingerprint: 'f', forensics: null } })
    const notice = { id, seq: this.waiting.length + 1, diedAt: 7 }
    this.waiting.push({ notice, attempt: 0, dueAt: this.#host.clock.monotonic() })
  }

  get store(): DeadNotifierOptions['store'] {
    return {
      takeNotices: async ({ limit, holdMs }) => {
        if (this.problem !== undefined) throw this.problem
        const now = this.#host.clock.monotonic()
        const due = this.waiting.filter(({ dueAt }) => dueAt <= now).slice(0, limit)
        return due.map((one) => {
          one.attempt += 1
          one.dueAt = now + holdMs
          return { ...one.notice, attempt: one.attempt }
        })
      },
      endNotices: async (ends) => {
        for (const { seq, attempt, again } of ends) {
          this.ends.push({ seq, attempt, again })
          const index = this.waiting.findIndex((one) => one.notice.seq === seq && one.attempt === attempt)
          const one = this.waiting[index]
          if (one === undefined) continue
          if (again === null) this.waiting.splice(index, 1)
          else {
            one.dueAt = this.#host.clock.monotonic() + again.inMs
            if (!again.isCounted) one.attempt -= 1
          }
        }
      },
      readJob: async (id) => this.dead.get(id) ?? null,
    }
  }
}

function aNotifier(tell: DeadNotifierOptions['tell']) {
  const host = testHost()
  const notices = new Notices(host)
  const told: unknown[] = []
  const failed: { readonly outcome: string; readonly attempt: number }[] = []
  const errors: unknown[] = []
  const notifier = new DeadNotifier(host, {
    node: 'n',
    store: notices.store,
    tell,
    onTold: (event) => told.push(event),
    onFailed: (event) => failed.push(event),
    onError: (error) => errors.push(error),
  })
  return { host, notices, notifier, told, failed, errors }
}

describe('DeadNotifier', () => {
  it('tells of each dead letter once, and says so', async () => {
    const seen: string[] = []
    const { notices, notifier, told } = aNotifier(async ({ job }) => void seen.push(job.id))
    notices.add('a')
    notices.add('b')
    notifier.start()
    await settled()
    expect(seen).toEqual(['a', 'b'])
    expect(told).toMatchObject([
      { id: 'a', name: 'mail.send', queue: 'mail', attempt: 1, runMs: 0 },
      { id: 'b', attempt: 1 },
    ])
    expect(notices.waiting).toEqual([])
    await notifier.stop()
  })

  it('looks every two seconds for those of other nodes, and at once when it is woken', async () => {
    const seen: string[] = []
    const { host, notices, notifier } = aNotifier(async ({ job }) => void seen.push(job.id))
    notifier.start()
    await settled()
    notices.add('a')
    await host.clock.advance(1_900)
    expect(seen).toEqual([])
    await host.clock.advance(200)
    expect(seen).toEqual(['a'])
    notices.add('b')
    notifier.wake()
    await settled()
    expect(seen).toEqual(['a', 'b'])
    await notifier.stop()
  })

  it('calls no more than four times at the same time', async () => {
    const open: (() => void)[] = []
    const { notices, notifier } = aNotifier(() => new Promise((resolve) => open.push(resolve)))
    for (const id of 'abcdefg') notices.add(id)
    notifier.start()
    await settled()
    expect(open).toHaveLength(4)
    open[0]?.()
    await settled()
    expect(open).toHaveLength(5)
    for (let index = 1; index < 7; index++) {
      open[index]?.()
      await settled()
    }
    expect(notices.waiting).toEqual([])
    await notifier.stop()
  })

  it('tries again after growing waits, eight times, then gives up and says so in the log', async () => {
    let calls = 0
    const { host, notices, notifier, failed } = aNotifier(async () => {
      calls += 1
      throw new Error('no pager')
    })
    notices.add('a')
    notifier.start()
    await settled()
    expect(calls).toBe(1)
    await host.clock.advance(1_000)
    expect(calls).toBe(2)
    await host.clock.advance(3_600_000)
    expect(calls).toBe(8)
    expect(failed.map(({ outcome }) => outcome)).toEqual([...Array<string>(7).fill('retry'), 'given-up'])
    expect(failed.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
    expect(notices.waiting).toEqual([])
    expect(host.logger.records).toMatchObject([
      { level: 'error', code: 'dead_letter_untold', args: ['a', 'mail.send', {}] },
    ])
    await notifier.stop()
  })

  it('fires the signal of a call that takes too long, and does not wait for it', async () => {
    let signal: AbortSignal | undefined
    const { host, notices, notifier, failed } = aNotifier((_dead, given) => {
      signal = given
      return new Promise(() => {})
    })
    notices.add('a')
    notifier.start()
    await settled()
    expect(signal?.aborted).toBe(false)
    await host.clock.advance(30_000)
    expect(signal?.reason).toMatchObject({ name: 'TimeoutError' })
    expect(failed).toMatchObject([{ outcome: 'retry', error: { name: 'TimeoutError' } }])
    await notifier.stop()
  })

  it('drops a notice of a job that is no dead letter any more, or died again', async () => {
    const seen: string[] = []
    const { notices, notifier } = aNotifier(async ({ job }) => void seen.push(job.id))
    notices.add('gone')
    notices.add('alive')
    notices.add('again')
    notices.dead.delete('gone')
    notices.dead.set('alive', { job: aJobRecord({ id: 'alive', state: 'queued' }), attempts: [], dead: null })
    notices.dead.set('again', {
      job: aJobRecord({ id: 'again', state: 'failed', endedAt: 8 }),
      attempts: [],
      dead: null,
    })
    notifier.start()
    await settled()
    expect(seen).toEqual([])
    expect(notices.waiting).toEqual([])
    await notifier.stop()
  })

  it('leaves what it has not told to others when it stops, with no attempt counted', async () => {
    let signal: AbortSignal | undefined
    const { notices, notifier, failed } = aNotifier((_dead, given) => {
      signal = given
      return new Promise((_, reject) => given.addEventListener('abort', () => reject(given.reason as Error)))
    })
    notices.add('a')
    notifier.start()
    await settled()
    await notifier.stop()
    expect(signal?.aborted).toBe(true)
    expect(failed).toEqual([])
    expect(notices.waiting).toMatchObject([{ attempt: 0, dueAt: 0 }])
    notifier.wake()
    await settled()
    expect(notices.ends).toHaveLength(1)
  })

  it('goes on when the store comes back', async () => {
    const { host, notices, notifier, told, errors } = aNotifier(async () => {})
    notices.add('a')
    notices.problem = new Error('away')
    notifier.start()
    await settled()
    expect(errors).toEqual([notices.problem])
    notices.problem = undefined
    await host.clock.advance(2_000)
    expect(told).toHaveLength(1)
    await notifier.stop()
  })
})
