/**
 * The one way in: `node scripts/boot.mjs <start|test|check|build> [arguments]`, behind `npm start`, `npm test`, `npm run check` and
 * `npm pack`.
 *
 * Makes a fresh clone ready by itself (dependencies, build), then hands over. Uses Node built-ins only, and this file imports
 * the rest only after the version check, so that an old Node gets a sentence instead of a stack trace.
 */

import process from 'node:process'

/** The oldest Node that package.json allows (`engines`). */
const OLDEST_NODE = [20, 19]

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  console.error(
    `millrace needs Node ${OLDEST_NODE.join('.')} or newer, and this is Node ${process.versions.node}.\n` +
      'Install a newer one from https://nodejs.org and run the command again.',
  )
  process.exitCode = 1
} else {
  const { boot } = await import('./boot/modes.mjs')
  process.exitCode = await boot(process.argv.slice(2))
}
