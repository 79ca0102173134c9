/** `npm run chaos`: installs what the harness needs when that changed, builds millrace, and runs main.ts. */

import { join } from 'node:path'
import process from 'node:process'

import { buildIfChanged } from '../scripts/build/build.mjs'
import { explain, root, Stop } from '../scripts/boot/common.mjs'
import { installForTestsIfChanged, installIfChanged } from '../scripts/boot/install.mjs'
import { withLock } from '../scripts/boot/lock.mjs'
import { runToTheEnd } from '../scripts/boot/run-to-the-end.mjs'

try {
  await withLock(async () => {
    await installIfChanged()
    await installForTestsIfChanged()
    await buildIfChanged()
  })
  process.exitCode = await runToTheEnd(process.execPath, [
    '--import',
    'tsx',
    join(root, 'chaos/main.ts'),
    ...process.argv.slice(2),
  ])
} catch (error) {
  console.error(explain(error))
  process.exitCode = error instanceof Stop ? error.exitCode : 1
}
