/**
 * The test suites, in the order in which they run. This is the list that must be complete: a suite in it that finds nothing
 * to run fails, and a test file that no suite runs fails too.
 */

import { buildSuite } from './build.mjs'
import { formatSuite } from './format.mjs'
import { lintSuite } from './lint.mjs'
import { typesSuite } from './types.mjs'
import { unusedSuite } from './unused.mjs'
import { foundSuites, vitestSuites } from './vitest-suites.mjs'
import { runVitestSuite } from './vitest.mjs'

/**
 * @typedef {import('./result.mjs').Result} Result
 * @typedef {object} Suite
 * @property {string} name
 * @property {boolean} [quick] part of `npm run check`
 * @property {boolean} [needsBuild] looks at dist/
 * @property {(how?: { isNamed?: boolean }) => Promise<Result>} run `isNamed`: it was asked for by its name
 */

/** @returns {Suite[]} */
export function suites() {
  return [
    { name: 'build', run: buildSuite },
    { name: 'types', quick: true, run: typesSuite },
    { name: 'lint', quick: true, run: lintSuite },
    { name: 'format', quick: true, run: formatSuite },
    { name: 'unused', run: unusedSuite },
    ...[...vitestSuites, ...foundSuites()].map((suite) => ({
      name: suite.name,
      quick: suite.quick ?? false,
      needsBuild: suite.needsBuild ?? false,
      run: (/** @type {{ isNamed?: boolean } | undefined} */ how) => runVitestSuite(suite, how),
    })),
  ]
}
