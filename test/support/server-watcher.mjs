/**
 * Watches over one server of a test: `node server-watcher.mjs <folder> <pid file> <working folder>`, the latter two in the
 * folder. When its standard input ends, and so when the process that started it is gone, it ends the server and removes the
 * folder.
 */

import { readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

const [folder = '', pidFile = '', cwd = ''] = process.argv.slice(2)

const LOOK_EVERY_MS = 20
const QUIT_WITHIN_MS = 5_000

process.stdin.resume().once('close', () => void end())

async function end() {
  const startedAt = performance.now()
  for (let pid = serverOf(); pid !== undefined; pid = serverOf()) {
    // SIGQUIT is an immediate shutdown, which ends the backends of PostgreSQL too.
    signal(pid, performance.now() - startedAt < QUIT_WITHIN_MS ? 'SIGQUIT' : 'SIGKILL')
    await sleep(LOOK_EVERY_MS)
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
}

/** The pid of the running server, if it runs: the file that names it stays behind after a kill. */
function serverOf() {
  try {
    const pid = Number(readFileSync(join(folder, pidFile), 'utf8').split('\n', 1)[0])
    process.kill(pid, 0)
    if (process.platform === 'linux' && readlinkSync(`/proc/${pid}/cwd`) !== join(folder, cwd)) return undefined
    return pid
  } catch {
    return undefined
  }
}

/**
 * @param {number} pid
 * @param {NodeJS.Signals} name
 */
function signal(pid, name) {
  try {
    process.kill(pid, name)
  } catch {
    // It ended meanwhile.
  }
}
