import { createRequire } from 'node:module'

import { currentJob, job } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aWorker, eventsOf } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

interface Handle {
  exec(sql: string): void
  prepare(sql: string): { get(...values: unknown[]): unknown; run(...values: unknown[]): unknown }
  close(): void
}

// The package ships a CommonJS build for this; its own types are those of node:sqlite.
const { DatabaseSync } = createRequire(import.meta.url)('@photostructure/sqlite') as {
  readonly DatabaseSync: new (path: string) => Handle
}

describe('currentJob', () => {
  it('knows the job that runs, also after an await and in callbacks', async () => {
    const work = {
      look: async () => {
        await new Promise((resolve) => setImmediate(resolve))
        const { id, name, queue, attempt, maxAttempts } = currentJob()
        return { id, name, queue, attempt, maxAttempts }
      },
    }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.look, [], { maxAttempts: 7 })
    const { id } = handle
    expect(await handle.result()).toEqual({ id, name: 'work.look', queue: 'default', attempt: 1, maxAttempts: 7 })
  })

  it('keeps many jobs at a time apart', async () => {
    const work = {
      look: async (expected: number) => {
        const before = currentJob().id
        await new Promise((resolve) => setTimeout(resolve, expected % 7))
        return before === currentJob().id
      },
    }
    const { runner } = await aWorker({ work }, { queues: { default: { concurrency: 50 } } })
    const handles = await Promise.all(Array.from({ length: 200 }, (_, index) => runner.enqueue(work.look, [index])))
    expect(new Set(await Promise.all(handles.map((handle) => handle.result())))).toEqual(new Set([true]))
  })

  it('is refused outside of a job', () => {
    expect(() => currentJob()).toThrow(expect.objectContaining({ code: 'ERR_NOT_IN_JOB' }))
  })

  it('shows progress while the job runs, and keeps log lines with their attempt', async () => {
    const release = gate()
    const work = {
      steps: job({ backoff: { base: 0 } }, async () => {
        const { progress, log, attempt } = currentJob()
        log(`line of attempt ${attempt}`)
        progress(0.5)
        if (attempt === 1) throw new Error('again')
        await release.passed
        log('last line')
      }),
    }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.steps, [])
    await eventually(async () => {
      const found = await runner.job(handle.id)
      return found?.attempt === 2 && found.progress === 0.5
    })
    release.open()
    await handle.result()
    const { attempts } = (await runner.job(handle.id)) ?? {}
    expect(attempts?.map(({ logs }) => logs)).toEqual([['line of attempt 1'], ['line of attempt 2', 'last line']])
  })

  it('refuses progress that is none, and survives log lines of any kind', async () => {
    const work = {
      odd: () => {
        const { progress, log } = currentJob()
        expect(() => progress(2)).toThrow('0 to 1')
        expect(() => progress(Number.NaN)).toThrow('0 to 1')
        log('a\0b\ud800')
        log('x'.repeat(100_000))
        // @ts-expect-error any value may come from JavaScript
        log({ not: 'text' })
      },
    }
    const { runner } = await aWorker({ work })
    const handle = await runner.enqueue(work.odd, [])
    await handle.result()
    const [attempt] = (await runner.job(handle.id))?.attempts ?? []
    expect(attempt?.logs[0]).toBe('a\ufffdb\ufffd')
    expect(attempt?.logs[1]?.length).toBeLessThanOrEqual(8 * 1024)
    expect(attempt?.logs.length).toBe(3)
  })
})

/** A worker whose jobs use a connection of the user's own on the same file. */
async function aWorkerWithHandle() {
  const { path, url } = tempDatabase()
  const state = { behaviour: async (_db: Handle): Promise<unknown> => undefined }
  const open = (): Handle => {
    const db = new DatabaseSync(path)
    db.exec('pragma busy_timeout = 5000')
    return db
  }
  const work = {
    charge: job({ backoff: { base: 0 } }, async () => {
      const db = open()
      try {
        return await state.behaviour(db)
      } finally {
        db.close()
      }
    }),
  }
  const { runner } = await aWorker({ work }, { database: url })
  const db = open()
  db.exec('create table if not exists effect (id text)')
  const effects = (): number => (db.prepare('select count(*) as n from effect').get() as { n: number }).n
  const addEffect = (own: Handle): unknown => own.prepare('insert into effect values (?)').run(currentJob().id)
  return { runner, work, state, effects, addEffect, close: () => db.close() }
}

describe('complete(tx)', () => {
  it('ends the job and its effects together, and what the handler does afterwards is ignored', async () => {
    const { runner, work, state, effects, addEffect, close } = await aWorkerWithHandle()
    const events = eventsOf(runner, 'job:stop', 'job:exception', 'job:stale')
    let isAborted: boolean | undefined
    state.behaviour = async (db) => {
      const { log, complete, signal } = currentJob()
      log('before the commit')
      db.exec('begin immediate')
      addEffect(db)
      await complete(db, { receipt: 7 })
      db.exec('commit')
      // Long enough for the start to be written down, which the store refuses by now.
      await new Promise((resolve) => setTimeout(resolve, 400))
      isAborted = signal.aborted
      throw new Error('too late to matter')
    }
    const handle = await runner.enqueue(work.charge, [])
    expect(await handle.result()).toEqual({ receipt: 7 })
    await eventually(() => events.length > 0)
    expect(isAborted).toBe(false)
    expect(events).toMatchObject([{ name: 'job:stop', payload: { id: handle.id, outcome: 'completed' } }])
    expect(effects()).toBe(1)
    expect(await runner.job(handle.id)).toMatchObject({
      state: 'completed',
      attempt: 1,
      attempts: [{ logs: ['before the commit'] }],
    })
    close()
  })

  it('leaves the job as it was when the transaction is rolled back', async () => {
    const { runner, work, state, effects, addEffect, close } = await aWorkerWithHandle()
    state.behaviour = async (db) => {
      const { complete, attempt } = currentJob()
      db.exec('begin immediate')
      addEffect(db)
      await complete(db, attempt)
      if (attempt > 1) return db.exec('commit')
      db.exec('rollback')
      throw new Error('rolled back')
    }
    const handle = await runner.enqueue(work.charge, [])
    expect(await handle.result()).toBe(2)
    expect(effects()).toBe(1)
    expect((await runner.job(handle.id))?.attempts[0]).toMatchObject({ error: { message: 'rolled back' } })
    close()
  })

  it('throws when the attempt no longer holds its job, so that its effects are rolled back', async () => {
    const { runner, work, state, effects, addEffect, close } = await aWorkerWithHandle()
    const errors: unknown[] = []
    state.behaviour = async (db) => {
      const { complete, id } = currentJob()
      // As if another node had taken over: the lease is another's now.
      db.prepare("update millrace_job set lease = 'another' where id = ?").run(id)
      db.exec('begin immediate')
      addEffect(db)
      try {
        await complete(db)
      } catch (error) {
        errors.push(error)
        db.exec('rollback')
        throw error
      }
    }
    const events = eventsOf(runner, 'job:stale', 'job:stop', 'job:exception')
    await runner.enqueue(work.charge, [])
    await eventually(() => events.length > 0)
    expect(errors).toMatchObject([{ code: 'ERR_STALE_LEASE' }])
    expect(events.map(({ name }) => name)).toEqual(['job:stale'])
    expect(effects()).toBe(0)
    close()
  })

  it('refuses what is no open transaction on the file of the jobs', async () => {
    const { runner, work, state, close } = await aWorkerWithHandle()
    state.behaviour = async (db) => {
      const codes: unknown[] = []
      const { complete } = currentJob()
      for (const tx of [null, {}, db, new DatabaseSync(':memory:')]) {
        await complete(tx).catch((error: unknown) => codes.push(error instanceof Error && Reflect.get(error, 'code')))
      }
      return codes
    }
    const handle = await runner.enqueue(work.charge, [])
    expect(await handle.result()).toEqual(Array(4).fill('ERR_TX_FOREIGN'))
    close()
  })
})

describe('the signal', () => {
  it('calls its listeners as code of the job', async () => {
    const seen = gate<string>()
    const started = gate()
    const jobs = {
      work: {
        wait: async () => {
          const { signal } = currentJob()
          await new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => {
              seen.open(currentJob().id)
              resolve()
            })
            started.open()
          })
          throw signal.reason
        },
      },
    }
    const { runner } = await aWorker(jobs)
    const { id } = await runner.enqueue(jobs.work.wait, [])
    await started.passed
    await runner.cancel(id)
    expect(await seen.passed).toBe(id)
  })
})
