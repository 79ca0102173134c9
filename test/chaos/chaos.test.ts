/** The harness itself, in its short profile: real processes, kills, zombies, and the audit of every transition. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { expect, it, onTestFinished } from 'vitest'

import { judge } from '../../chaos/audit/audit.ts'
import { BUILD } from '../../chaos/build-copy.ts'
import { hunt } from '../../chaos/planted/hunt.ts'
import { PLANTED_BUGS } from '../../chaos/planted/bugs.ts'
import { PROFILES, type StoreName } from '../../chaos/profiles.ts'
import { markdownOf, reportOf } from '../../chaos/report.ts'
import { conduct } from '../../chaos/run.ts'

const SEED = 1

async function run(seed: number, store: StoreName) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-journals-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  const profile = PROFILES['ci']
  if (profile === undefined) throw new Error('there is no profile ci')
  const evidence = await conduct({ seed, profile, store, build: BUILD, folder, say: () => {} })
  const report = reportOf(evidence, judge(evidence))
  console.log(markdownOf(report))
  expect(report.violations).toEqual([])
  return report
}

it.each<StoreName>(['sqlite', 'postgres'])(
  'nothing is lost and nothing is doubled under chaos on %s',
  async (store) => {
    const first = await run(SEED, store)
    // On a machine that has no time for it, too little happens to prove anything.
    const report = first.tooLittle.length === 0 ? first : await run(SEED + 1, store)
    expect(report.tooLittle).toEqual([])
    expect(report.figures).toMatchObject({ lost: 0, effects: { missing: 0, doubled: 0 } })
    expect(report.figures.staleRefused).toBeGreaterThan(0)
  },
  200_000,
)

/** Those that are caught within seconds; `npm run chaos -- --planted` runs all. */
const QUICK = PLANTED_BUGS.filter(({ name }) => name === 'rescue_by_id' || name === 'local_clock')

it.each(QUICK)('the audit catches the planted bug $name: $what', async (bug) => {
  expect(await hunt(bug, SEED, () => {})).not.toEqual([])
})
