import { randomBytes } from 'node:crypto'

import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { postgresDatabase } from '../support/postgres-database.ts'
import { jobs } from '../support/store-jobs.ts'

function aStore(database: string) {
  const store = openPostgresStore({ host: nodeHost(), database })
  onTestFinished(() => store.close())
  return store
}

async function aClient(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

describe('the schema on PostgreSQL', () => {
  it('is made once when several processes begin at the same time', async () => {
    const { url } = await postgresDatabase()
    const reports = await Promise.all(Array.from({ length: 6 }, () => aStore(url).migrate()))
    // By one of them, and in one piece: nobody finds half of it.
    const made = reports.filter(({ applied }) => applied.length > 0)
    expect(made.map(({ applied }) => applied.length)).toEqual([reports[0]?.to])
    for (const { to } of reports) expect(to).toBe(reports[0]?.to)
  })

  it('is made by whichever first use comes first', async () => {
    const { url } = await postgresDatabase()
    const stored = await Promise.all(Array.from({ length: 6 }, () => aStore(url).insertJobs(jobs(2))))
    expect(stored.flat().map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 'created'))
  })

  it('is not made by a role that may not, which is told what is missing', async () => {
    const { url, name } = await postgresDatabase()
    const role = `role_${randomBytes(6).toString('hex')}`
    const admin = await aClient(url)
    await admin.query(`create role ${role} login; revoke create on database ${name} from public`)
    onTestFinished(async () => {
      const again = new pg.Client({ connectionString: url.replace(`/${name}`, '/postgres') })
      await again.connect()
      await again.query(`drop role ${role}`)
      await again.end()
    })
    const own = new URL(url)
    own.username = role
    const store = aStore(own.href)
    const refusal = {
      code: 'ERR_STORE_OPEN',
      message: expect.stringMatching(/permission denied for database .*grant this role what it needs/),
    }
    await expect(store.migrate()).rejects.toMatchObject(refusal)
    await expect(store.insertJobs(jobs(1))).rejects.toMatchObject(refusal)

    // Made by somebody else, but not for this role.
    await aStore(url).migrate()
    await expect(store.insertJobs(jobs(1))).rejects.toMatchObject({
      code: 'ERR_STORE_OPEN',
      message: expect.stringMatching(/permission denied for schema millrace/),
    })
  })

  it.each([
    [
      'another migration',
      `select pg_advisory_lock(hashtext('millrace migrate'), hashtext('"millrace"'))`,
      7_500,
      9_900,
    ],
    ['somebody who holds a table', 'begin; lock table millrace.schema_version', 1_500, 5_000],
  ])('waits for %s only so long, and says so', async (_who, lock, least, most) => {
    const { url } = await postgresDatabase()
    await aStore(url).migrate()
    const other = await aClient(url)
    await other.query('update millrace.schema_version set version = version - 1')
    await other.query(lock)
    const store = aStore(url)
    const startedAt = performance.now()
    await expect(store.migrate()).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining('another session holds a lock'),
    })
    const tookMs = performance.now() - startedAt
    expect(tookMs).toBeGreaterThan(least)
    expect(tookMs).toBeLessThan(most)
  })
})
