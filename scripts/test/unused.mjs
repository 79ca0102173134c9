/** Unused files, exports and dependencies: knip finds nothing, or each thing it finds is a failure. */

import { run } from '../boot/run.mjs'
import { nodeBin } from './node-bin.mjs'
import { broken, honest } from './result.mjs'

/** @typedef {import('./result.mjs').Result} Result */

/** @returns {Promise<Result>} */
export async function unusedSuite() {
  const args = ['--reporter', 'json', '--treat-config-hints-as-errors', '--no-progress']
  const ran = await run(...nodeBin('knip', args), { timeoutMs: 60_000 })
  const result = readKnipReport(ran.stdout)
  return result === undefined ? broken('knip gave no report', ran.output) : honest(result, ran)
}

/**
 * @param {string} text of `knip --reporter json`
 * @returns {Result | undefined} undefined when it is no report
 */
export function readKnipReport(text) {
  try {
    const details = JSON.parse(text).issues.flatMap(describe)
    return { passed: details.length === 0 ? 1 : 0, failed: details.length, skipped: [], details }
  } catch {
    return undefined
  }
}

/** @param {Record<string, unknown>} issue one file, and per kind of finding a list */
function describe({ file, ...kinds }) {
  return Object.entries(kinds).flatMap(([kind, found]) =>
    Array.isArray(found) ? found.flat().map(({ name }) => `${String(file)}: unused or wrong ${kind}: ${name}`) : [],
  )
}
