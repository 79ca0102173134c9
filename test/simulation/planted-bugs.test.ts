import { describe, expect, it } from 'vitest'

import type { Invariant } from './history.ts'
import { PLANTED_BUGS, type PlantedBugName } from './planted-bugs.ts'
import { simulate } from './simulate.ts'

/** A bug must show within so many seeds. */
const SEEDS = 150

/** What shows in one of two hundred seeds only has more of them, and begins near one in which it is known to show. */
const RARE: Partial<Readonly<Record<PlantedBugName, { readonly first: number; readonly seeds: number }>>> = {
  'a node does not notice that it is not heard': { first: 200, seeds: 800 },
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
  it.each(Object.keys(BREAKS) as PlantedBugName[])(
    '%s',
    async (name) => {
      const { first, seeds } = RARE[name] ?? { first: 1, seeds: SEEDS }
      for (let seed = first; seed < first + seeds; seed++) {
        const { violation } = await simulate(seed, PLANTED_BUGS[name]())
        if (violation === undefined) continue
        expect(BREAKS[name]).toContain(violation.invariant)
        return
      }
      expect.fail(`${seeds} seeds did not find it`)
    },
    180_000,
  )
})
