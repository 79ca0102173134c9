import { describe, expect, it } from 'vitest'

import { planOf } from './plan.ts'
import { PROFILES } from './profiles.ts'
import { workloadOf } from './workload.ts'

function profile(name: string) {
  const found = PROFILES[name]
  if (found === undefined) throw new Error(`there is no profile ${name}`)
  return found
}

describe('planOf', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(planOf(7, profile('ci'), 'postgres')).toEqual(planOf(7, profile('ci'), 'postgres'))
    expect(planOf(7, profile('ci'), 'postgres')).not.toEqual(planOf(8, profile('ci'), 'postgres'))
  })

  it('plans more kills, zombies and kills as on another machine than the full profile asks for', () => {
    const { least } = profile('full')
    for (const seed of [1, 2, 3]) {
      const { faults } = planOf(seed, profile('full'), 'sqlite')
      const count = (types: readonly string[]) => faults.filter(({ type }) => types.includes(type)).length
      expect(count(['kill', 'crash'])).toBeGreaterThan(least.kills)
      expect(count(['sleep'])).toBeGreaterThan(least.zombies)
      expect(faults.filter((fault) => fault.type === 'kill' && fault.slot.startsWith('remote')).length).toBeGreaterThan(
        least.remoteKills,
      )
    }
  })

  it('never attacks those that watch and those whose event loop is blocked', () => {
    const { faults } = planOf(1, profile('full'), 'postgres')
    const attacked = faults.flatMap((fault) => ('slot' in fault ? fault.slot : []))
    expect(attacked.filter((slot) => slot.startsWith('observer') || slot.startsWith('blocked'))).toEqual([])
  })
})

describe('workloadOf', () => {
  it('has as many jobs as the profile says, each with an id of its own', () => {
    const jobs = workloadOf(3, profile('full'))
    expect(jobs.filter(({ name }) => name === 'work.effect').length).toBe(20_000)
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length)
  })
})
