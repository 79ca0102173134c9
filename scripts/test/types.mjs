/**
 * Types: the compiler on the sources, then on the tests and the type tests (test/types/*.test-d.ts, where
 * `@ts-expect-error` marks what must not compile). Each file without an error passes, each error is a failure.
 */

import { join, relative, resolve, sep } from 'node:path'
import process from 'node:process'

import { root } from '../boot/common.mjs'
import { run } from '../boot/run.mjs'
import { broken, honest, sum } from './result.mjs'

/** @typedef {import('./result.mjs').Result} Result */

/** @returns {Promise<Result>} */
export async function typesSuite() {
  const sources = await compile('tsconfig.json', new Set())
  const tests = await compile('tsconfig.test.json', sources.files)
  return sum([sources.result, tests.result])
}

/**
 * @param {string} project
 * @param {ReadonlySet<string>} counted files that were counted before
 */
async function compile(project, counted) {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const ran = await run(process.execPath, [tsc, '-p', project, '--noEmit', '--listFiles', '--pretty', 'false'], {
    timeoutMs: 120_000,
  })
  const { files, errors } = readTscOutput(ran.stdout)
  if (files.size === 0 && errors.length === 0) return { files, result: broken(`tsc -p ${project} failed`, ran.output) }
  return { files, result: honest(tscResult(files, errors, counted), ran) }
}

/**
 * @typedef {{ file: string | undefined, text: string }} TscError `file` is undefined for an error of the whole program
 * @param {string} stdout of `tsc --listFiles --pretty false`
 * @param {string} [folder] where it ran
 */
export function readTscOutput(stdout, folder = root) {
  /** @type {Set<string>} */
  const files = new Set()
  /** @type {TscError[]} */
  const errors = []
  const tidy = (/** @type {string} */ path) => relative(folder, resolve(folder, path)).split(sep).join('/')
  for (const line of stdout.split(/\r?\n/)) {
    const [, path, , , message] = /^(.+?)\((\d+),(\d+)\): (error TS.*)$/.exec(line) ?? []
    if (path !== undefined && message !== undefined) errors.push({ file: tidy(path), text: line })
    else if (/^error TS\d+/.test(line)) errors.push({ file: undefined, text: line })
    else if (/^(\/|[A-Za-z]:[\\/]).*\.[cm]?[jt]sx?$/.test(line) && isOurs(tidy(line))) files.add(tidy(line))
  }
  return { files, errors }
}

/**
 * @param {ReadonlySet<string>} files
 * @param {readonly TscError[]} errors
 * @param {ReadonlySet<string>} counted
 * @returns {Result}
 */
export function tscResult(files, errors, counted) {
  const wrong = new Set(errors.map(({ file }) => file))
  const passed = [...files].filter((file) => !counted.has(file) && !wrong.has(file)).length
  // An error of a file that was counted before was reported then.
  const details = errors.filter(({ file }) => file === undefined || !counted.has(file)).map(({ text }) => text)
  return { passed, failed: details.length, skipped: [], details }
}

/** @param {string} file */
function isOurs(file) {
  return !file.startsWith('..') && !file.split('/').includes('node_modules')
}
