import { describe, expect, it } from 'vitest'

import { decideRescue, type HeldWhenDied, type NodeDeath } from './rescue-decision.ts'

const error = { name: 'JobCrashedError', message: 'the process died' }
const exit = { name: 'JobCrashedError', message: 'it called process.exit' }
const held = (rest: Partial<HeldWhenDied> = {}): HeldWhenDied => ({
  id: 'id',
  lease: 'lease',
  name: 'work.run',
  attempt: 1,
  maxAttempts: 3,
  crashes: 0,
  isStarted: false,
  isCancelRequested: false,
  ...rest,
})
const decide = (job: Partial<HeldWhenDied>, death: Partial<NodeDeath> = {}) =>
  decideRescue(held(job), { error, quarantineAfter: 3, blame: undefined, ...death })

describe('decideRescue', () => {
  it('charges what was marked, and forgives what was not, but counts the crash of both', () => {
    expect(decide({ isStarted: true })).toEqual({ type: 'requeue', crashes: 1, crash: error, attempt: 1 })
    expect(decide({})).toEqual({ type: 'requeue', crashes: 1, crash: error, attempt: 0 })
  })

  it('counts nothing for what is marked before it begins, and is not marked', () => {
    expect(decide({ crashes: 2 })).toMatchObject({ type: 'requeue', crashes: 2, attempt: 0 })
    expect(decide({ attempt: 3 })).toMatchObject({ type: 'requeue', crashes: 0, attempt: 2 })
  })

  it('sets aside what was running in the third crash in a row', () => {
    const crash = { type: 'fail', crashes: 3, crash: error, error: { code: 'ERR_QUARANTINED', cause: error } }
    expect(decide({ crashes: 2, isStarted: true })).toMatchObject(crash)
    expect(decide({ crashes: 1, isStarted: true })).toMatchObject({ type: 'requeue', crashes: 2 })
  })

  it('charges only the one that is blamed, by job and lease', () => {
    const blame = { id: 'id', lease: 'lease', error: exit }
    expect(decide({}, { blame })).toEqual({ type: 'requeue', crashes: 1, crash: exit, attempt: 1 })
    expect(decide({ attempt: 3 }, { blame })).toMatchObject({ type: 'fail', crashes: 1, crash: exit, error: exit })
    for (const other of [{ id: 'other' }, { lease: 'an older one' }]) {
      const decision = decide({ ...other, crashes: 2, isStarted: true, attempt: 3 }, { blame })
      expect(decision).toEqual({ type: 'requeue', crashes: 2, crash: error, attempt: 2 })
    }
    expect(decide({ crashes: 2, isStarted: true }, { blame: 'nobody' })).toMatchObject({ type: 'requeue', crashes: 2 })
  })

  it('cancels what had been asked to stop, whoever is to blame', () => {
    for (const blame of [undefined, 'nobody', { id: 'id', lease: 'lease', error: exit }] as const) {
      expect(decide({ isCancelRequested: true, isStarted: true, crashes: 2 }, { blame }).type).toBe('cancel')
    }
  })
})
