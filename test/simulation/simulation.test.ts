import { describe, expect, it } from 'vitest'

import { simulate } from './simulate.ts'

/** How many seeds of each block are run in one test. */
const BLOCK = 50

describe('a cluster in which everything goes wrong', () => {
  it.each([1, 51, 101, 151, 201, 251])('keeps every promise, for fifty seeds from %i', async (first) => {
    let staleAcks = 0
    let reexecutions = 0
    for (let seed = first; seed < first + BLOCK; seed++) {
      const { violation, log, counts } = await simulate(seed)
      staleAcks += counts.staleAcks
      reexecutions += counts.reexecutions
      if (violation === undefined) continue
      expect.fail(
        `${log.join('\n')}\nseed ${seed} breaks ${violation.message}\nagain: npm run simulate -- --seed ${seed}`,
      )
    }
    // The promises were put to the test.
    expect(staleAcks).toBeGreaterThan(0)
    expect(reexecutions).toBeGreaterThan(0)
  })

  it.each([3, 42, 1_234_567])('happens again in the same way with seed %i', async (seed) => {
    const [first, second] = [await simulate(seed), await simulate(seed)]
    expect(second.log).toEqual(first.log)
    expect(second).toEqual(first)
  })

  it('happens in another way with another seed', async () => {
    const [first, second] = [await simulate(7), await simulate(8)]
    expect(second.log).not.toEqual(first.log)
  })
})
