/**
 * `npm ci`, once per package-lock.json. A marker inside node_modules remembers what was installed, so it goes when
 * node_modules goes. Without a marker, npm's own record of what it installed is believed when it agrees with the lock.
 */

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'

import { root, Stop, writeWhole } from './common.mjs'
import { run } from './run.mjs'

const lockFile = join(root, 'package-lock.json')
const marker = join(root, 'node_modules/.millrace-installed')

/** Makes node_modules what package-lock.json says. */
export async function installIfChanged() {
  const wanted = hashOf(lockFile)
  if (read(marker) === wanted) return
  if (!isInstalled(read(lockFile), read(join(root, 'node_modules/.package-lock.json')))) await install()
  writeWhole(marker, wanted)
}

async function install() {
  const why = existsSync(join(root, 'node_modules')) ? 'package-lock.json changed' : 'first run'
  console.log(`installing dependencies with npm ci (${why}; takes about half a minute, later runs skip it)`)
  const [command, ...args] = npmCommand()
  const { code, output } = await run(command, [...args, 'ci', '--include=dev', '--no-audit', '--no-fund'])
  if (code === 0) return
  console.error(output.trimEnd())
  throw new Stop(
    'the dependencies could not be installed: npm ci failed, its output is above.\n' +
      'Check that the npm registry is reachable (npm ping) and the disk has room, then run the same command again.',
  )
}

/** npm as a command: the very npm that started us, if one did. */
function npmCommand() {
  const path = process.env.npm_execpath
  if (path !== undefined && basename(path) === 'npm-cli.js') return [process.execPath, path]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm']
}

/**
 * Whether npm's record of node_modules holds every package of the lock that this machine must have.
 *
 * @param {string | undefined} lockText package-lock.json
 * @param {string | undefined} recordText node_modules/.package-lock.json
 */
export function isInstalled(lockText, recordText) {
  if (lockText === undefined || recordText === undefined) return false
  const wanted = Object.entries(JSON.parse(lockText).packages ?? {})
  const present = JSON.parse(recordText).packages ?? {}
  const same = ([path, { version, optional, peer }]) =>
    path === '' ||
    (present[path] === undefined ? optional === true || peer === true : present[path].version === version)
  return wanted.length > 1 && wanted.every(same)
}

/** @param {string} path */
function read(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/** @param {string} path */
function hashOf(path) {
  const platform = `${process.platform} ${process.arch} `
  return createHash('sha256').update(platform).update(readFileSync(path)).digest('hex')
}
