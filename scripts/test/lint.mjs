/** Lint: each file without a finding passes, each finding is a failure, a warning too. */

import { run } from '../boot/run.mjs'
import { nodeBin } from './node-bin.mjs'
import { broken, honest } from './result.mjs'

/** @typedef {import('./result.mjs').Result} Result */

/** @returns {Promise<Result>} */
export async function lintSuite() {
  const ran = await run(...nodeBin('oxlint', ['--type-aware', '--deny-warnings', '--format', 'json']), {
    timeoutMs: 120_000,
  })
  const result = readOxlintReport(ran.stdout)
  return result === undefined ? broken('oxlint gave no report', ran.output) : honest(result, ran)
}

/**
 * @param {string} text of `oxlint --format json`
 * @returns {Result | undefined} undefined when it is no report
 */
export function readOxlintReport(text) {
  try {
    const { diagnostics, number_of_files: files } = JSON.parse(text)
    const wrong = new Set(diagnostics.map((/** @type {{ filename: string }} */ { filename }) => filename))
    const passed = Math.max(0, files - wrong.size)
    return { passed, failed: diagnostics.length, skipped: [], details: diagnostics.map(describe) }
  } catch {
    return undefined
  }
}

/** @param {{ filename: string, code?: string, message: string, labels?: { span: { line: number, column: number } }[] }} finding */
function describe({ filename, code, message, labels }) {
  const span = labels?.[0]?.span
  return `${filename}${span === undefined ? '' : `:${span.line}:${span.column}`} ${code ?? ''} ${message}`
}
