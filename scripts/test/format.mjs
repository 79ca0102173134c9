/** Format: each file that oxfmt would leave alone passes, each that it would change is a failure. */

import { run } from '../boot/run.mjs'
import { nodeBin } from './node-bin.mjs'
import { broken, honest } from './result.mjs'

/** @typedef {import('./result.mjs').Result} Result */

/** Recorded elsewhere and kept byte for byte; `npm run format` leaves it out too. */
const RECORDED = '!test/golden/traces/**'

/** @returns {Promise<Result>} */
export async function formatSuite() {
  const ran = await run(...nodeBin('oxfmt', ['--check', '.', RECORDED]), { timeoutMs: 60_000 })
  const result = readOxfmtOutput(ran.stdout)
  return result === undefined ? broken('oxfmt gave no report', ran.output) : honest(result, ran)
}

/**
 * @param {string} text of `oxfmt --check`
 * @returns {Result | undefined} undefined when it is no report
 */
export function readOxfmtOutput(text) {
  const [, files] = /^Finished in .+ on (\d+) files? /m.exec(text) ?? []
  if (files === undefined) return undefined
  const wrong = [...text.matchAll(/^(\S.*) \(\d+ms\)$/gm)].map(
    ([, file]) => `${file} is not formatted (npm run format)`,
  )
  return { passed: Number(files) - wrong.length, failed: wrong.length, skipped: [], details: wrong }
}
