/** What `boot.mjs` does in each mode: prepare under a lock that all boots share, then run one child to its end. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

import { buildIfChanged } from '../build/build.mjs'
import { explain, root, Stop } from './common.mjs'
import { installForTestsIfChanged, installIfChanged } from './install.mjs'
import { withLock } from './lock.mjs'
import { runToTheEnd } from './run-to-the-end.mjs'

const USAGE = 'usage: node scripts/boot.mjs <start|test|check|build> [arguments]'

/**
 * @param {string[]} argv mode first
 * @returns {Promise<number>} the exit code
 */
export async function boot([mode, ...args]) {
  try {
    if (mode === 'start') return await start(args)
    if (mode === 'test') return await test(args)
    if (mode === 'check') return await test(['--quick', ...args])
    if (mode === 'build') return await build()
    throw new Stop(`${mode === undefined ? 'no mode given' : `unknown mode "${mode}"`}\n${USAGE}`, 2)
  } catch (error) {
    console.error(explain(error))
    // Whoever reads the last line of a test run must learn of this failure too.
    if (mode === 'test' || mode === 'check') console.log('0 passed, 1 failed')
    return error instanceof Stop ? error.exitCode : 1
  }
}

/** @param {string[]} args */
async function start(args) {
  await build()
  const main = join(root, 'dist/cli/main.js')
  if (!existsSync(main)) throw new Stop('there is no demo in this build: src/cli/main.ts is missing')
  return await runToTheEnd(process.execPath, [main, 'demo', ...args])
}

/** Also what `npm pack` and `npm publish` run first, so that no package is without its code. */
async function build() {
  await withLock(async () => {
    await installIfChanged()
    await buildIfChanged()
  })
  return 0
}

/**
 * The build is one of the test suites, so that a build that fails is counted and the others still run.
 *
 * @param {string[]} args
 */
async function test(args) {
  await withLock(async () => {
    await installIfChanged()
    await installForTestsIfChanged()
  })
  return await runToTheEnd(process.execPath, [join(root, 'scripts/test.mjs'), ...args])
}
