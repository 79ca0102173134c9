/** Runs suites one after another and prints the sum. */

import { explain } from '../boot/common.mjs'
import { broken, honest, sum } from './result.mjs'

/**
 * @typedef {import('./result.mjs').Result} Result
 * @typedef {import('./suites.mjs').Suite} Suite
 */

/**
 * @param {readonly Suite[]} suites
 * @param {readonly string[]} strays test files that no suite runs
 * @returns {Promise<number>} the exit code
 */
export async function runSuites(suites, strays) {
  const startedAt = performance.now()
  /** @type {{ name: string, result: Result }[]} */
  const done = []
  for (const suite of suites) done.push({ name: suite.name, result: await runSuite(suite, done) })
  if (strays.length > 0) done.push({ name: 'stray', result: strayResult(strays) })
  const total = sum(done.map(({ result }) => result))
  for (const line of report(done, total, performance.now() - startedAt)) console.log(line)
  return total.failed > 0 ? 1 : 0
}

/**
 * @param {Suite} suite
 * @param {readonly { name: string, result: Result }[]} before
 */
async function runSuite(suite, before) {
  console.log(`── ${suite.name}`)
  const startedAt = performance.now()
  const buildFailed = before.some(({ name, result }) => name === 'build' && result.failed > 0)
  const result = suite.needsBuild && buildFailed ? broken('not run, because the build failed') : await attempt(suite)
  for (const detail of result.details) console.log(detail.replaceAll(/^/gm, '   '))
  console.log(`   ${counts(result)} in ${seconds(performance.now() - startedAt)}`)
  return result
}

/** @param {Suite} suite */
async function attempt(suite) {
  try {
    return honest(await suite.run())
  } catch (error) {
    return broken('the suite crashed', explain(error))
  }
}

/**
 * @param {readonly { name: string, result: Result }[]} done
 * @param {Result} total
 * @param {number} elapsedMs
 */
function report(done, total, elapsedMs) {
  const failures = done.flatMap(({ name, result }) => result.details.map((detail) => `${name}: ${firstLine(detail)}`))
  return [
    '',
    `── ${done.length} suites in ${seconds(elapsedMs)}`,
    ...failures.map((failure) => `failed: ${failure}`),
    ...total.skipped.map(({ what, why }) => `skipped: ${what} (${why})`),
    `${total.passed} passed, ${total.failed} failed`,
  ]
}

/** @param {readonly string[]} strays */
function strayResult(strays) {
  const details = strays.map((file) => `${file} is a test file, but no suite runs it`)
  return { passed: 0, failed: strays.length, skipped: [], details }
}

/** @param {Result} result */
function counts({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1_000).toFixed(1)} s`
}

/** @param {string} text */
function firstLine(text) {
  return text.split('\n', 1)[0] ?? ''
}
