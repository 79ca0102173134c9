/** `millrace doctor` on PostgreSQL: each fault is provoked on a real server, found, and exit code 1. */

import { join } from 'node:path'

import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { startPooler } from '../../support/postgres-pooler.ts'
import { cliProject, type CliOptions, type CliProject } from './cli-project.ts'

interface Finding {
  readonly check: string
  readonly level: string
  readonly found: string
  readonly advice: string | null
}

/** Runs the doctor; answers its exit code and what is wrong, without the remark that tests connect as the superuser. */
async function doctor(project: CliProject, url: string, options?: CliOptions) {
  const { code, document } = await project.json(['doctor', '--url', url], options)
  const findings: readonly Finding[] = document.findings
  return { code, findings, bad: findings.filter(({ check, level }) => level !== 'ok' && check !== 'role') }
}

/** A database with the schema, and a connection to it. */
async function migrated(project: CliProject) {
  const { url } = await postgresDatabase()
  expect((await project.run(['migrate', '--url', url])).code).toBe(0)
  return { url, client: await connect(url) }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  // The database is dropped with the test, and its connections with it.
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

const noWorker = { check: 'nodes', level: 'warning', found: 'no worker is running', advice: expect.any(String) }

describe('doctor on PostgreSQL', () => {
  it('exits with 0 and one line for each check when all is well', async () => {
    const project = cliProject()
    const { url } = await migrated(project)
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       import * as work from './work.ts'
       export default createRunner({ database: process.env.DATABASE_URL, jobs: { work } })`,
    )
    const worker = project.start(['start'], { env: { DATABASE_URL: url } })
    await worker.saw('queues')
    const { code, stdout } = await project.run(['doctor'], { env: { DATABASE_URL: url } })
    expect(code).toBe(0)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(/ +/).slice(0, 2).join(' ')),
    ).toEqual([
      'ok engine',
      'warning role',
      'ok beat',
      'ok clock',
      'ok pooler',
      'ok listen',
      'ok snapshots',
      'ok schema',
      'ok rights',
      'ok vacuum',
      'ok nodes',
      'ok queues',
    ])
    worker.child.kill('SIGKILL')
    await worker.ended
    const dead = await eventually(async () => {
      const found = await doctor(project, url)
      return found.code === 1 && found
    })
    expect(dead.bad).toContainEqual(
      expect.objectContaining({
        check: 'nodes',
        level: 'problem',
        found: expect.stringContaining(`pid ${worker.child.pid}`),
      }),
    )
  })

  it('exits with 3 when the server cannot be reached, and tells no password', async () => {
    const project = cliProject()
    const { url } = await postgresDatabase()
    const nowhere = new URL(url)
    nowhere.password = 'se/cr@et'
    nowhere.pathname = '/no_such_database'
    for (const place of [nowhere.href, 'postgres://ann:se%2Fcr@127.0.0.1:1/app']) {
      const { code, stdout, stderr } = await project.run(['doctor', '--verbose', '--url', place])
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
      expect(stderr).toContain('***')
      expect(stderr).not.toMatch(/se(\/|%2F)cr/)
    }
  })

  it('changes nothing', async () => {
    const project = cliProject()
    const { url } = await postgresDatabase()
    const { code, bad } = await doctor(project, url)
    expect({ code, bad }).toMatchObject({ code: 1, bad: [{ check: 'schema', level: 'problem' }] })
    const client = await connect(url)
    expect((await client.query(`select from pg_namespace where nspname = 'millrace'`)).rowCount).toBe(0)
  })
})

describe('doctor on PostgreSQL finds', () => {
  it('a newer schema', async () => {
    const project = cliProject()
    const { url, client } = await migrated(project)
    await client.query('update millrace.schema_version set version = version + 1')
    const { code, bad } = await doctor(project, url)
    expect({ code, bad }).toMatchObject({
      code: 1,
      bad: [{ check: 'schema', level: 'problem', advice: expect.stringContaining('newer') }],
    })
  })

  it('rights that are missing, from the schema down to one table', async () => {
    const project = cliProject()
    const { url, client } = await migrated(project)
    const role = `worker_${Date.now()}`
    await client.query(`create role ${role} login`)
    onTestFinished(async () => {
      await client.query(`drop owned by ${role}; drop role ${role}`)
    })
    const as = new URL(url)
    as.username = role
    const rights = async () => {
      const { code, findings } = await doctor(project, as.href)
      return { code, found: findings.find(({ check }) => check === 'rights') }
    }
    expect(await rights()).toMatchObject({
      code: 1,
      found: { level: 'problem', found: expect.stringContaining('the schema (usage)') },
    })
    await client.query(`grant usage on schema millrace to ${role}`)
    expect(await rights()).toMatchObject({
      code: 1,
      found: { level: 'problem', found: expect.stringContaining('schema_version (select)') },
    })
    await client.query(`grant select, insert, update, delete on all tables in schema millrace to ${role}`)
    expect(await rights()).toMatchObject({ code: 1, found: { found: expect.stringMatching(/: job_seq \(usage\)$/) } })
    await client.query(
      `grant usage on all sequences in schema millrace to ${role}; revoke delete on millrace.history from ${role}`,
    )
    expect(await rights()).toMatchObject({ code: 1, found: { found: expect.stringMatching(/: history \(delete\)$/) } })
    await client.query(`grant delete on millrace.history to ${role}`)
    expect(await rights()).toMatchObject({ code: 0, found: { level: 'ok' } })
  })

  it('a clock that is not that of the database', async () => {
    const project = cliProject()
    const { url } = await migrated(project)
    project.write('ahead.cjs', 'const now = Date.now; Date.now = () => now() + 7000')
    const env = { NODE_OPTIONS: `--require ${join(project.folder, 'ahead.cjs')}` }
    const { code, bad } = await doctor(project, url, { env })
    expect({ code, bad }).toMatchObject({
      code: 1,
      bad: [{ check: 'clock', level: 'problem', found: expect.stringContaining('7 s ahead of') }, noWorker],
    })
  })

  it('a transaction that has been open for too long', async () => {
    const project = cliProject()
    const { url, client } = await migrated(project)
    await client.query('begin')
    await client.query('select count(*) from millrace.job')
    expect((await doctor(project, url)).bad).toEqual([noWorker])
    // For the doctor's own connection it is six minutes later: a function of its search path stands before the real one.
    const admin = await connect(url)
    await admin.query(`
      create schema later;
      create function later.clock_timestamp() returns timestamptz language sql
        as $$ select pg_catalog.clock_timestamp() + interval '6 minutes' $$`)
    const later = new URL(url)
    later.searchParams.set('options', '-c search_path=later,pg_catalog')
    const { code, bad } = await doctor(project, later.href)
    expect(code).toBe(1)
    expect(bad).toContainEqual({
      check: 'snapshots',
      level: 'problem',
      found: expect.stringMatching(/^pid \d+ .* for 6 minutes \(idle in transaction\)/),
      advice: expect.stringContaining('idle_in_transaction_session_timeout'),
    })
  })

  it('a pooler that loses notifications', async () => {
    const project = cliProject()
    const { url } = await migrated(project)
    const { code, bad } = await doctor(project, await startPooler(url))
    expect({ code, bad }).toMatchObject({
      code: 1,
      bad: [{ check: 'pooler', level: 'problem' }, { check: 'listen', level: 'problem' }, noWorker],
    })
    const session = await doctor(project, await startPooler(url, { losesNotifications: false }))
    expect(session).toMatchObject({ code: 0, bad: [{ check: 'pooler', level: 'warning' }, noWorker] })
  })

  it('a password that is a function, which keeps the beat on the event loop', async () => {
    const project = cliProject()
    const { url } = await migrated(project)
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       import pg from '${join(process.cwd(), 'node_modules/pg/esm/index.mjs')}'
       const { hostname: host, port, pathname } = new URL(process.env.DATABASE_URL ?? '')
       const pool = new pg.Pool({ host, port: Number(port), user: 'postgres', database: pathname.slice(1), password: async () => 'x' })
       export default createRunner({ database: pool, jobs: {} })`,
    )
    const { code, document } = await project.json(['doctor'], { env: { DATABASE_URL: url } })
    expect(code).toBe(0)
    expect(document.findings).toContainEqual(expect.objectContaining({ check: 'beat', level: 'warning' }))
  })
})
