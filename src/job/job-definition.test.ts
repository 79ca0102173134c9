import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { job, jobOptionsOf, type JobOptions } from './job-definition.ts'
import { ConfigurationError } from './errors.ts'

function problemsOf(options: unknown, fn: unknown = (() => () => {})()): readonly string[] {
  try {
    // Wrong on purpose: callers without types pass anything.
    job(options as JobOptions<[], undefined>, fn as () => void)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError)
    return (error as ConfigurationError).problems
  }
  return []
}

describe('job', () => {
  it('answers the same function, callable as before', () => {
    const fn = (left: number, right: number): number => left + right
    const defined = job({ queue: 'math' }, fn)
    expect(defined).toBe(fn)
    expect(defined(1, 2)).toBe(3)
    expect(Object.keys(defined)).toEqual([])
  })

  it('attaches options, read', () => {
    const key = (user: { tenant: string }): string => user.tenant
    const backoff = (attempt: number): number => attempt
    const input = [z.object({ tenant: z.string() })] as const
    const defined = job(
      { queue: 'email', maxAttempts: 8, backoff, timeout: '30s', key, priority: 1, aliases: ['old.name'], input },
      (user) => user.tenant,
    )
    expect(jobOptionsOf(defined)).toEqual({
      queue: 'email',
      maxAttempts: 8,
      backoff,
      timeoutMs: 30_000,
      key,
      priority: 1,
      aliases: ['old.name'],
      input,
    })
    expect(jobOptionsOf(job({ key: 'args[0].tenant' }, key))?.key).toEqual([0, 'tenant'])
    expect(jobOptionsOf(job({ backoff: { base: 1 } }, () => {}))?.backoff).toEqual({
      baseMs: 1,
      factor: 4,
      maxMs: 3_600_000,
    })
  })

  it('leaves plain functions without options', () => {
    expect(jobOptionsOf(() => {})).toBeUndefined()
    expect(
      jobOptionsOf(
        Object.setPrototypeOf(
          () => {},
          job({}, () => {}),
        ),
      ),
    ).toBeUndefined()
  })

  it.each([
    [{ maxAttemps: 3 }, 'did you mean "maxAttempts"?'],
    [{ queue: 'a b' }, 'option "queue" of job()'],
    [{ maxAttempts: 0 }, 'from 1 to 1000'],
    [{ priority: 101 }, 'from -100 to 100'],
    [{ backoff: '5s' }, 'option "backoff"'],
    [{ timeout: 'x' }, 'option "timeout"'],
    [{ key: 'tenant' }, 'key path "tenant" cannot be read'],
    [{ key: 5 }, 'option "key"'],
    [{ aliases: 'old' }, 'array of names'],
    [{ aliases: ['ok.name', '1bad', 5] }, 'alias "1bad"'],
    [{ input: z.string() }, 'array with one schema'],
    [{ input: [z.string(), {}] }, 'input[1] of job() is no Standard Schema'],
    [{ input: [null] }, 'input[0]'],
    [null, 'options of job() are null'],
  ])('refuses %o', (options, message) => {
    expect(problemsOf(options).join('\n')).toContain(message)
  })

  it('reports every problem at once and names the function', () => {
    expect(problemsOf({ queue: '', priority: 1000, aliases: [''], que: 1 })).toHaveLength(4)
    expect(() => job({ priority: 1000 }, function resize() {})).toThrow('job() of function "resize" has a problem')
  })

  it('refuses what is no function, and a second definition of the same', () => {
    expect(problemsOf({}, 'resize')).toEqual(['the second argument of job() is string; it must be a function'])
    expect(
      problemsOf(
        {},
        job({}, () => {}),
      ),
    ).toEqual(['the function has the options of another job() already'])
  })

  it('refuses what is not available yet', () => {
    const refusal = expect.objectContaining({
      code: 'ERR_NOT_AVAILABLE',
      message: expect.stringContaining('is not available yet'),
    })
    expect(() => job({ isolate: 'thread' }, () => {})).toThrow(refusal)
    expect(() => job({ unique: { by: 'args', onConflict: 'ignore' } }, () => {})).toThrow(refusal)
  })
})
