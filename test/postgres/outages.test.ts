/** What workers and producers do while PostgreSQL is away, cuts them off, or does not answer; more of it in test/outages. */

import { join } from 'node:path'

import { currentJob } from 'millrace'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { gate } from '../support/gate.ts'
import { heartbeat } from '../support/heartbeat.ts'
import { AWAY } from '../support/outage-place.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { passRealTime } from '../support/real-time.ts'
import { aRunner, aWorker, eventsOf } from '../support/runner.ts'
import { anId } from '../support/store-jobs.ts'
import { tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

async function aServer(): Promise<PostgresServer> {
  const server = await startPostgres()
  onTestFinished(() => server.close())
  return server
}

/** The processes of the server behind the connections of millrace, by what they did last. */
async function backends(admin: pg.Client, like = '%'): Promise<number[]> {
  const { rows } = await admin.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
      and application_name = 'millrace' and query like $1`,
    [like],
  )
  return rows.map(({ pid }) => pid)
}

/** Stops processes, until the test ends at the latest; answers how to let them go on. */
function freeze(pids: readonly number[]): () => void {
  for (const pid of pids) process.kill(pid, 'SIGSTOP')
  let isFrozen = true
  const thaw = (): void => {
    if (isFrozen) for (const pid of pids) process.kill(pid, 'SIGCONT')
    isFrozen = false
  }
  onTestFinished(thaw)
  return thaw
}

describe('a server that is killed and starts again', () => {
  it('ends no process and loses no job, and the work goes on', async () => {
    const server = await aServer()
    const url = await server.createDatabase('app')
    const record = join(tempFolder(), 'record')
    const worker = await aWorkerProcess({ url, record, queues: { default: { concurrency: 4 } }, start: {} })
    const { runner } = aRunner({ work: { run: (_ms: number) => null } }, { database: url })
    const run = 'work.run'
    // These run while the server is away: long enough that their claims are on the disk before.
    const long = await Promise.all([1, 2].map(() => runner.enqueue(run, [3_000])))
    const waiting = await Promise.all(Array.from({ length: 20 }, () => runner.enqueue(run, [0], { delay: '2s' })))
    // That they have begun is written durably, and so their claims are.
    const admin = await connect(url)
    await eventually(async () => (await admin.query('select id from millrace.job where started_at > 0')).rowCount === 2)
    await server.kill9()
    const id = anId()
    await expect(runner.enqueue(run, [0], { id })).rejects.toMatchObject({ code: expect.stringMatching(AWAY) })
    await server.restart()
    const isUpAt = Date.now()
    expect((await runner.enqueue(run, [0], { id })).id).toBe(id)
    expect((await runner.enqueue(run, [0], { id })).status).toBe('duplicate')
    const ids = [...long, ...waiting].map((handle) => handle.id).concat(id)
    await Promise.all(ids.map((each) => runner.result(each)))
    expect(Date.now() - isUpAt).toBeLessThan(8_000)
    const starts = readRecord(record).filter(({ kind }) => kind === 'start')
    expect(starts.map((line) => line.id).sort()).toEqual(ids.sort())
    expect(worker.events.filter(({ event }) => event === 'node:fenced' || event === 'job:stale')).toEqual([])
    expect(worker.child.exitCode).toBeNull()
  })
})

describe('connections that are cut again and again', () => {
  it('cost nothing but time: each job runs once, and notifications come back', async () => {
    const { url } = await postgresDatabase()
    const admin = await connect(url)
    const runs = new Map<string, number>()
    const work = {
      run: async () => {
        const { id } = currentJob()
        runs.set(id, (runs.get(id) ?? 0) + 1)
        await passRealTime(20)
      },
    }
    const { runner } = await aWorker({ work }, { database: url, queues: { default: { concurrency: 10 } } })
    const bad = eventsOf(runner, 'node:fenced', 'job:stale', 'queue:crash')
    const ids: string[] = []
    const until = Date.now() + 4_000
    const cut = async (): Promise<void> => {
      while (Date.now() < until) {
        await admin.query(
          `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
            and pid <> pg_backend_pid() and application_name = 'millrace'`,
        )
        await passRealTime(500)
      }
    }
    const produce = async (): Promise<void> => {
      while (Date.now() < until) {
        const id = anId()
        ids.push(id)
        await eventually(
          () =>
            runner.enqueue(work.run, [], { id }).catch((error: unknown) => {
              expect(error).toMatchObject({ code: expect.stringMatching(AWAY) })
              return false
            }),
          { everyMs: 50 },
        )
      }
    }
    await Promise.all([cut(), produce(), produce(), produce(), produce()])
    const isQuietAt = Date.now()
    await Promise.all(ids.map((id) => runner.result(id)))
    expect(Date.now() - isQuietAt).toBeLessThan(6_000)
    expect(ids.length).toBeGreaterThan(50)
    expect(ids.filter((id) => runs.get(id) !== 1)).toEqual([])
    expect(bad).toEqual([])
    // The heart and the ear are back.
    await eventually(async () => (await backends(admin, 'listen %')).length === 1)
    await heartbeat(admin)
    expect((await admin.query('select * from millrace.lease')).rows).toEqual([])
  })
})

describe('a connection that does not answer', () => {
  /** The driver reads this limit from the URL, over the one of the store. */
  const limited = (url: string): string => `${url}?query_timeout=700`

  it('is given up, and what the server claims on it later comes back', async () => {
    const { url } = await postgresDatabase()
    const admin = await connect(url)
    const release = gate()
    const runs: string[] = []
    const work = {
      run: () => void runs.push(currentJob().id),
      hold: () => release.passed,
    }
    const { runner } = await aWorker({ work }, { database: limited(url), queues: { default: { concurrency: 1 } } })
    await (await runner.enqueue(work.run, [])).result()
    const [claims = 0] = await eventually(async () => {
      const found = await backends(admin, '%want as materialized%')
      return found.length > 0 && found
    })
    const thaw = freeze([claims])
    // Its claim goes to the frozen connection first.
    const held = await runner.enqueue(work.hold, [])
    await eventually(async () => (await runner.job(held.id))?.state === 'running')
    const next = await runner.enqueue(work.run, [])
    thaw()
    // The claim that nobody waits for any more is run now.
    await eventually(async () => (await runner.job(next.id))?.state === 'running')
    expect(runs).not.toContain(next.id)
    release.open()
    await held.result()
    await next.result({ timeout: '8s' })
    expect(runs.filter((id) => id === next.id)).toHaveLength(1)
    expect(await runner.job(next.id)).toMatchObject({ attempt: 1 })
  })

  it('makes no node look dead when it is that of the heart', async () => {
    const { url } = await postgresDatabase()
    const admin = await connect(url)
    const { runner } = await aWorker({ work: { run: () => null } }, { database: url })
    await (await runner.enqueue('work.run', [])).result()
    await heartbeat(admin)
    freeze(await backends(admin, '%set beat_at%'))
    const silences: number[] = []
    await Promise.all([
      heartbeat(admin),
      eventually(
        async () => {
          const { rows } = await admin.query(
            'select millrace.now_ms() - beat_at as silence, beat_seq from millrace.node',
          )
          silences.push(Number(rows[0]?.silence))
          return silences.length > 10 && silences.some((silence, index) => silence < (silences[index - 1] ?? 0) - 3_000)
        },
        { everyMs: 50, withinMs: 20_000 },
      ),
    ])
    // Others call it dead after ten seconds.
    expect(Math.max(...silences)).toBeLessThan(9_000)
    expect(Math.max(...silences)).toBeGreaterThan(4_000)
  })

  it('keeps no runner from closing', async () => {
    const { url } = await postgresDatabase()
    const admin = await connect(url)
    const work = { run: () => null }
    const { runner } = await aWorker({ work }, { database: limited(url) })
    await (await runner.enqueue(work.run, [])).result()
    await eventually(async () => (await backends(admin, 'listen %')).length === 1)
    freeze(await backends(admin))
    const calledAt = Date.now()
    await runner.close()
    expect(Date.now() - calledAt).toBeLessThan(15_000)
  })
})
