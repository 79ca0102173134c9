/** The build as a suite: one thing that works or does not. */

import { explain } from '../boot/common.mjs'
import { withLock } from '../boot/lock.mjs'
import { buildIfChanged } from '../build/build.mjs'
import { broken } from './result.mjs'

/** @returns {Promise<import('./result.mjs').Result>} */
export async function buildSuite() {
  try {
    await withLock(() => buildIfChanged())
    return { passed: 1, failed: 0, skipped: [], details: [] }
  } catch (error) {
    return broken('dist/ could not be built', explain(error))
  }
}
