/** The guide for PostgreSQL: its SQL runs as it stands, and each of its roles may do what it says and no more. */

import { randomBytes } from 'node:crypto'

import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { cliProject, type CliProject } from '../cli/cli-project.ts'
import { blocksOf, filesIn, readDocument } from './documents.ts'

type Role = 'migrator' | 'worker' | 'producer' | 'viewer'

const blocks = blocksOf(readDocument('docs/guides/postgres.md'))
const [makeRoles = '', grantRights = '', grantResults = '', enqueueBySql = ''] = blocks
  .filter(({ language }) => language === 'sql')
  .map(({ text }) => text)

/** A database in which the guide was followed, and a project that uses it. */
interface Followed {
  readonly project: CliProject
  /** Runs the command as a role. */
  as(
    role: Role,
    ...args: string[]
  ): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }>
  /** Runs SQL as a role; undefined is the owner of the database. */
  sql(role: Role | undefined, text: string): Promise<pg.QueryResult>
  /** Starts a worker. */
  start(): Promise<void>
}

async function follow(): Promise<Followed> {
  const { url } = await postgresDatabase()
  // Roles belong to the whole server: each test has its own.
  const own = `m${randomBytes(6).toString('hex')}_`
  const named = (text: string): string => text.replaceAll('millrace_', own)
  const urlOf = (role: Role | undefined): string => {
    const place = new URL(url)
    if (role !== undefined) place.username = `${own}${role}`
    return place.href
  }
  const sql: Followed['sql'] = async (role, text) => {
    const client = new pg.Client({ connectionString: urlOf(role) })
    await client.connect()
    try {
      return await client.query(named(text))
    } finally {
      await client.end()
    }
  }
  const project = cliProject()
  for (const { name, text } of blocks.filter(({ language }) => language === 'ts').flatMap(filesIn))
    project.write(name, text)
  const as: Followed['as'] = (role, ...args) => project.run(args, { env: { DATABASE_URL: urlOf(role) } })

  await sql(undefined, makeRoles)
  onTestFinished(async () => {
    const roles = ['worker', 'producer', 'viewer', 'migrator'].map((role) => `${own}${role}`)
    for (const role of roles) await sql(undefined, `drop owned by ${role} cascade; drop role ${role}`)
  })
  expect(await as('migrator', 'migrate')).toMatchObject({ code: 0 })
  await sql('migrator', grantRights)
  return {
    project,
    as,
    sql,
    start: async () => {
      const worker = project.start(['start'], { env: { DATABASE_URL: urlOf('worker') } })
      await worker.saw('queues')
    },
  }
}

const ARGS = ['mailer.sendWelcome', '--args', '[{"id":1,"email":"ada@example.org"}]']
const DENIED = { code: 3, stderr: expect.stringContaining('permission denied') }

describe('the guide for PostgreSQL', () => {
  it('has a producer that stores jobs and neither reads nor changes them', async () => {
    const { as, sql } = await follow()
    expect(await as('producer', 'enqueue', ...ARGS)).toMatchObject({ code: 0 })
    expect(await as('producer', 'enqueue', ...ARGS, '--id', '00000000-0000-4000-8000-000000000001')).toMatchObject({
      code: 0,
    })
    expect(await as('producer', 'enqueue', ...ARGS, '--id', '00000000-0000-4000-8000-000000000001')).toMatchObject({
      code: 0,
    })
    await sql('producer', `select millrace.enqueue('mailer.sendWelcome', '[]')`)
    expect((await sql(undefined, 'select from millrace.job')).rowCount).toBe(3)
    expect(await as('producer', 'ls')).toMatchObject(DENIED)
    expect(await as('producer', 'cancel', '--queue', 'default', '--yes')).toMatchObject(DENIED)
    for (const text of [
      'select args from millrace.job',
      'delete from millrace.job',
      `update millrace.job set name = 'x'`,
    ]) {
      await expect(sql('producer', text)).rejects.toThrow('permission denied')
    }
  })

  it('has a producer that may wait for results after two more grants, and is told so before', async () => {
    const { as, sql, start } = await follow()
    await start()
    expect(await as('producer', 'enqueue', ...ARGS, '--wait')).toMatchObject(DENIED)
    await sql('migrator', grantResults)
    const waited = await as('producer', 'enqueue', ...ARGS, '--wait', '--json')
    expect(waited.code).toBe(0)
    expect(JSON.parse(waited.stdout)).toMatchObject({ result: { messageId: 'welcome-1' } })
  })

  it('has a worker that runs and operates jobs, and cannot change the schema', async () => {
    const { as, sql, start } = await follow()
    await start()
    await as('producer', 'enqueue', ...ARGS)
    await eventually(async () => (await sql(undefined, 'select from millrace.history')).rowCount === 1)
    for (const args of [
      ['pause', 'default'],
      ['resume', 'default'],
      ['scale', 'default', '3'],
      ['delete', '--queue', 'default', '--yes'],
      ['doctor'],
    ]) {
      expect(await as('worker', ...args)).toMatchObject({ code: 0 })
    }
    expect((await sql(undefined, 'select from millrace.history')).rowCount).toBe(0)
    for (const text of [
      'drop table millrace.job',
      'create table millrace.x ()',
      'update millrace.schema_version set version = 9',
    ]) {
      await expect(sql('worker', text)).rejects.toThrow(/permission denied|must be owner/)
    }
  })

  it('has a viewer that sees everything and changes nothing', async () => {
    const { as, sql, start } = await follow()
    const id = (await as('producer', 'enqueue', ...ARGS, '--delay', '1h')).stdout.trim()
    await start()
    for (const args of [['ls'], ['show', id], ['explain', id], ['queues'], ['nodes'], ['flow'], ['dead']]) {
      expect(await as('viewer', ...args)).toMatchObject({ code: 0 })
    }
    expect((await sql('viewer', 'select state from millrace.jobs')).rows).toEqual([{ state: 'scheduled' }])
    for (const args of [
      ['cancel', id],
      ['pause', 'default'],
      ['scale', 'default', '3'],
      ['enqueue', ...ARGS],
    ]) {
      expect(await as('viewer', ...args)).toMatchObject(DENIED)
    }
    await expect(sql('viewer', `select millrace.enqueue('a.b', '[]')`)).rejects.toThrow('permission denied')
  })

  it('gives later tables to worker and viewer by themselves', async () => {
    const { sql } = await follow()
    await sql('migrator', 'create table millrace.later (id bigint generated always as identity)')
    await sql('worker', 'insert into millrace.later default values')
    expect((await sql('viewer', 'select from millrace.later')).rowCount).toBe(1)
    await expect(sql('producer', 'select from millrace.later')).rejects.toThrow('permission denied')
  })

  it('enqueues from SQL and from a trigger, with what the code has published', async () => {
    const { project, sql, start } = await follow()
    project.write(
      'mailer.ts',
      `import { job } from 'millrace'
       export const sendWelcome = job({ queue: 'email', maxAttempts: 8 }, async (user: { id: number }) => ({ id: user.id }))`,
    )
    await start()
    await sql(undefined, enqueueBySql)
    const ended = await eventually(async () => {
      const { rows } = await sql(undefined, 'select queue, max_attempts, result from millrace.history order by result')
      return rows.length === 2 && rows
    })
    const email = { queue: 'email', max_attempts: 8 }
    expect(ended).toEqual([
      { ...email, result: '{"id":7}' },
      { ...email, result: '{"id":9}' },
    ])
    const { rows } = await sql(undefined, 'select priority, tags, queue from millrace.job')
    expect(rows).toEqual([{ priority: -5, tags: ['newsletter'], queue: 'email' }])
  })
})
