import { describe, expect, it } from 'vitest'

import type { Invariant } from './history.ts'
import { PLANTED_BUGS, type PlantedBugName } from './planted-bugs.ts'
import { simulate } from './simulate.ts'

/** A bug must show within so many seeds. */
const SEEDS = 150

/** Where the search begins, for what shows in one of two hundred seeds only. */
const FIRST_SEEDS: Partial<Readonly<Record<PlantedBugName, number>>> = {
  'a node does not notice that it is not heard': 760,
}

/** What each bug breaks, whichever of it is seen first. */
const BREAKS: Readonly<Record<PlantedBugName, readonly Invariant[]>> = {
  'an ack does not look at the lease': ['fence'],
  'a rescue does not look whether the node has beaten since': ['no-rescue'],
  'a give-back loses the job': ['no-loss'],
  'a give-back charges the attempt': ['attempts'],
  'a start is not written down': ['attempts'],
  'a batch of acks is dropped when the store fails': ['result', 'progress'],
  'what a claim took whose answer was lost is not given back': ['progress'],
  'a stale ack passes for one that was taken': ['result'],
  'a node does not notice that it is not heard': ['overlap', 'progress'],
  'a node neither hears nor notices that it was declared dead': ['overlap', 'progress'],
  'an enqueue is confirmed before it is stored': ['no-loss'],
  'an enqueue whose outcome is unknown passes for refused': ['no-phantom'],
}

describe('a planted bug is caught', () => {
  it.each(Object.keys(BREAKS) as PlantedBugName[])('%s', async (name) => {
    const first = FIRST_SEEDS[name] ?? 1
    for (let seed = first; seed < first + SEEDS; seed++) {
      const { violation } = await simulate(seed, PLANTED_BUGS[name]())
      if (violation === undefined) continue
      expect(BREAKS[name]).toContain(violation.invariant)
      return
    }
    expect.fail(`${SEEDS} seeds did not find it`)
  })
})
