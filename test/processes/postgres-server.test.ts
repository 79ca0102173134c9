/** The servers that tests start: they must be real, and must not outlive their test. */

import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'

import pg from 'pg'
import { describe, expect, inject, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { startPostgres, type PostgresServer, type PostgresServerOptions } from '../support/postgres-server.ts'
import { tempFolder } from '../support/temp-database.ts'

const SERVER = fileURLToPath(new URL('../support/postgres-server.ts', import.meta.url))
const BINARIES = fileURLToPath(
  new URL(`../node_modules/postgres-18-${process.platform}-${process.arch}/native`, import.meta.url),
)

async function aServer(options?: PostgresServerOptions): Promise<PostgresServer> {
  const server = await startPostgres(options)
  onTestFinished(() => server.close())
  return server
}

async function connect(config: string | pg.ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(config)
  client.on('error', () => {}) // servers are stopped under it
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

async function settingOf(client: pg.Client, name: string): Promise<unknown> {
  const { rows } = await client.query<{ setting: string }>('select current_setting($1) as setting', [name])
  return rows[0]?.setting
}

describe('a PostgreSQL server for tests', () => {
  it.each([15, 18] as const)('is of version %s when that is asked for, with the given settings', async (version) => {
    const server = await aServer({ version, settings: { max_connections: 17 } })
    const client = await connect(server.url())
    expect(await settingOf(client, 'server_version')).toMatch(new RegExp(`^${version}\\.`))
    expect(await settingOf(client, 'max_connections')).toBe('17')
    expect(await settingOf(client, 'fsync')).toBe('off')
  })

  it('takes connections on its unix socket too', async () => {
    const server = await aServer()
    const client = await connect({ host: server.socketFolder, port: server.port, user: 'postgres' })
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('has what was committed after it was killed at work, and after a stop', async () => {
    const server = await aServer()
    const url = await server.createDatabase('kept "as it is"')
    const client = await connect(url)
    await client.query('create table kept (value int)')
    await client.query('insert into kept values (1)')
    const cut = (await connect(url)).query('select pg_sleep(60)').catch((error: unknown) => error)
    await server.kill9()
    await expect(connect(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server.restart()
    expect(await cut).toBeInstanceOf(Error)
    expect((await (await connect(url)).query('select value from kept')).rows).toEqual([{ value: 1 }])
    await server.stop()
    await expect(connect(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await server.restart()
    expect((await (await connect(url)).query('select value from kept')).rows).toEqual([{ value: 1 }])
  })

  it('says why it does not start', async () => {
    await expect(startPostgres({ settings: { shared_buffers: 'many' } })).rejects.toThrow(/invalid value .* "many"/)
  })

  it('runs from a folder that only root may enter', async (context) => {
    if (process.getuid?.() !== 0) context.skip('not root')
    const folder = join(tempFolder(), 'closed')
    mkdirSync(folder, { mode: 0o700 })
    cpSync(BINARIES, folder, { recursive: true, verbatimSymlinks: true })
    const server = await aServer({ binaries: join(folder, 'bin') })
    expect((await (await connect(server.url())).query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('is gone, with its data, when the process that started it was killed', async () => {
    const program = `
      const { startPostgres } = await import(${JSON.stringify(pathToFileURL(SERVER).href)})
      const server = await startPostgres()
      console.log(server.socketFolder + ' ' + server.url())
      setInterval(() => {}, 1_000)
    `
    const args = ['--import', 'tsx', '--input-type=module', '-e', program]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void child.kill('SIGKILL'))
    // The one line that the program prints.
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
    const [socketFolder = '', url = ''] = line.split(' ')
    await connect(url)
    child.kill('SIGKILL')
    await eventually(() => !existsSync(dirname(socketFolder)))
    await expect(connect(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('postgresDatabase', async () => {
  const ofDescribe = await postgresDatabase()
  let ofTest = ''

  it('gives an empty database of its own', async () => {
    const { name, url } = await postgresDatabase()
    ofTest = name
    const client = await connect(url)
    expect((await client.query('select current_database() as name')).rows).toEqual([{ name }])
    expect((await client.query(`select * from pg_tables where schemaname = 'public'`)).rows).toEqual([])
  })

  it('drops it after its test, and that of a describe later', async () => {
    const client = await connect(inject('postgres18') ?? '')
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database')
    const names = rows.map(({ datname }) => datname)
    expect(names).not.toContain(ofTest)
    expect(names).toContain(ofDescribe.name)
  })

  it('refuses a server that the suite does not have', async () => {
    await expect(postgresDatabase(15)).rejects.toThrow(/no PostgreSQL 15/)
  })
})
