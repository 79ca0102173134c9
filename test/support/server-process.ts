/** What all servers of tests share: the account they run as, a free port, and a watcher that ends them when we end first. */

import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

/** An account of this machine. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** What a watcher ends and removes. */
export interface Watched {
  /** Removed with all in it. */
  readonly folder: string
  /** Where the server writes its process id; in the folder. */
  readonly pidFile: string
  /** The folder that the server works in; in the folder. */
  readonly cwd: string
}

const WATCHER = fileURLToPath(new URL('./server-watcher.mjs', import.meta.url))

/** Nothing of our environment: a PGPORT or LC_ALL of the machine must not change a test. */
export const SERVER_ENV = { LC_ALL: 'C', TZ: 'UTC' }

/** Whether the process is gone. */
export function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Answers whether the process was gone before the time was over. */
export async function isGoneWithin(child: ChildProcess, ms: number): Promise<boolean> {
  if (hasEnded(child)) return true
  const signal = AbortSignal.timeout(ms)
  // While someone waits for it, it keeps this process alive.
  child.ref()
  return once(child, 'exit', { signal }).then(
    () => true,
    () => false,
  )
}

/**
 * Starts a watcher. When its standard input ends, and so when we end, it ends the server and removes the folder.
 */
export function watch({ folder, pidFile, cwd }: Watched): ChildProcess {
  const watcher = spawn(process.execPath, [WATCHER, folder, pidFile, cwd], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  watcher.unref()
  if (watcher.stdin instanceof Socket) watcher.stdin.unref()
  return watcher
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer()
  probe.listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const address = probe.address()
  probe.close()
  await once(probe, 'close')
  if (address === null || typeof address === 'string') throw new Error('the probe for a free port has no port')
  return address.port
}

/**
 * The account that a server of ours runs as, when we are root. It must be in /etc/passwd, as PostgreSQL asks for its name;
 * `nobody` is on every Linux.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => uid > 0 && gid > 0)
  const found = ['postgres', 'nobody'].flatMap((name) => accounts.filter((account) => account.name === name))
  const [account] = [...found, ...accounts]
  if (account === undefined)
    throw new Error(
      'PostgreSQL and pgbouncer refuse to run as root, and /etc/passwd has no other account; add one, such as nobody',
    )
  return { uid: account.uid, gid: account.gid }
}
