import { describe, expect, it } from 'vitest'

import { JOB_STATES } from './job.ts'
import { canTransition, JOB_EVENTS, TRANSITIONS, transition } from './lifecycle.ts'

describe('transition', () => {
  it('follows the table and throws for every other pair', () => {
    for (const state of JOB_STATES) {
      for (const event of JOB_EVENTS) {
        const next = TRANSITIONS[state][event]
        expect(canTransition(state, event)).toBe(next !== undefined)
        if (next !== undefined) expect(transition(state, event)).toBe(next)
        else expect(() => transition(state, event)).toThrow(`a job that is ${state} knows no "${event}"`)
      }
    }
  })

  it('reaches every state from scheduled, and uses every event', () => {
    const reached = new Set<string>(['scheduled'])
    for (const state of reached) {
      for (const next of Object.values(TRANSITIONS[state as keyof typeof TRANSITIONS])) reached.add(next)
    }
    expect([...reached].sort()).toEqual([...JOB_STATES].sort())
    const used = new Set(Object.values(TRANSITIONS).flatMap((events) => Object.keys(events)))
    expect([...used].sort()).toEqual([...JOB_EVENTS].sort())
  })

  it('leaves completed for nothing', () => {
    expect(TRANSITIONS.completed).toEqual({})
  })
})
