import { setImmediate } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { currentJob, runInJob, type CurrentJob } from './current-job.ts'

class Running implements CurrentJob {
  readonly name = 'mailer.ping'
  readonly queue = 'default'
  readonly attempt = 1
  readonly maxAttempts = 3
  readonly #controller = new AbortController()
  readonly notes: unknown[] = []
  readonly id: string

  constructor(id: string) {
    this.id = id
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  progress(fraction: number): void {
    this.notes.push(fraction)
  }

  log(text: string): void {
    this.notes.push(text)
  }

  async enqueue(...args: unknown[]): Promise<never> {
    this.notes.push(args)
    throw new Error('not built in this test')
  }

  async complete(tx: unknown, result?: unknown): Promise<void> {
    this.notes.push([tx, result])
  }
}

describe('currentJob', () => {
  it('throws outside of a job', () => {
    expect(() => currentJob()).toThrow(expect.objectContaining({ code: 'ERR_NOT_IN_JOB' }))
  })

  it('finds the job after awaits, apart from others that run at the same time', async () => {
    const run = (id: string): Promise<string> =>
      runInJob(new Running(id), async () => {
        await setImmediate()
        return currentJob().id
      })
    expect(await Promise.all([run('a'), run('b')])).toEqual(['a', 'b'])
    expect(() => currentJob()).toThrow('outside of a job')
  })

  it('has methods that may be taken out', async () => {
    const running = new Running('a')
    await runInJob(running, async () => {
      const { progress, log, enqueue, complete, attempt, signal } = currentJob()
      progress(0.5)
      log('half')
      await complete('tx', 1)
      await expect(enqueue(() => {}, [])).rejects.toThrow('not built')
      expect([attempt, signal]).toEqual([1, running.signal])
    })
    expect(running.notes).toEqual([0.5, 'half', ['tx', 1], [expect.any(Function), []]])
  })

  it('is the same object each time, and makes no signal before it is read', () => {
    let made = 0
    class Unobserved extends Running {
      override get signal(): AbortSignal {
        made += 1
        return new AbortController().signal
      }
    }
    runInJob(new Unobserved('a'), () => {
      const current = currentJob()
      expect([current === currentJob(), Object.isFrozen(current), made]).toEqual([true, true, 0])
      expect(current.signal.aborted).toBe(false)
    })
    expect(made).toBe(1)
  })
})
