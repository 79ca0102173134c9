/** `npm run build`: compiles src/ into dist/ if anything changed. `--force` always compiles. */

import process from 'node:process'

import { explain, Stop } from './boot/common.mjs'
import { withLock } from './boot/lock.mjs'
import { buildIfChanged } from './build/build.mjs'

try {
  const built = await withLock(() => buildIfChanged({ force: process.argv.includes('--force') }))
  if (!built) console.log('dist is up to date')
} catch (error) {
  console.error(explain(error))
  process.exitCode = error instanceof Stop ? error.exitCode : 1
}
