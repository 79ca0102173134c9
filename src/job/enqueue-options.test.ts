import { describe, expect, it } from 'vitest'

import { parseEnqueueOptions, type EnqueueOptions } from './enqueue-options.ts'

const ID = '018F6E2A-0B7C-7E1D-9C3A-5A1F0E6B2D47'

function messageOf(options: unknown): string {
  try {
    // Wrong on purpose: callers without types pass anything.
    parseEnqueueOptions(options as EnqueueOptions)
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_BAD_OPTIONS' })
    return (error as Error).message
  }
  return 'accepted'
}

describe('parseEnqueueOptions', () => {
  it('answers undefined for what is left out', () => {
    const nothing = {
      queue: undefined,
      due: null,
      priority: undefined,
      maxAttempts: undefined,
      backoff: undefined,
      timeoutMs: undefined,
      key: undefined,
      tags: [],
      id: undefined,
    }
    expect(parseEnqueueOptions(undefined)).toEqual(nothing)
    expect(parseEnqueueOptions({})).toEqual(nothing)
    expect(
      parseEnqueueOptions({ delay: undefined, at: undefined, unique: undefined, tx: undefined, id: undefined }),
    ).toEqual(nothing)
  })

  it('reads everything', () => {
    const options = {
      queue: 'email',
      delay: '10m',
      priority: -100,
      maxAttempts: 1000,
      backoff: { base: '1s', factor: 2, max: '1m' },
      timeout: '30s',
      key: 'acme',
      tags: ['a', 'b', 'a'],
      id: ID,
    }
    expect(parseEnqueueOptions(options)).toEqual({
      queue: 'email',
      due: { delayMs: 600_000 },
      priority: -100,
      maxAttempts: 1000,
      backoff: { baseMs: 1000, factor: 2, maxMs: 60_000 },
      timeoutMs: 30_000,
      key: 'acme',
      tags: ['a', 'b'],
      id: ID.toLowerCase(),
    })
  })

  it.each([
    [new Date(1000), 1000],
    [1000.7, 1000],
    ['2026-01-31T08:00:00Z', Date.UTC(2026, 0, 31, 8)],
    ['2026-01-31T08:00:00.500+01:00', Date.UTC(2026, 0, 31, 7, 0, 0, 500)],
    ['2026-01-31', Date.UTC(2026, 0, 31)],
    [-5, 0],
    [new Date('9999-12-31T23:59:59.999Z'), 253_402_300_799_999],
  ])('reads at: %o', (at, ms) => {
    expect(parseEnqueueOptions({ at }).due).toEqual({ at: ms })
  })

  it.each([
    [{ at: new Date(Number.NaN) }, 'option "at"'],
    [{ at: '2026-01-31 08:00' }, 'option "at"'],
    [{ at: '2026-01-31T08:00:00' }, 'option "at"'],
    [{ at: '2026-13-31' }, 'option "at"'],
    [{ at: Infinity }, 'option "at"'],
    [{ at: {} }, 'option "at"'],
    [{ at: 253_402_300_800_000 }, 'after the year 9999'],
    [{ at: 1, delay: 1 }, '"delay" and "at" exclude each other'],
    [{ delay: 'soon' }, 'option "delay" of enqueue is "soon"'],
    [{ priority: 101 }, 'option "priority" of enqueue is 101; it must be a whole number from -100 to 100'],
    [{ priority: 0.5 }, 'is 0.5'],
    [{ priority: '1' }, 'is string'],
    [{ maxAttempts: 0 }, 'from 1 to 1000'],
    [{ maxAttempts: 1001 }, 'from 1 to 1000'],
    [{ timeout: 0 }, 'must be above 0'],
    [{ timeout: Number.NaN }, 'option "timeout" of enqueue is NaN'],
    [{ backoff: () => 5 }, 'cannot be stored'],
    [{ backoff: { base: 'x' } }, 'base of option "backoff" of enqueue'],
    [{ key: '' }, 'is empty'],
    [{ key: 'x'.repeat(257) }, '257 characters'],
    [{ key: 'a\0' }, 'NUL'],
    [{ key: 5 }, 'option "key" of enqueue is number'],
    [{ tags: 'a' }, 'array of strings'],
    [{ tags: [''] }, 'tag 0'],
    [{ tags: ['ok', 'x'.repeat(65)] }, 'tag 1'],
    [{ tags: ['\uD800'] }, 'tag 0'],
    [{ tags: Array.from({ length: 21 }, String) }, 'has 21 tags'],
    [{ id: 'x' }, 'option "id" of enqueue is "x"; it must be a UUID'],
    [{ id: 5 }, 'is number'],
    [{ queue: 'a b' }, 'option "queue" of enqueue is "a b"'],
    [{ queue: '1st' }, 'a queue name starts with a letter'],
    [{ queue: 'x'.repeat(64) }, 'at most 63'],
    [{ dealy: 1 }, 'unknown option "dealy" of enqueue; did you mean "delay"?'],
    [null, 'the options of enqueue are null'],
    ['email', 'the options of enqueue are string'],
    [[], 'they must be an object'],
  ])('refuses %o', (options, message) => {
    expect(messageOf(options)).toContain(message)
  })

  it('reports every problem at once', () => {
    const message = messageOf({ priority: 1000, retries: 1, delay: -1, tags: 1 })
    expect(message.split('\n')).toHaveLength(5)
    expect(message).toMatch(/^enqueue has 4 problems:/)
  })

  it('refuses what is not available yet', () => {
    const refusal = expect.objectContaining({ code: 'ERR_NOT_AVAILABLE' })
    expect(() => parseEnqueueOptions({ unique: { by: 'args', onConflict: 'ignore' } })).toThrow(refusal)
  })

  it('passes a transaction on as it is', () => {
    const tx = { query: () => {} }
    expect(parseEnqueueOptions({ tx }).tx).toBe(tx)
    expect(parseEnqueueOptions({ tx: undefined }).tx).toBeUndefined()
  })
})
