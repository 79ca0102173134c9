import { describe, expect, it } from 'vitest'

import { aClaimedJob } from '../../test/support/factories.ts'
import { testHost } from '../../test/support/test-host.ts'
import { cancel, discard, retry, snooze } from '../job/outcome.ts'
import { judgeAttempt, neverBegan, type EndingFacts, type HandlerEnd } from './attempt-ending.ts'

const problems: string[] = []

function judge(end: HandlerEnd, rest: Partial<EndingFacts> = {}) {
  return judgeAttempt({
    job: aClaimedJob(),
    end,
    stopReason: undefined,
    backoff: { baseMs: 1_000, factor: 2, maxMs: 60_000 },
    random: testHost().random,
    onBackoffProblem: (_job, sentence) => problems.push(sentence),
    ...rest,
  })
}

const threw: HandlerEnd = { type: 'threw', error: new Error('boom') }
const GIVEN_UP: HandlerEnd = { type: 'given-up' }

describe('judgeAttempt', () => {
  it('completes what returned, with the value as it is stored', () => {
    expect(judge({ type: 'returned', value: [1] })).toEqual({
      ending: { type: 'completed', result: { codec: 'json', text: '[1]' }, error: null },
      isDiscarded: false,
    })
    expect(judge({ type: 'returned', value: undefined })).toMatchObject({ ending: { type: 'completed' } })
  })

  it('completes what returned something that cannot be kept: its effects have happened', () => {
    const judgement = judge({ type: 'returned', value: () => 1 })
    expect(judgement).toMatchObject({ ending: { type: 'completed', result: null, error: { name: 'RunnerError' } } })
  })

  it('completes what returned although it had been told to stop', () => {
    for (const type of ['cancelled', 'interrupted'] as const) {
      const judgement = judge({ type: 'returned', value: 1 }, { stopReason: { type } })
      expect(judgement).toMatchObject({ ending: { type: 'completed' } })
    }
  })

  it('fails what caused an error that nobody handled, whatever it returned', () => {
    const stopReason = { type: 'unhandled', error: new Error('stray') } as const
    const ends: HandlerEnd[] = [
      { type: 'returned', value: 1 },
      { type: 'returned', value: snooze('5s') },
      threw,
      GIVEN_UP,
    ]
    for (const end of ends) {
      expect(judge(end, { stopReason })).toMatchObject({ ending: { type: 'retry', error: { message: 'stray' } } })
    }
  })

  it('carries out what the handler asked for', () => {
    const ending = (value: unknown) => judge({ type: 'returned', value })
    expect(ending(snooze('5s'))).toMatchObject({ ending: { type: 'snoozed', delayMs: 5_000 } })
    expect(ending(cancel('no'))).toMatchObject({ ending: { type: 'cancelled', error: { message: 'no' } } })
    expect(ending(discard('gone'))).toMatchObject({ ending: { type: 'failed' }, isDiscarded: true })
    expect(ending(retry('later', { delay: '1m' }))).toMatchObject({ ending: { type: 'retry', delayMs: 60_000 } })
  })

  it('takes an object that only looks like an outcome for a result', () => {
    const lookalike = { outcome: 'cancel', reason: 'x' }
    expect(judge({ type: 'returned', value: lookalike })).toMatchObject({ ending: { type: 'completed' } })
  })

  it('tries again what threw, by the backoff of the job before that of the code', () => {
    const delayOf = (rest: Partial<EndingFacts>): number => {
      const judgement = judge(threw, rest)
      if (judgement === 'returned' || judgement.ending.type !== 'retry') throw new Error('not tried again')
      return judgement.ending.delayMs
    }
    expect(delayOf({})).toBeGreaterThanOrEqual(500)
    expect(delayOf({})).toBeLessThanOrEqual(1_000)
    const own = { baseMs: 100_000, factor: 1, maxMs: 100_000 }
    expect(delayOf({ job: aClaimedJob({ backoff: own }) })).toBeGreaterThanOrEqual(50_000)
    expect(delayOf({ backoff: () => '7s' })).toBe(7_000)
  })

  it('falls back to the default when a backoff function throws, and says so', () => {
    problems.length = 0
    const broken = (): never => {
      throw new Error('broken')
    }
    expect(judge(threw, { backoff: broken })).toMatchObject({ ending: { type: 'retry' } })
    expect(problems.join()).toContain('broken')
  })

  it('fails for good what threw in its last attempt', () => {
    const job = aClaimedJob({ attempt: 3, maxAttempts: 3 })
    expect(judge(threw, { job })).toMatchObject({ ending: { type: 'failed', error: { message: 'boom' } } })
    expect(judge({ type: 'returned', value: retry('again') }, { job })).toMatchObject({ ending: { type: 'failed' } })
  })

  it('hands back, uncharged, what was interrupted', () => {
    for (const type of ['interrupted', 'lease-lost'] as const) {
      expect(judge(threw, { stopReason: { type } })).toBe('returned')
      expect(judge(GIVEN_UP, { stopReason: { type } })).toBe('returned')
    }
  })

  it('cancels what was cancelled while it ran, whether it heeded the signal or not', () => {
    for (const end of [threw, GIVEN_UP]) {
      expect(judge(end, { stopReason: { type: 'cancelled' } })).toMatchObject({ ending: { type: 'cancelled' } })
    }
  })

  it('says of a timeout how long it was, and whether the signal was heeded', () => {
    const stopReason = { type: 'timeout', timeoutMs: 1_000 } as const
    expect(judge(threw, { stopReason })).toMatchObject({
      ending: { type: 'retry', error: { code: 'ERR_JOB_TIMEOUT', cause: { message: 'boom' } } },
    })
    expect(judge(GIVEN_UP, { stopReason })).toMatchObject({
      ending: { error: { message: expect.stringContaining('did not heed its signal') } },
    })
  })

  it('judges whatever was thrown', () => {
    const hostile = new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        },
      },
    )
    for (const error of [null, undefined, 'text', hostile]) {
      expect(judge({ type: 'threw', error })).toMatchObject({ ending: { type: 'retry' } })
    }
  })

  it('fails at once what could not begin: another try would end the same way', () => {
    expect(neverBegan(new Error('bad args'))).toMatchObject({ type: 'failed', error: { message: 'bad args' } })
  })
})
