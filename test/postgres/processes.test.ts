import { join } from 'node:path'

import type { StartOptions } from 'millrace'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { aRunner } from '../support/runner.ts'
import { tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../support/worker-process.ts'

const names = { work: { run: (_ms?: number, _value?: number) => {}, hold: () => {}, block: (_ms: number) => {} } }

async function aPlace() {
  const { url, name } = await postgresDatabase()
  const record = join(tempFolder(), 'record')
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  const { runner } = aRunner(names, { database: url })
  await runner.migrate()
  const left = async () => {
    const { rows } = await client.query<{ count: string }>('select count(*) from millrace.job')
    return Number(rows[0]?.count)
  }
  return { url, name, record, client, runner, left }
}

describe('two processes on one PostgreSQL database', () => {
  it('share the work, and run each job once', async () => {
    const { url, record, client, left } = await aPlace()
    const spawn = () => aWorkerProcess({ url, record, queues: { default: { concurrency: 10 } }, start: {} })
    const [a, b] = await Promise.all([spawn(), spawn()])
    await client.query(`insert into millrace.job (name, args) select 'work.run', '[10]' from generate_series(1, 3000)`)
    await eventually(async () => (await left()) === 0, { withinMs: 30_000, everyMs: 50 })
    const starts = readRecord(record).filter(({ kind }) => kind === 'start')
    expect(starts.length).toBe(3_000)
    expect(new Set(starts.map(({ id }) => id)).size).toBe(3_000)
    // Rows written by hand tell nobody: one of them may look up to a second later than the other.
    for (const { child } of [a, b]) expect(starts.filter(({ pid }) => pid === child.pid).length).toBeGreaterThan(100)
  })

  it('take over what one of them ran when it was killed', async () => {
    const { url, record, runner, left } = await aPlace()
    const spawn = (start?: StartOptions) =>
      aWorkerProcess({ url, record, queues: { default: { concurrency: 5 } }, start, isQuiet: true })
    const victim = await spawn({})
    const heir = await spawn()
    for (let index = 0; index < 5; index++) await runner.enqueue('work.run', [1_000, index])
    const running = await eventually(() => {
      const begun = readRecord(record).filter(({ kind }) => kind === 'start')
      return begun.length === 5 && begun
    })
    await victim.kill()
    await heir.ask('start')
    await eventually(async () => (await left()) === 0, { withinMs: 20_000, everyMs: 50 })
    const ends = readRecord(record).filter(({ kind }) => kind === 'end')
    expect(ends.map(({ id }) => id).sort()).toEqual(running.map(({ id }) => id).sort())
    expect(new Set(ends.map(({ pid }) => pid))).toEqual(new Set([heir.child.pid]))
  })
})

describe('a process on PostgreSQL', () => {
  it('has six connections at most, whatever its concurrency', async () => {
    const { url, name, record, client, left } = await aPlace()
    // Only the process is to be counted.
    await aWorkerProcess({
      url: `${url}?application_name=counted`,
      record,
      queues: { default: { concurrency: 200 } },
      start: {},
    })
    await client.query(`insert into millrace.job (name, args) select 'work.run', '[5]' from generate_series(1, 3000)`)
    let most = 0
    await eventually(
      async () => {
        const { rows } = await client.query<{ count: string }>(
          `select count(*) from pg_stat_activity where datname = $1 and application_name = 'counted'`,
          [name],
        )
        most = Math.max(most, Number(rows[0]?.count))
        return (await left()) === 0
      },
      { withinMs: 30_000 },
    )
    // Claims, ends, listener, heart: those that a short run always opens, so that the count is known to see them.
    expect(most).toBeGreaterThanOrEqual(4)
    expect(most).toBeLessThanOrEqual(6)
  })
})
