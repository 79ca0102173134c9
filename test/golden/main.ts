/**
 * `npm run golden -- <folder>`: replays a folder of recorded scenarios and prints what became of them. Exits with 1 when one fails, or
 * when a listed deviation does not deviate.
 */

import { differenceOf } from './compare.ts'
import { DEVIATIONS } from './deviations.ts'
import { replay } from './replay.ts'
import { readScenarios, type Scenario } from './scenario.ts'

const failures: string[] = []
const deviations: string[] = []
let passed = 0

for (const scenario of readScenarios(process.argv[2])) {
  const difference = await firstDifference(scenario)
  const reason = DEVIATIONS[scenario.id]
  if (difference === undefined && reason === undefined) passed++
  else if (difference === undefined) failures.push(`${scenario.id}: listed as a deviation, but equals its trace`)
  else if (reason === undefined) failures.push(`${scenario.id}: ${difference}`)
  else deviations.push(`${scenario.id}: ${reason}`)
}

console.log(`${passed} passed, ${failures.length} failed`)
for (const failure of failures) console.log(`\nFAILED ${failure}`)
if (deviations.length > 0) console.log(`\n${deviations.length} deviate on purpose:`)
for (const deviation of deviations) console.log(`  ${deviation}`)
process.exitCode = failures.length > 0 ? 1 : 0

async function firstDifference(scenario: Scenario): Promise<string | undefined> {
  try {
    return differenceOf(scenario, await replay(scenario))?.message
  } catch (error) {
    // A step that the replayer cannot perform fails its scenario, not the others.
    return String(error)
  }
}
