/**
 * `npm ci`, once per package-lock.json: for the package, and for test/ and test/node-24/, which have a package.json of their
 * own so that whoever only wants the demo need not wait for what tests need. A marker inside node_modules remembers what was installed, so it
 * goes when node_modules goes. Without a marker, npm's own record of what it installed is believed when it agrees with the
 * lock.
 */

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import process from 'node:process'

import { root, Stop, writeWhole } from './common.mjs'
import { run } from './run.mjs'

/**
 * @typedef {object} Dependencies of a folder with a package.json
 * @property {string} folder
 * @property {string} what
 * @property {string} takes how long
 * @property {readonly string[]} [args] further arguments of `npm ci`
 * @property {() => Promise<void>} [finish] what is left to do after it
 */

/** @type {Dependencies} */
const ofPackage = { folder: root, what: 'dependencies', takes: 'about half a minute' }

/** @type {Dependencies} */
const ofTests = {
  folder: join(root, 'test'),
  what: 'dependencies of the tests in test/',
  takes: 'one or two minutes, as SQLite may have to be compiled',
}

/** @type {Dependencies} */
const ofNode24 = {
  folder: join(root, 'test/node-24'),
  what: 'Node 24 for the tests',
  takes: 'a few seconds',
  args: ['--ignore-scripts'],
}

/** Makes node_modules what package-lock.json says. */
export async function installIfChanged() {
  await installOnce(ofPackage)
}

/** The same for what only tests need: in test/, and in test/node-24/. */
export async function installForTestsIfChanged() {
  await installOnce(ofTests)
  await installOnce(ofNode24)
}

/**
 * Once per package-lock.json of the folder.
 *
 * @param {Dependencies} dependencies
 */
export async function installOnce(dependencies) {
  const { folder, finish } = dependencies
  const lockFile = join(folder, 'package-lock.json')
  const marker = join(folder, 'node_modules/.millrace-installed')
  const wanted = hashOf(lockFile)
  if (read(marker) === wanted) return
  if (!isInstalled(read(lockFile), read(join(folder, 'node_modules/.package-lock.json')))) await install(dependencies)
  await finish?.()
  writeWhole(marker, wanted)
}

/** @param {Dependencies} dependencies */
async function install({ folder, what, takes, args: moreArgs = [] }) {
  const why = existsSync(join(folder, 'node_modules')) ? 'package-lock.json changed' : 'first run'
  console.log(`installing ${what} with npm ci (${why}; takes ${takes}, later runs skip it)`)
  const [command, ...args] = npmCommand()
  const npmCi = [...args, 'ci', '--include=dev', '--no-audit', '--no-fund', ...moreArgs]
  const { code, output } = await run(command, npmCi, { cwd: folder })
  if (code === 0) return
  console.error(output.trimEnd())
  throw new Stop(
    `the ${what} could not be installed: npm ci failed, its output is above.\n` +
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
