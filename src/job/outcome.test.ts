import { describe, expect, it } from 'vitest'

import { cancel, discard, isOutcome, retry, snooze } from './outcome.ts'

describe('outcomes', () => {
  it('carry what the handler said', () => {
    expect(snooze('5m')).toMatchObject({ outcome: 'snooze', delayMs: 300_000 })
    expect(cancel('why')).toMatchObject({ outcome: 'cancel', reason: 'why' })
    expect(discard('why')).toMatchObject({ outcome: 'discard', reason: 'why' })
    expect(retry('why')).toMatchObject({ outcome: 'retry', reason: 'why', delayMs: null })
    expect(retry('why', { delay: '1s' })).toMatchObject({ delayMs: 1000 })
    expect(retry('why', { delay: undefined })).toMatchObject({ delayMs: null })
  })

  it('are frozen, and known from what only looks like them', () => {
    const outcome = snooze(1)
    expect(Object.isFrozen(outcome)).toBe(true)
    expect(isOutcome(outcome)).toBe(true)
    const impostors: unknown[] = [
      { ...outcome },
      JSON.parse(JSON.stringify(outcome)),
      Object.create(outcome),
      new Proxy(outcome, {}),
      null,
      undefined,
      'snooze',
      () => {},
    ]
    for (const impostor of impostors) expect(isOutcome(impostor)).toBe(false)
  })

  it('check what they are given', () => {
    expect(() => snooze('soon')).toThrow('duration of snooze() is "soon"')
    expect(() => retry('x', { delay: -1 })).toThrow(expect.objectContaining({ code: 'ERR_BAD_DURATION' }))
    // @ts-expect-error a reason is a text
    expect(() => discard(new Error('gone'))).toThrow('pass its message, or throw it')
    // @ts-expect-error a reason is a text
    expect(() => cancel()).toThrow(expect.objectContaining({ code: 'ERR_BAD_OUTCOME' }))
  })

  it('keep reasons storable', () => {
    expect(discard('b'.repeat(100_000)).reason).toHaveLength(8190)
    expect(discard('a\0').reason).toBe('a\uFFFD')
  })
})
