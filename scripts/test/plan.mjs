/** Which suites to run, from the command line. */

import { Stop } from '../boot/common.mjs'
import { suites } from './suites.mjs'
import { strayTestFiles } from './vitest-suites.mjs'

/**
 * @param {string[]} args suite names; none means all; `--quick` means the quick ones
 * @returns {{ chosen: import('./suites.mjs').Suite[], strays: string[] }}
 */
export function plan(args) {
  const all = suites()
  const names = new Set(args.filter((arg) => arg !== '--quick'))
  for (const name of names) {
    if (!all.some((suite) => suite.name === name)) {
      throw new Stop(`there is no suite "${name}"; there are: ${all.map((suite) => suite.name).join(', ')}`, 2)
    }
  }
  if (names.size === 0) {
    return { chosen: args.includes('--quick') ? all.filter((suite) => suite.quick) : all, strays: strayTestFiles() }
  }
  const named = all.filter((suite) => names.has(suite.name))
  const needsBuild = named.some((suite) => suite.needsBuild)
  const chosen = all.filter((suite) => names.has(suite.name) || (needsBuild && suite.name === 'build'))
  return { chosen: chosen.map((suite) => ({ ...suite, run: () => suite.run({ isNamed: true }) })), strays: [] }
}
