/** `npm run chaos`: runs a profile on each store, or the planted bugs, and ends with 1 when a promise was broken. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

import { readArguments, USAGE, type ChaosArguments } from './arguments.ts'
import { judge } from './audit/audit.ts'
import { BUILD } from './build-copy.ts'
import { huntBugs } from './planted/hunt.ts'
import { markdownOf, reportOf, writeReport } from './report.ts'
import { conduct } from './run.ts'
import type { StoreName } from './profiles.ts'

await main()
// Node.js may wait for ever for the handles of sockets that were reset while they were opened.
process.exit()

async function main(): Promise<void> {
  let args: ChaosArguments
  try {
    args = readArguments(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    process.exitCode = 2
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  if (args.isPlanted) {
    const isAllCaught = await huntBugs({
      seed: args.seed,
      only: args.only,
      stores: args.stores,
      say: (line) => console.log(line),
    })
    process.exitCode = isAllCaught ? 0 : 1
    return
  }
  for (const store of args.stores) if (!(await runOnce(args, store))) process.exitCode = 1
}

async function runOnce({ seed, profile, out, isKept }: ChaosArguments, store: StoreName): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-journals-'))
  try {
    const say = (line: string): void => console.log(`${profile.name} ${store}: ${line}`)
    const evidence = await conduct({ seed, profile, store, build: BUILD, folder, say })
    const report = reportOf(evidence, judge(evidence))
    console.log(`\n${markdownOf(report)}`)
    if (out !== undefined) console.log(`written: ${writeReport(report, out)}`)
    return report.isPassed
  } finally {
    if (isKept) console.log(`journals: ${folder}`)
    else rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}
