import { describe, expect, it } from 'vitest'

import { aClaimedJob } from '../../test/support/factories.ts'
import type { AttemptEnding } from '../store/store.ts'
import { breakerIdOf, callOutcome, type QueueBreaker, type VerdictFacts } from './breaker-verdict.ts'

const problem = { name: 'HttpError', message: '503', code: 'E503' }
const failed: AttemptEnding = { type: 'failed', error: problem }
const BREAKER: QueueBreaker = {
  by: 'name',
  settings: { errorRate: 0.5, windowMs: 1, minimumCalls: 1, openForMs: 1, probes: 1 },
  isFailure: null,
}

function outcomeOf(facts: Partial<VerdictFacts>) {
  return callOutcome({
    breaker: BREAKER,
    ending: failed,
    isDiscarded: false,
    end: { type: 'threw', error: new Error('503') },
    stopReason: undefined,
    onProblem: () => {},
    ...facts,
  })
}

describe('callOutcome', () => {
  it.each<[AttemptEnding, string]>([
    [{ type: 'completed', result: null, error: null }, 'passed'],
    [{ type: 'retry', delayMs: 0, error: problem }, 'failed'],
    [failed, 'failed'],
    [{ type: 'snoozed', delayMs: 0 }, 'none'],
    [{ type: 'cancelled', error: problem }, 'none'],
  ])('takes %j as %s', (ending, outcome) => {
    expect(outcomeOf({ ending })).toBe(outcome)
  })

  it('takes a discard as none', () => {
    expect(outcomeOf({ isDiscarded: true })).toBe('none')
  })

  it('lets a function say which errors count, and gives it what was thrown', () => {
    const seen: unknown[] = []
    const thrown = { status: 404 }
    const isFailure = (error: unknown): boolean => {
      seen.push(error)
      return error !== thrown
    }
    const breaker = { isFailure }
    expect(outcomeOf({ breaker, end: { type: 'threw', error: thrown } })).toBe('passed')
    expect(outcomeOf({ breaker, end: { type: 'threw', error: new Error('other') } })).toBe('failed')
    expect(seen[0]).toBe(thrown)
    outcomeOf({ breaker, stopReason: { type: 'unhandled', error: thrown } })
    expect(seen.at(-1)).toBe(thrown)
  })

  it('gives it an error of the recorded name and code where nothing was thrown', () => {
    let seen: unknown
    const isFailure = (error: unknown): boolean => {
      seen = error
      return true
    }
    expect(outcomeOf({ breaker: { isFailure }, end: { type: 'given-up' } })).toBe('failed')
    expect(seen).toBeInstanceOf(Error)
    expect(seen).toMatchObject(problem)
  })

  it('takes an error as a failure when the function itself throws', () => {
    const problems: unknown[] = []
    const isFailure = (): boolean => {
      throw new TypeError('wrong')
    }
    expect(outcomeOf({ breaker: { isFailure }, onProblem: (error) => problems.push(error) })).toBe('failed')
    expect(problems).toMatchObject([{ message: 'wrong' }])
  })
})

describe('breakerIdOf', () => {
  it('is the name of the job, or its key, which it need not have', () => {
    const job = aClaimedJob({ queue: 'api', name: 'pay.charge', key: 'acme' })
    expect(breakerIdOf(BREAKER, job)).toEqual({ queue: 'api', by: 'name', subject: 'pay.charge' })
    const byKey = { ...BREAKER, by: 'key' } as const
    expect(breakerIdOf(byKey, job)).toEqual({ queue: 'api', by: 'key', subject: 'acme' })
    expect(breakerIdOf(byKey, { ...job, key: null })).toBeNull()
  })
})
