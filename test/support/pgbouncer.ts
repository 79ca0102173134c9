/**
 * A real pgbouncer before a PostgreSQL server of a test, with its files in a temp folder. It ends with its test or file, and
 * by the watcher of server-process.ts when the process of the test dies. pgbouncer refuses to run as root as PostgreSQL does.
 */

import { spawn } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { atTheEnd } from './at-the-end.ts'
import { eventually } from './eventually.ts'
import { freePort, hasEnded, isGoneWithin, SERVER_ENV, serverAccount, watch } from './server-process.ts'

/** How a pgbouncer is to be. */
export interface PgbouncerOptions {
  /** When a connection of the server goes back to the pool: after each transaction, or when its client leaves. */
  readonly mode: 'transaction' | 'session'
  /** How many connections to the server for each database. Default: 20. */
  readonly poolSize?: number
}

/** Debian has it where only the PATH of root looks. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin`

const START_WITHIN_MS = 10_000
const STOP_WITHIN_MS = 5_000

/** Starts a pgbouncer before the server of a URL, until the test or file ends; answers the URL of the same database through it. */
export async function pgbouncer(url: string, { mode, poolSize = 20 }: PgbouncerOptions): Promise<string> {
  const server = new URL(url)
  const account = serverAccount()
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'millrace-bouncer-'))
  const watcher = watch({ folder, pidFile: 'pid', cwd: '' })
  const port = await freePort()
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'trust',
    auth_file: join(folder, 'users'),
    pool_mode: mode,
    default_pool_size: poolSize,
    max_client_conn: 200,
    logfile: join(folder, 'log'),
    pidfile: join(folder, 'pid'),
  }
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`)
  const databases = `[databases]\n* = host=${server.hostname} port=${server.port}\n`
  writeFileSync(join(folder, 'ini'), `${databases}[pgbouncer]\n${lines.join('\n')}\n`)
  writeFileSync(settings.auth_file, `"${server.username}" ""\n`)
  if (account !== undefined) chownSync(folder, account.uid, account.gid)
  const child = spawn('pgbouncer', [join(folder, 'ini')], {
    cwd: folder,
    env: { ...SERVER_ENV, PATH },
    stdio: 'ignore',
    detached: true,
    ...account,
  })
  child.unref()
  let problem: Error | undefined
  child.once('error', (error) => (problem = error))
  atTheEnd(async () => {
    child.kill('SIGKILL')
    await isGoneWithin(child, STOP_WITHIN_MS)
    watcher.stdin?.end()
    await isGoneWithin(watcher, STOP_WITHIN_MS)
  })
  await eventually(
    () => {
      if (problem !== undefined) throw problem
      if (hasEnded(child))
        throw new Error(`pgbouncer did not start; its log says:\n${readFileSync(settings.logfile, 'utf8')}`)
      return accepts(port)
    },
    { withinMs: START_WITHIN_MS },
  )
  server.port = String(port)
  return server.href
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
