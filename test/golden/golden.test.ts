/** Replays the traces recorded from Elixir's GenStage. A scenario passes when it equals its `trace` or its `alt`. */

import { AssertionError } from 'node:assert'
import { describe, expect, it } from 'vitest'

import { compareTraces } from './compare.ts'
import { replay } from './replay.ts'
import { readScenarios, type Scenario, type StepTrace } from './scenario.ts'

/** Scenarios without an `alt` where we decided to do otherwise, and why. Each must really differ: a listed scenario that passes fails. */
const DEVIATIONS: Readonly<Record<string, string>> = {
  'info-in-unbounded-buffer':
    'an info waits behind the last event in every buffer alike; it is no event, is not counted, and costs no demand',
  'partition-cancel-queue': "a partition's queue is kept for its next consumer instead of dropped",
  'partition-info-idle': 'an info waits behind the last event in the buffer, whatever the partitions hold',
  'partition-taken-crash': 'a subscription to a taken partition is refused, and the producer lives on',
  'pc-demand-mode-crash': 'a producer-consumer answers "forward" when asked for its demand mode, and lives on',
}

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
  const actual = await replay(scenario)
  const difference = differenceFrom(scenario, scenario.trace, actual)
  if (difference === undefined) return
  const altDifference = scenario.alt === undefined ? difference : differenceFrom(scenario, scenario.alt, actual)
  if (altDifference !== undefined) throw altDifference
}

async function expectDeviation(scenario: Scenario): Promise<void> {
  const actual = await replay(scenario)
  expect(differenceFrom(scenario, scenario.trace, actual)).toBeInstanceOf(AssertionError)
}

function differenceFrom(
  scenario: Scenario,
  expected: readonly StepTrace[],
  actual: readonly StepTrace[],
): Error | undefined {
  try {
    compareTraces(scenario, expected, actual)
    return undefined
  } catch (error) {
    if (error instanceof AssertionError) return error
    throw error
  }
}
