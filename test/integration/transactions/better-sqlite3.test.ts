/** Enqueue and complete on the program's own better-sqlite3. */

import Database from 'better-sqlite3'
import { currentJob, job, type JobHandle } from 'millrace'
import { onTestFinished, describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

/** A schema that checks one number, at once or later. */
const numberSchema = (isAsync: boolean) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'test',
    validate: (value: unknown) => {
      const result = typeof value === 'number' ? { value } : { issues: [{ message: 'is no number' }] }
      return isAsync ? Promise.resolve(result) : result
    },
  },
})

const ran: unknown[] = []

const work = {
  charge: async (number: number): Promise<number> => {
    ran.push(number)
    return number
  },
  checked: job({ input: [numberSchema(false)] }, async (number: unknown) => number),
  checkedLater: job({ input: [numberSchema(true)] }, async (number: unknown) => number),
}

function aFile() {
  const { path, url } = tempDatabase()
  const db = new Database(path)
  onTestFinished(() => void db.close())
  db.exec('create table orders (id integer primary key, total integer)')
  const orders = (): unknown[] => db.prepare('select total from orders').pluck().all()
  return { path, url, db, orders }
}

describe('enqueueSync', () => {
  it('stores the job with what else the transaction wrote', async () => {
    const { db, url, orders } = aFile()
    const { runner } = await aWorker({ work }, { database: url })
    const place = db.transaction((total: number): JobHandle<number> => {
      db.prepare('insert into orders (total) values (?)').run(total)
      return runner.enqueueSync(work.charge, [total], { tx: db })
    })
    const handle = place(42)
    expect(handle.status).toBe('created')
    expect(await handle.result({ timeout: '10s' })).toBe(42)
    expect(orders()).toEqual([42])
  })

  it('stores nothing when the transaction is rolled back', async () => {
    const { db, url, orders } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    let id = ''
    const place = db.transaction(() => {
      db.prepare('insert into orders (total) values (1)').run()
      id = runner.enqueueSync(work.charge, [1], { tx: db }).id
      throw new Error('out of stock')
    })
    expect(place).toThrow('out of stock')
    expect(await runner.job(id)).toBeNull()
    expect(orders()).toEqual([])
  })

  it('makes its own transaction when none is open, also as the first thing that touches the file', async () => {
    const { db, url } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    const { id } = runner.enqueueSync('work.charge', [7], { tx: db, tags: ['sync'], delay: '1h' })
    expect(db.inTransaction).toBe(false)
    expect(await runner.job(id)).toMatchObject({ state: 'scheduled', args: [7], tags: ['sync'] })
  })

  it('is found by a worker that nobody woke', async () => {
    const { db, url } = aFile()
    const { runner } = await aWorker({ work }, { database: url })
    const { id } = runner.enqueueSync(work.charge, [8], { tx: db })
    await eventually(async () => (await runner.job(id))?.state === 'completed')
  })

  it('leaves the rest of the transaction as it was when it fails', async () => {
    const { db, url, orders } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    await runner.migrate()
    db.exec(`create trigger refuse before insert on millrace_job begin select raise(abort, 'no more jobs'); end`)
    db.transaction(() => {
      db.prepare('insert into orders (total) values (1)').run()
      expect(() => runner.enqueueSync(work.charge, [1], { tx: db })).toThrow('no more jobs')
    })()
    expect(orders()).toEqual([1])
  })

  it('does not care how the connection shows numbers to its owner', () => {
    const { db, url } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    db.defaultSafeIntegers(true)
    const { id } = runner.enqueueSync(work.charge, [1], { tx: db })
    expect(runner.enqueueSync(work.charge, [1], { tx: db, id })).toMatchObject({ id, status: 'duplicate' })
  })

  it('checks args by the input schemas, and refuses schemas that take their time', () => {
    const { db, url } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    expect(() => runner.enqueueSync(work.checked, ['x'], { tx: db })).toThrow('args[0]: is no number')
    expect(runner.enqueueSync(work.checked, [1], { tx: db }).status).toBe('created')
    expect(() => runner.enqueueSync(work.checkedLater, [1], { tx: db })).toThrow(
      expect.objectContaining({ code: 'ERR_BAD_OPTIONS', message: expect.stringContaining('use enqueue') }),
    )
  })

  it('refuses connections to other files and what is no connection, by name', () => {
    const { db, url, path } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    const other = aFile()
    const refused = (tx: unknown): unknown => {
      try {
        // Callers without types pass anything.
        return runner.enqueueSync(work.charge, [1], { tx: tx as object })
      } catch (error) {
        return error
      }
    }
    for (const tx of [other.db, new Database(':memory:'), {}, 7, null]) {
      expect(refused(tx)).toMatchObject({ code: 'ERR_TX_FOREIGN' })
    }
    const message = String(refused(other.db))
    expect(message).toContain(path)
    expect(message).toContain(other.path)
    expect(refused(undefined)).toMatchObject({ code: 'ERR_BAD_OPTIONS' })
    db.close()
    expect(refused(db)).toBeInstanceOf(Error)
  })
})

describe('enqueue and enqueueAll with tx', () => {
  it('store jobs when the transaction commits', async () => {
    const { db, url } = aFile()
    const { runner } = await aWorker({ work }, { database: url })
    const events = eventsOf(runner, 'job:enqueue')
    db.exec('begin immediate')
    const first = await runner.enqueue(work.charge, [1], { tx: db })
    const others = await runner.enqueueAll([
      [work.charge, [2], { tx: db }],
      [work.checkedLater, [3], { tx: db }],
    ])
    expect(await runner.job(first.id)).toBeNull()
    db.exec('commit')
    expect(await Promise.all([first, ...others].map((handle) => handle.result({ timeout: '10s' })))).toEqual([1, 2, 3])
    expect(events.map(({ payload }) => payload.id)).toEqual([first.id, ...others.map(({ id }) => id)])
  })

  it('are refused when no transaction is open, and say what to use', async () => {
    const { db, url } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    const refused = runner.enqueue(work.charge, [1], { tx: db })
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TX_FOREIGN' })
    await expect(refused).rejects.toThrow(/no transaction open.*enqueueSync/)
  })

  it('refuse entries with different transactions before anything is stored', async () => {
    const { db, url } = aFile()
    const { runner } = aRunner({ work }, { database: url })
    db.exec('begin immediate')
    const mixed = runner.enqueueAll([
      [work.charge, [1], { tx: db }],
      [work.charge, [2]],
    ])
    await expect(mixed).rejects.toMatchObject({ code: 'ERR_BAD_OPTIONS' })
    await expect(mixed).rejects.toThrow(/entry 1 .*"tx"/)
    db.exec('commit')
    expect((await runner.list()).jobs).toEqual([])
  })
})

describe('inside a job', () => {
  it('complete(tx) ends the job with its effects, and enqueue(tx) starts the next with them', async () => {
    const { db, url, orders } = aFile()
    const jobs = {
      work: {
        ...work,
        order: job({ backoff: { base: 0 } }, async (total: number) => {
          const { complete, enqueue, attempt } = currentJob()
          db.exec('begin immediate')
          db.prepare('insert into orders (total) values (?)').run(total)
          await enqueue(work.charge, [total + attempt], { tx: db })
          await complete(db, { attempt })
          if (attempt === 1) {
            db.exec('rollback')
            throw new Error('rolled back')
          }
          db.exec('commit')
          return null
        }),
      },
    }
    const { runner } = await aWorker(jobs, { database: url })
    ran.length = 0
    const handle = await runner.enqueue(jobs.work.order, [10])
    expect(await handle.result({ timeout: '10s' })).toEqual({ attempt: 2 })
    await eventually(() => ran.length > 0)
    expect(ran).toEqual([12])
    expect(orders()).toEqual([10])
  })

  it('complete(tx) throws for an attempt that was taken over', async () => {
    const { db, url, orders } = aFile()
    const codes: unknown[] = []
    const jobs = {
      work: {
        late: async () => {
          const { complete, id } = currentJob()
          db.prepare("update millrace_job set lease = 'another' where id = ?").run(id)
          db.exec('begin immediate')
          db.prepare('insert into orders (total) values (1)').run()
          await complete(db).catch((error: unknown) => codes.push(error instanceof Error && Reflect.get(error, 'code')))
          db.exec('rollback')
        },
      },
    }
    const { runner } = await aWorker(jobs, { database: url })
    await runner.enqueue(jobs.work.late, [])
    await eventually(() => codes.length > 0)
    expect(codes).toEqual(['ERR_STALE_LEASE'])
    expect(orders()).toEqual([])
  })
})
