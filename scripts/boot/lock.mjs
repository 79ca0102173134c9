/**
 * A lock between processes of this working copy: one at a time installs and builds, the others wait.
 *
 * The lock is a file that says who holds it. It is stale when its process is gone, or when the holder, who touches the file
 * every second, was silent for long while we watched (its pid may belong to someone else by now, or to another container).
 *
 *    no file ──open('wx')──▶ held ──unlink──▶ no file
 *                              └── holder gone or silent: moved aside under a second, short lock, so that two waiters
 *                                  cannot both take it over
 */

import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, utimesSync, writeSync } from 'node:fs'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

import { root } from './common.mjs'

const BEAT_MS = 1_000
const LOOK_EVERY_MS = 200
const SILENT_MS = 30_000
const SAY_AFTER_MS = 1_000

/**
 * Runs `work` while holding the lock.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @param {{ path?: string, silentMs?: number }} [options]
 * @returns {Promise<T>}
 */
export async function withLock(work, { path = join(root, '.millrace/boot.lock'), silentMs = SILENT_MS } = {}) {
  mkdirSync(dirname(path), { recursive: true })
  await take(path, silentMs)
  const beat = setInterval(() => touch(path), BEAT_MS)
  const release = () => rmSync(path, { force: true })
  process.once('exit', release)
  try {
    return await work()
  } finally {
    clearInterval(beat)
    process.removeListener('exit', release)
    release()
  }
}

/**
 * @param {string} path
 * @param {number} silentMs
 */
async function take(path, silentMs) {
  const startedAt = performance.now()
  let said = false
  let seen = { beat: '', at: startedAt }
  while (!create(path)) {
    const beat = beatOf(path)
    const now = performance.now()
    if (beat !== seen.beat) seen = { beat, at: now }
    const isStale = () => holderIsGone(path) || (beatOf(path) === seen.beat && now - seen.at > silentMs)
    if (isStale()) {
      takeAway(path, isStale)
      continue
    }
    if (!said && now - startedAt > SAY_AFTER_MS) {
      said = true
      console.log(`waiting for another millrace start or test in this folder (process ${holderOf(path)?.pid ?? '?'})`)
    }
    await sleep(LOOK_EVERY_MS)
  }
}

/**
 * Removes a stale lock. Whoever comes second finds a fresh one and leaves it.
 *
 * @param {string} path
 * @param {() => boolean} isStale
 */
function takeAway(path, isStale) {
  const second = `${path}.takeover`
  if (!create(second)) {
    if (holderIsGone(second)) rmSync(second, { force: true })
    return
  }
  try {
    if (isStale()) rmSync(path, { force: true })
  } finally {
    rmSync(second, { force: true })
  }
}

/** @param {string} path */
function create(path) {
  try {
    const file = openSync(path, 'wx')
    writeSync(file, JSON.stringify({ pid: process.pid, host: hostname() }))
    closeSync(file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/**
 * @param {string} path
 * @returns {{ pid: number, host: string } | undefined} undefined when the file is gone or not written yet
 */
function holderOf(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined
  }
}

/** @param {string} path */
function holderIsGone(path) {
  const holder = holderOf(path)
  if (holder === undefined || holder.host !== hostname()) return false
  try {
    process.kill(holder.pid, 0)
    return false
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH'
  }
}

/** @param {string} path */
function beatOf(path) {
  try {
    const { ino, mtimeMs } = statSync(path)
    return `${ino} ${mtimeMs}`
  } catch {
    return ''
  }
}

/** @param {string} path */
function touch(path) {
  const now = new Date()
  try {
    utimesSync(path, now, now)
  } catch {
    // The lock was taken from us, as after a long suspend; the work goes on and ends.
  }
}
