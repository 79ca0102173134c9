/**
 * What a suite answers.
 *
 * @typedef {object} Skipped
 * @property {string} what
 * @property {string} why
 *
 * @typedef {object} Result
 * @property {number} passed
 * @property {number} failed
 * @property {readonly Skipped[]} skipped
 * @property {readonly string[]} details one entry per failure, for people
 * @property {boolean} [isAbsent] the suite cannot run on this machine, which is no failure; `skipped` says why
 */

/**
 * The answer of a suite whose tool did not do its work.
 *
 * @param {string} why
 * @param {string} [output] what the tool printed
 * @returns {Result}
 */
export function broken(why, output = '') {
  return { passed: 0, failed: 1, skipped: [], details: [output.trim() === '' ? why : `${why}\n${output.trimEnd()}`] }
}

/**
 * The answer of a suite that this machine cannot run.
 *
 * @param {string} what the suite
 * @param {string} why
 * @returns {Result}
 */
export function absent(what, why) {
  return { passed: 0, failed: 0, skipped: [{ what, why }], details: [], isAbsent: true }
}

/**
 * Makes sure that a result cannot look better than it is: no test at all is a failure, and so is a tool that ended badly
 * without reporting a failure.
 *
 * @param {Result} result as read from the tool's report
 * @param {import('../boot/run.mjs').Ran} [ran] how the tool ended
 * @returns {Result}
 */
export function honest(result, ran) {
  if (result.isAbsent === true) return result
  const extra = []
  if (ran?.timedOut) extra.push('the suite took too long and was killed')
  else if (ran !== undefined && ran.code !== 0 && result.failed === 0) {
    extra.push(`the tool ended with ${ran.signal ?? `code ${ran.code}`} though it reported no failure\n${ran.output}`)
  }
  if (result.passed + result.failed === 0 && extra.length === 0) extra.push('nothing was tested')
  return { ...result, failed: result.failed + extra.length, details: [...result.details, ...extra] }
}

/**
 * @param {readonly Result[]} results
 * @returns {Result}
 */
export function sum(results) {
  return {
    passed: results.reduce((total, { passed }) => total + passed, 0),
    failed: results.reduce((total, { failed }) => total + failed, 0),
    skipped: results.flatMap(({ skipped }) => skipped),
    details: results.flatMap(({ details }) => details),
  }
}
