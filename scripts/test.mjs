/**
 * `npm test [-- suite …]`: runs the suites of test/suites.mjs one after another and adds up what their tools report.
 *
 * The last line is always `N passed, N failed`. The exit code is 1 when anything failed, when a tool crashed, and when a
 * suite ran nothing.
 */

import process from 'node:process'

import { explain } from './boot/common.mjs'
import { plan } from './test/plan.mjs'
import { runSuites } from './test/run-suites.mjs'

try {
  const { chosen, strays } = plan(process.argv.slice(2))
  process.exitCode = await runSuites(chosen, strays)
} catch (error) {
  console.error(explain(error))
  console.log('0 passed, 1 failed')
  process.exitCode = 1
}
