/** Plants one bug after the other into a copy of the build, and runs chaos until the audit catches it. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { judge } from '../audit/audit.ts'
import type { Violation } from '../audit/violations.ts'
import { copyBuild } from '../build-copy.ts'
import { PROFILES, type StoreName } from '../profiles.ts'
import { conduct } from '../run.ts'
import { PLANTED_BUGS, type PlantedBug } from './bugs.ts'

/** What a hunt needs. */
export interface HuntOptions {
  readonly seed: number
  /** Default: all. */
  readonly only?: readonly string[] | undefined
  readonly stores: readonly StoreName[]
  readonly say: (line: string) => void
}

/** A bug may hide from one run: chance decides where processes stand when they are killed. */
const MOST_RUNS = 3

/** Answers whether all were caught. */
export async function huntBugs({ seed, only, stores, say }: HuntOptions): Promise<boolean> {
  const unknown = only?.find((name) => !PLANTED_BUGS.some((bug) => bug.name === name))
  if (unknown !== undefined)
    throw new Error(`there is no bug "${unknown}"; there are: ${PLANTED_BUGS.map(({ name }) => name).join(', ')}`)
  let isAllCaught = true
  for (const bug of PLANTED_BUGS) {
    if (!stores.includes(bug.store) || only?.includes(bug.name) === false) continue
    const caught = await hunt(bug, seed, say)
    if (caught.length === 0) isAllCaught = false
  }
  return isAllCaught
}

/** Runs until the bug is caught; answers what caught it. */
export async function hunt(bug: PlantedBug, seed: number, say: (line: string) => void): Promise<readonly Violation[]> {
  const profile = PROFILES['hunt']
  if (profile === undefined) throw new Error('there is no profile for hunting')
  const { build, remove } = copyBuild(bug.patches)
  try {
    for (let run = 0; run < MOST_RUNS; run += 1) {
      const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-journals-'))
      try {
        const evidence = await conduct({
          seed: seed + run,
          profile: { ...profile, ...bug.profile },
          store: bug.store,
          build,
          folder,
          say: () => {},
        })
        const caught = judge(evidence).violations.filter(({ invariant }) => bug.caughtBy.includes(invariant))
        const first = caught[0]
        if (first !== undefined) {
          say(
            `${bug.name} on ${bug.store}: caught, ${caught.length} times; first ${first.invariant}: ${first.subject} ${first.message}`,
          )
          return caught
        }
        say(`${bug.name} on ${bug.store}: not caught with seed ${seed + run}`)
      } finally {
        rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
      }
    }
    say(`${bug.name} on ${bug.store}: NOT CAUGHT`)
    return []
  } finally {
    remove()
  }
}
