/** What is special to databases in files: other processes, broken files, files that vanish. */

import { spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeHost } from '../../dist/host/host.js'
import { openSqliteStore } from '../../dist/store/sqlite/open-sqlite-store.js'
import type { Store } from '../../src/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { openHandle, type Handle } from '../support/store-handle.ts'
import { ackOf, aJob, aNode, jobs, published } from '../support/store-jobs.ts'

const WRITER = fileURLToPath(new URL('./store-writer.mjs', import.meta.url))

let folder: string
let path: string
const closers: (() => void | Promise<void>)[] = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-files-'))
  path = join(folder, 'jobs.db')
})

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
  rmSync(folder, { recursive: true, force: true })
})

function open(
  file = path,
  options: {
    readonly transport?: 'thread' | 'inline'
    readonly host?: ReturnType<typeof nodeHost>
    readonly migrate?: boolean
  } = {},
): Store {
  const { transport = 'thread', host = nodeHost({ logger: { log: () => {} } }), migrate = true } = options
  const location = file.startsWith('sqlite:') ? file : `sqlite:${file}`
  const store = openSqliteStore({ host, location, transport, migrate })
  closers.push(() => store.close())
  return store
}

function connect(file = path): Handle {
  const handle = openHandle(file)
  closers.push(() => handle.close())
  return handle
}

/** Starts a writing process; `ids` grows as it is answered. */
function startWriter(batches: number, size: number, ...more: string[]) {
  const child = spawn(process.execPath, [WRITER, path, String(batches), String(size), ...more], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ids: string[] = []
  const lines = createInterface({ input: child.stdout })
  lines.on('line', (line) => ids.push(...line.split(' ')))
  const read = new Promise<void>((resolve) => lines.once('close', () => resolve()))
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const ended = read.then(() => exited)
  closers.push(() => void child.kill('SIGKILL'))
  return { child, ids, ended }
}

describe('several processes on one file', () => {
  it('lose nothing when they write at once', async () => {
    const writers = [startWriter(60, 5), startWriter(60, 5), startWriter(300, 1)]
    expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0, 0])
    const ids = writers.flatMap((writer) => writer.ids)
    expect(ids).toHaveLength(900)
    expect((await open().readEndings(ids)).every(({ state }) => state === 'live')).toBe(true)
    expect(connect().prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
  })

  it('lose no answered row when one is killed while it writes', async () => {
    for (let round = 0; round < 4; round++) {
      const writer = startWriter(1_000_000, 1 + round * 5)
      await eventually(() => writer.ids.length >= 20 * (1 + round * 7))
      writer.child.kill('SIGKILL')
      await writer.ended
      // The last line may be cut off; an id has 36 characters.
      const ids = writer.ids.filter((id) => id.length === 36)
      expect((await open().readEndings(ids)).filter(({ state }) => state !== 'live')).toEqual([])
    }
    expect(connect().prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
  })

  it('wake each other', async () => {
    const store = open()
    await store.open()
    let calls = 0
    store.onChange('jobs', () => {
      calls += 1
    })
    startWriter(1, 1)
    await eventually(() => calls > 0)
  })

  it('end by themselves when they have only enqueued, even while they listen', async () => {
    expect(await startWriter(1, 1).ended).toBe(0)
    expect(await startWriter(1, 1, 'listen').ended).toBe(0)
  })

  it('end with the exit code that they chose, also in the middle of a write', async () => {
    const codes: (number | null)[] = []
    for (let round = 0; round < 8; round++) codes.push(await startWriter(1, 10_000, 'exit').ended)
    expect(codes).toEqual(codes.map(() => 0))
    expect(connect().prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
  })

  it('get ERR_STORE_UNAVAILABLE when one holds the lock for too long, and go on when it lets go', async () => {
    const store = open()
    await store.open()
    const holder = connect()
    holder.exec('begin immediate')
    await expect(store.insertJobs([aJob()])).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    holder.exec('rollback')
    expect(await store.insertJobs([aJob()])).toHaveLength(1)
  })
})

/**
 * No request that a store's thread knows: it dies of it, and the calls behind it are not answered. That it dies between two
 * calls matters: `terminate()` in the middle of one ends the whole process, because the driver's addon does not stand it.
 */
function kill(worker: Worker | undefined): void {
  worker?.postMessage({ type: 'none' })
}

describe('the thread', () => {
  it('beats while the main thread is blocked', async () => {
    const store = open()
    const node = aNode({ beatMs: 20 })
    await store.registerNode(node)
    const [before] = await store.readNodes()
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500)
    const [after] = await store.readNodes()
    expect((after?.beatSeq ?? 0) - (before?.beatSeq ?? 0)).toBeGreaterThanOrEqual(5)
  })

  it('is started again after it died, and beats again for the nodes of its process', async () => {
    const workers: Worker[] = []
    const trace = { point: (_: string, worker: unknown) => void workers.push(worker as Worker) }
    const store = open(path, { host: nodeHost({ trace, logger: { log: () => {} } }) })
    const node = aNode({ beatMs: 20 })
    await store.registerNode(node)
    kill(workers[0])
    await expect(store.insertJobs(jobs(2_000))).rejects.toMatchObject({ code: 'ERR_OUTCOME_UNKNOWN' })
    await expect(store.insertJobs([aJob()])).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    await eventually(() => workers.length === 2)
    const [before] = await eventually(() => store.readNodes())
    await eventually(async () => ((await store.readNodes())[0]?.beatSeq ?? 0) > (before?.beatSeq ?? 0))
    await store.insertJobs([aJob()])
    expect((await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })).jobs).toHaveLength(1)
  })

  it('leaves a node unheard for whom it claimed when it died, and no other', async () => {
    const workers: Worker[] = []
    const trace = { point: (_: string, worker: unknown) => void workers.push(worker as Worker) }
    const store = open(path, { host: nodeHost({ trace, logger: { log: () => {} } }) })
    const [node, other] = [aNode({ beatMs: 20 }), aNode({ beatMs: 20 })]
    await store.registerNode(node)
    await store.registerNode(other)
    await store.insertJobs([aJob()])
    await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
    const isUnheard = (): boolean[] => [node, other].map(({ id }) => store.silenceMs(id) === Infinity)
    expect(isUnheard()).toEqual([false, false])
    kill(workers[0])
    const claim = store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
    await expect(claim).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
    expect(isUnheard()).toEqual([true, false])
    await eventually(() => workers.length === 2)
    await store.retireNode(node.id)
    expect(await store.listJobs({ states: ['running'], limit: 1, searchLimit: 0 })).toMatchObject({ jobs: [] })
    expect(isUnheard()).toEqual([true, false])
  })

  it('rejects a call in flight with ERR_STORE_UNAVAILABLE when it dies', async () => {
    const workers: Worker[] = []
    const trace = { point: (_: string, worker: unknown) => void workers.push(worker as Worker) }
    const store = open(path, { host: nodeHost({ trace, logger: { log: () => {} } }) })
    await store.open()
    kill(workers[0])
    await expect(store.readNodes()).rejects.toMatchObject({ code: 'ERR_STORE_UNAVAILABLE' })
  })

  it('answers calls that were made before it was closed', async () => {
    const store = open()
    const calls = [store.insertJobs([aJob()]), store.insertJobs([aJob()])]
    const closed = store.close()
    expect((await Promise.all(calls)).flat()).toHaveLength(2)
    await closed
  })

  it('carries arguments that cannot be carried back as an error of that call alone', async () => {
    const store = open()
    const job = { ...aJob(), key: (() => {}) as unknown as string }
    await expect(store.insertJobs([job])).rejects.toThrow(/could not be cloned/)
    expect(await store.insertJobs([aJob()])).toHaveLength(1)
  })
})

describe('a database in memory', () => {
  it.each(['thread', 'inline'] as const)('works with the transport %s, and ends with its store', async (transport) => {
    const store = open('sqlite::memory:', { transport })
    const node = aNode()
    await store.registerNode(node)
    await store.insertJobs([aJob()])
    const { jobs: held } = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
    expect((await store.ackJobs(held.map((job) => ackOf(job)))).stale).toEqual([])
    expect(await open('sqlite::memory:', { transport }).listJobs({ limit: 5, searchLimit: 0 })).toMatchObject({
      jobs: [],
    })
    await expect(
      store.ackInTransaction(connect(':memory:'), ackOf({ id: 'x', lease: 'y', attempt: 1 })),
    ).rejects.toThrow(/sqlite::memory:/)
  })
})

describe("a file of the user's application", () => {
  const THEIRS = `
    create table job (id integer primary key, title text);
    create table queue (name text);
    create table node (name text);
    create index job_ready on job (title);
    insert into job (title) values ('plumber'), ('baker');
    insert into queue values ('checkout');
    insert into node values ('leaf');
    pragma user_version = 7;`

  const lookAt = (handle: Handle) => ({
    version: handle.prepare('pragma user_version').get(),
    schema: handle
      .prepare(`select type, name, sql from sqlite_schema where tbl_name in ('job', 'queue', 'node')`)
      .all(),
    jobs: handle.prepare('select * from job').all(),
    queues: handle.prepare('select * from queue').all(),
    nodes: handle.prepare('select * from node').all(),
  })

  it.each(['thread', 'inline'] as const)('keeps its own tables and its user_version (%s)', async (transport) => {
    const theirs = connect()
    theirs.exec(THEIRS)
    const before = lookAt(theirs)
    const store = open(path, { transport })
    expect(await store.migrate()).toMatchObject({ from: 0 })
    const node = aNode()
    await store.registerNode(node)
    await store.insertJobs(jobs(2))
    const { jobs: held } = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 2 }] })
    const [first, second] = held
    if (first === undefined || second === undefined) throw new Error('there were no jobs to claim')
    expect((await store.ackJobs([ackOf(first)])).stale).toEqual([])
    theirs.exec('begin immediate')
    expect(await store.ackInTransaction(theirs, ackOf(second))).toBe(true)
    theirs.exec('commit')
    await store.changeQueue('q', { isPaused: true })
    await store.retireNode(node.id)
    expect(await store.readQueues()).toMatchObject([{ name: 'q', depth: 0, running: 0, isPaused: true }])
    await store.close()
    expect(lookAt(theirs)).toEqual(before)
    expect(before.schema).toHaveLength(4)
    expect(await open(path, { transport }).migrate()).toMatchObject({ applied: [] })
  })

  it('gets its schema once when several processes open it at once', async () => {
    connect().exec(THEIRS)
    const writers = [startWriter(1, 5), startWriter(1, 5), startWriter(1, 5)]
    expect(await Promise.all(writers.map(({ ended }) => ended))).toEqual([0, 0, 0])
    const ids = writers.flatMap((writer) => writer.ids)
    expect((await open().readEndings(ids)).map(({ state }) => state)).toEqual(ids.map(() => 'live'))
    expect(connect().prepare('select version from millrace_schema').all()).toHaveLength(1)
  })

  it('has no schema yet for a store that may not migrate, and is left as it is', async () => {
    const theirs = connect()
    theirs.exec(THEIRS)
    const careful = open(path, { migrate: false })
    await expect(careful.open()).rejects.toMatchObject({ code: 'ERR_SCHEMA_OLDER' })
    await expect(careful.open()).rejects.toThrow(/has no schema/)
    expect(theirs.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'delete' })
  })

  it('is not migrated back by an open store when newer code has been there', async () => {
    const store = open()
    const { to } = await store.migrate()
    connect().exec(`update millrace_schema set version = ${to + 5}`)
    const error = store.migrate()
    await expect(error).rejects.toMatchObject({ code: 'ERR_SCHEMA_NEWER' })
    await expect(error).rejects.toThrow(new RegExp(`version ${to + 5}, .* up to ${to};`))
  })
})

describe('what cannot be opened', () => {
  it.each(['thread', 'inline'] as const)('is refused with path, reason and cure (%s)', async (transport) => {
    const refused = async (file: string, message: RegExp): Promise<void> => {
      const error = open(file, { transport }).open()
      await expect(error).rejects.toMatchObject({ code: 'ERR_STORE_OPEN' })
      await expect(error).rejects.toThrow(message)
    }
    await refused(
      join(folder, 'absent', 'x.db'),
      /absent.x\.db cannot be opened: the folder .*absent does not exist; make it/,
    )
    mkdirSync(join(folder, 'sub'))
    await refused(join(folder, 'sub'), /it is a folder/)
    writeFileSync(join(folder, 'text.db'), 'this is not a database, only text that is long enough '.repeat(50))
    await refused(join(folder, 'text.db'), /text\.db is not a database/)
    await refused(join(folder, 'text.db', 'x.db'), /is not a folder|ENOTDIR/)
  })

  it('includes a folder that may not be written', async () => {
    // Of everything under /proc nobody may make a file, not even the superuser.
    await expect(open('/proc/jobs.db').open()).rejects.toMatchObject({ code: 'ERR_STORE_OPEN' })
  })

  it('includes a schema whose version was lost', async () => {
    await open().open()
    connect().exec('delete from millrace_schema')
    await expect(open().open()).rejects.toMatchObject({ code: 'ERR_STORE_CORRUPT' })
  })

  it('is looked at only with the first verb', async () => {
    open(join(folder, 'never.db'))
    expect(existsSync(join(folder, 'never.db'))).toBe(false)
  })
})

describe('a file under an open store', () => {
  for (const [what, change] of [
    ['deleted', () => rmSync(path)],
    [
      'replaced',
      () => {
        copyFileSync(path, `${path}.new`)
        renameSync(`${path}.new`, path)
      },
    ],
  ] as const) {
    it(`that was ${what} is noticed with the beat, and nothing more is written`, async () => {
      const store = open()
      await store.registerNode(aNode({ beatMs: 20 }))
      change()
      const error = await eventually(() =>
        store.insertJobs([aJob()]).then(
          () => null,
          (reason: unknown) => reason,
        ),
      )
      expect(error).toMatchObject({ code: 'ERR_STORE_OPEN' })
      await expect(store.readQueues()).rejects.toThrow(/was deleted or replaced while it was open/)
    })
  }
})

describe('rows written by hand', () => {
  it('need no more than a name and args', async () => {
    const store = open()
    await store.open()
    const handle = connect()
    handle.exec(`insert into millrace_job (name, args) values ('mail.ping', '["x"]'), ('mail.ping', '["y"]')`)
    handle.exec(`insert into millrace_job (name, due_at) values ('mail.ping', (unixepoch() + 1000) * 1000)`)
    const node = aNode({ queues: ['default'] })
    await store.registerNode(node)
    const held = await eventually(async () => {
      const { jobs: found } = await store.claimJobs({ node: node.id, wants: [{ queue: 'default', count: 9 }] })
      return found.length > 0 && found
    })
    expect(held).toHaveLength(2)
    expect(held[0]).toMatchObject({
      args: { codec: 'json', text: '["x"]' },
      priority: 0,
      maxAttempts: 3,
      tags: [],
      trace: null,
      attempt: 1,
    })
    expect(held[0]?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(held[0]?.id).not.toBe(held[1]?.id)
  })

  it.each([
    [`insert into millrace_job (name, priority) values ('a', 101)`],
    [`insert into millrace_job (name, priority) values ('a', 'high')`],
    [`insert into millrace_job (name, state) values ('a', 'waiting')`],
    [`insert into millrace_job (name, state) values ('a', 'running')`],
    [`insert into millrace_job (name, due_at) values ('a', 9223372036854775807)`],
    [`insert into millrace_job (name, max_attempts) values ('a', 0)`],
    [`insert into millrace_job (name) values ('')`],
    [`insert into millrace_job (args) values ('[]')`],
    [`insert into millrace_job (name, args_codec) values ('a', 'pickle')`],
  ])('are refused when no claim could read them: %s', async (sql) => {
    await open().open()
    expect(() => connect().exec(sql)).toThrow(/constraint|cannot store/i)
  })

  it('fail alone when their backoff makes no sense', async () => {
    const store = open()
    const node = aNode({ queues: ['default'] })
    await store.registerNode(node)
    connect().exec(
      `insert into millrace_job (id, name, state, backoff, created_at) values ('by-hand', 'mail.ping', 'queued', '"x"', 1)`,
    )
    const answer = await store.claimJobs({ node: node.id, wants: [{ queue: 'default', count: 9 }] })
    expect(answer.broken).toMatchObject([{ id: 'by-hand', error: { code: 'ERR_ROW_BROKEN' } }])
    expect((await store.readJob('by-hand'))?.job.state).toBe('failed')
  })
})

describe('depth', () => {
  const MANY = `
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 120000)
    insert into millrace_job (id, name, queue, state, due_at) select printf('%08d', i), ?, 'q', ?, ? from n`

  it('does not keep a page of a filter that nothing matches from coming to an end', async () => {
    const store = open()
    await store.open()
    connect().prepare(MANY).run('mail.ping', 'queued', 1_000)
    connect().exec(`update millrace_job set key = 'k' where id = '00000001'`)
    let pages = 0
    let after: string | undefined
    const found: string[] = []
    do {
      const page = await store.listJobs({ key: 'k', limit: 10, searchLimit: 0, after })
      found.push(...page.jobs.map(({ id }) => id))
      after = page.next ?? undefined
      pages += 1
    } while (after !== undefined)
    expect(found).toEqual(['00000001'])
    expect(pages).toBeGreaterThan(1)
    expect((await store.cancelJobs({ filter: { key: 'k' }, limit: 5 })).changed).toEqual(['00000001'])
  })

  it('stops counts at their cap', async () => {
    const store = open()
    await store.open()
    connect().prepare(MANY).run('mail.ping', 'queued', 1_000)
    expect(await store.readQueues()).toMatchObject([{ name: 'q', depth: 100_000 }])
  })

  it('unparks many jobs for a new node a part at a time, until all are claimed', async () => {
    const store = open()
    await store.open()
    const count = 5_000
    await store.insertJobs(jobs(count, { name: 'late.job' }))
    const first = aNode()
    await store.registerNode(first)
    const claimAll = async (node: string): Promise<number> => {
      let got = 0
      for (;;) {
        const answer = await store.claimJobs({ node, wants: [{ queue: 'q', count: 1_000 }] })
        got += answer.jobs.length
        if (answer.jobs.length < 1_000 && answer.unfinished.length === 0) return got
      }
    }
    expect(await claimAll(first.id)).toBe(0)
    expect(await store.readQueues()).toMatchObject([{ depth: count }])
    const second = aNode({ jobs: [published('late.job')] })
    await store.registerNode(second)
    expect(await claimAll(second.id)).toBe(count)
  })

  it('leaves no long write-ahead log behind when nobody writes any more', async () => {
    const store = open()
    for (let batch = 0; batch < 10; batch++) await store.insertJobs(jobs(1_000))
    expect(statSync(`${path}-wal`).size).toBeGreaterThan(100_000)
    await eventually(() => statSync(`${path}-wal`).size === 0)
  })
})
