/**
 * The build: plain `tsc` from src/ to dist/. A record in node_modules remembers the hash of what was compiled and the files
 * that came out; nothing is compiled while both still hold, and files that no longer come out are removed.
 */

import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import process from 'node:process'

import { root, Stop, writeWhole } from '../boot/common.mjs'
import { run } from '../boot/run.mjs'

const dist = join(root, 'dist')
const record = join(root, 'node_modules/.cache/millrace/build.json')
const executables = ['dist/cli/main.js']
const inputs = ['package.json', 'package-lock.json', 'tsconfig.json', 'scripts/build/build.mjs']

/**
 * Call it while holding the boot lock.
 *
 * @param {{ force?: boolean }} [options]
 * @returns {Promise<boolean>} whether anything was compiled
 */
export async function buildIfChanged({ force = false } = {}) {
  const hash = hashOfInputs()
  if (!force && isBuilt(hash)) return false
  rmSync(record, { force: true })
  const files = await compile()
  removeAllBut(new Set(files))
  for (const path of executables) if (existsSync(join(root, path))) chmodSync(join(root, path), 0o755)
  writeWhole(record, JSON.stringify({ hash, files }))
  return true
}

/** @param {string} hash */
function isBuilt(hash) {
  if (!existsSync(record)) return false
  const last = JSON.parse(readFileSync(record, 'utf8'))
  return last.hash === hash && last.files.every((/** @type {string} */ path) => existsSync(join(root, path)))
}

/** @returns {Promise<string[]>} the files that were written, relative to the root */
async function compile() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const args = [tsc, '-p', 'tsconfig.json', '--noEmitOnError', '--listEmittedFiles', '--pretty', 'false']
  const { code, stdout, output } = await run(process.execPath, args)
  if (code !== 0) throw new Stop(`the build failed:\n${output.trimEnd()}`)
  const files = stdout.split(/\r?\n/).flatMap((line) => (line.startsWith('TSFILE: ') ? [line.slice(8).trim()] : []))
  if (files.length === 0) throw new Stop(`the build wrote no file; tsc said:\n${output}`)
  return files.map((path) => relative(root, resolve(root, path)).split(sep).join('/'))
}

/** @param {Set<string>} wanted */
function removeAllBut(wanted) {
  for (const path of filesIn(dist)) {
    if (wanted.has(relative(root, path).split(sep).join('/'))) continue
    rmSync(path)
    removeEmptyFolders(dirname(path))
  }
}

/** @param {string} folder */
function removeEmptyFolders(folder) {
  if (folder === dist || readdirSync(folder).length > 0) return
  rmdirSync(folder)
  removeEmptyFolders(dirname(folder))
}

function hashOfInputs() {
  const hash = createHash('sha256').update(process.version)
  const sources = filesIn(join(root, 'src')).filter((path) => !path.endsWith('.test.ts'))
  for (const path of [...inputs.map((name) => join(root, name)), ...sources]) {
    hash.update(`\n${relative(root, path)}\n`).update(readFileSync(path))
  }
  return hash.digest('hex')
}

/**
 * @param {string} folder
 * @returns {string[]} absolute paths, sorted
 */
function filesIn(folder) {
  if (!existsSync(folder)) return []
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
