/** A pool of the package `pg` as the `database` of a runner: its settings are used, it is not. */

import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { createRunner, type LogRecord } from 'millrace'
import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { heartbeat } from '../support/heartbeat.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { administer, startPostgres } from '../support/postgres-server.ts'
import { tempFolder } from '../support/temp-database.ts'

const work = { double: (value: number) => value * 2 }

/** A started worker on a pool, and what it logged. */
async function aWorkerOn(pool: pg.Pool) {
  const logged: LogRecord[] = []
  const host = { logger: { log: (record: LogRecord) => void logged.push(record) } }
  const runner = createRunner({ database: pool, jobs: { work }, host })
  onTestFinished(() => runner.stop({ timeout: 0 }).then(() => runner.close()))
  await runner.start()
  return { runner, logged }
}

function aPool(config: pg.PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  // Its server goes before it does.
  pool.on('error', () => {})
  onTestFinished(() => pool.end())
  return pool
}

/** Answers when the heart of the worker on a database has beaten. */
async function hasBeaten(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  await heartbeat(client)
}

/** A server that asks the role `app` for the password `secret`. */
async function aServerWithPasswords() {
  const server = await startPostgres()
  onTestFinished(() => server.close())
  const url = await server.createDatabase('app')
  await administer(url, `create role app login password 'secret'`)
  await administer(url, 'grant create on database app to app')
  const rules = ['host all app 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 trust', '']
  writeFileSync(join(server.dataFolder, 'pg_hba.conf'), rules.join('\n'))
  await administer(url, 'select pg_reload_conf()')
  return { url, port: server.port }
}

/** A server that asks the role `certified` for a certificate, and that certificate with its key. */
async function aServerWithCertificates() {
  const server = await startPostgres()
  onTestFinished(() => server.close())
  const url = await server.createDatabase('app')
  const folder = tempFolder()
  const [certificate, key] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
  // One certificate for both sides, which signs itself.
  const subject = ['-subj', '/CN=certified', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = ['-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  execFileSync('openssl', ['req', ...made, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const owner = statSync(server.dataFolder)
  for (const [name, text] of [
    ['server.crt', readFileSync(certificate)],
    ['root.crt', readFileSync(certificate)],
    ['server.key', readFileSync(key)],
  ] as const) {
    const path = join(server.dataFolder, name)
    writeFileSync(path, text)
    chmodSync(path, 0o600)
    chownSync(path, owner.uid, owner.gid)
  }
  await administer(url, 'create role certified login')
  await administer(url, 'grant create on database app to certified')
  await administer(url, `alter system set ssl_ca_file = 'root.crt'`)
  await administer(url, 'alter system set ssl = on')
  const rules = ['hostssl all certified 127.0.0.1/32 cert', 'host all certified 127.0.0.1/32 reject']
  const all = [...rules, 'host all all 127.0.0.1/32 trust', '']
  writeFileSync(join(server.dataFolder, 'pg_hba.conf'), all.join('\n'))
  await administer(url, 'select pg_reload_conf()')
  const ssl = { ca: readFileSync(certificate), cert: readFileSync(certificate), key: readFileSync(key) }
  return { url, port: server.port, ssl }
}

describe('a pool as the database', () => {
  it('is neither used nor ended, and may be empty', async () => {
    const { url } = await postgresDatabase()
    const pool = aPool({ connectionString: url, max: 1 })
    const taken = await pool.connect()
    const { runner, logged } = await aWorkerOn(pool)
    expect(await (await runner.enqueue(work.double, [2])).result()).toBe(4)
    expect([pool.totalCount, pool.waitingCount]).toEqual([1, 0])
    await runner.stop()
    await runner.close()
    taken.release()
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(logged).toEqual([])
  })

  it('gives its user and its password, which may be a function: then the heart beats on the event loop, and says so', async () => {
    const { url, port } = await aServerWithPasswords()
    const asked: number[] = []
    const password = async (): Promise<string> => {
      asked.push(Date.now())
      return 'secret'
    }
    const address = { host: '127.0.0.1', port, user: 'app', database: 'app', password }
    const pool = aPool({ ...address, options: '-c search_path=pg_temp' })
    const { runner, logged } = await aWorkerOn(pool)
    expect(await (await runner.enqueue(work.double, [2])).result()).toBe(4)
    await hasBeaten(url)
    expect(logged).toMatchObject([{ level: 'warn', code: 'beat_on_loop', args: [`postgres://127.0.0.1:${port}/app`] }])
    expect(asked.length).toBeGreaterThanOrEqual(5)
    expect(pool.totalCount).toBe(0)
  })

  it('gives a password that is a text, which the thread of the heart gets too', async () => {
    const { url, port } = await aServerWithPasswords()
    const pool = aPool({ host: '127.0.0.1', port, user: 'app', database: 'app', password: 'secret' })
    const { runner, logged } = await aWorkerOn(pool)
    expect(await (await runner.enqueue(work.double, [2])).result()).toBe(4)
    await hasBeaten(url)
    expect(logged).toEqual([])
  })

  it('gives its certificate and the key that it hides', async (context) => {
    if (!hasOpenssl()) context.skip('openssl is not installed')
    const { url, port, ssl } = await aServerWithCertificates()
    const pool = aPool({ host: '127.0.0.1', port, user: 'certified', database: 'app', ssl })
    const { runner, logged } = await aWorkerOn(pool)
    expect(await (await runner.enqueue(work.double, [2])).result()).toBe(4)
    await hasBeaten(url)
    expect(logged).toEqual([])
  })
})

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
