/** Replays the traces recorded from Elixir's GenStage. A scenario passes when it equals its `trace` or its `alt`. */

import { AssertionError } from 'node:assert'
import { describe, expect, it } from 'vitest'

import { differenceOf } from './compare.ts'
import { DEVIATIONS } from './deviations.ts'
import { replay } from './replay.ts'
import { readScenarios, type Scenario } from './scenario.ts'

const scenarios = readScenarios()

const isDeviation = ({ id }: Scenario): boolean => id in DEVIATIONS
const replayed = scenarios.filter((scenario) => !isDeviation(scenario))
const deviating = scenarios.filter((scenario) => isDeviation(scenario))

describe('golden', () => {
  it.each(replayed)('$group, $id: $title', expectReplayed)
  it.each(deviating.map((scenario) => ({ ...scenario, reason: DEVIATIONS[scenario.id] })))(
    '$group, $id deviates: $reason',
    expectDeviation,
  )
})

it('has every recorded scenario', () => {
  expect(scenarios).toHaveLength(73)
})

async function expectReplayed(scenario: Scenario): Promise<void> {
  const difference = differenceOf(scenario, await replay(scenario))
  if (difference !== undefined) throw difference
}

async function expectDeviation(scenario: Scenario): Promise<void> {
  expect(differenceOf(scenario, await replay(scenario))).toBeInstanceOf(AssertionError)
}
