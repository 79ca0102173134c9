import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { errorFingerprint, normalisedMessage, userFrame } from './fingerprint.ts'
import type { ErrorRecord } from './job.ts'

const stackOf = (...frames: readonly string[]): string =>
  ['Error: x', ...frames.map((frame) => `    at ${frame}`)].join('\n')

const user = 'send (/srv/app/src/mailer.ts:12:7)'

function error(message: string, rest: Partial<ErrorRecord> = {}): ErrorRecord {
  return { name: 'Error', message, stack: stackOf(user), ...rest }
}

/** Errors as they come from the field: what is in a row is the same trouble, and differs from every other row. */
const FIELD: readonly (readonly [what: string, errors: readonly ErrorRecord[]])[] = [
  [
    'a refused connection',
    [
      error('connect ECONNREFUSED 127.0.0.1:5432', { code: 'ECONNREFUSED' }),
      error('connect ECONNREFUSED 10.3.0.17:5433', { code: 'ECONNREFUSED' }),
      error('connect ECONNREFUSED ::1:5432', { code: 'ECONNREFUSED' }),
      error('connect ECONNREFUSED fe80::12ab:9:1:5432', { code: 'ECONNREFUSED' }),
    ],
  ],
  [
    'a unique violation of PostgreSQL',
    [
      error('duplicate key value violates unique constraint "users_email_key"', { name: 'error', code: '23505' }),
      error('duplicate key value violates unique constraint "users_name_key"', { name: 'error', code: '23505' }),
    ],
  ],
  [
    'a deadlock of PostgreSQL',
    [
      error('deadlock detected: Process 4711 waits for ShareLock on transaction 88', { name: 'error', code: '40P01' }),
      error('deadlock detected: Process 12 waits for ShareLock on transaction 9', { name: 'error', code: '40P01' }),
    ],
  ],
  [
    'a name that is not found',
    [
      error('getaddrinfo ENOTFOUND api.example.org', { code: 'ENOTFOUND' }),
      error('getaddrinfo ENOTFOUND api.example.org', { code: 'ENOTFOUND' }),
    ],
  ],
  [
    'a failed fetch with its cause',
    [
      error('fetch failed', {
        name: 'TypeError',
        cause: { name: 'Error', code: 'ECONNRESET', message: 'read ECONNRESET 10.0.0.1' },
      }),
      error('fetch failed', {
        name: 'TypeError',
        cause: { name: 'Error', code: 'ECONNRESET', message: 'read ECONNRESET 10.0.0.9' },
      }),
    ],
  ],
  [
    'a failed fetch with another cause',
    [
      error('fetch failed', {
        name: 'TypeError',
        cause: { name: 'ConnectTimeoutError', message: 'Connect Timeout Error' },
      }),
    ],
  ],
  [
    'an answer with a status',
    [
      error('GET https://api.example.org/users/17?token=abc answered 503'),
      error('GET https://api.example.org/users/99?token=xyz answered 503'),
    ],
  ],
  [
    'an error of zod',
    [
      error('[\n  {\n    "code": "invalid_type",\n    "path": [\n      "user",\n      "age"\n    ]\n  }\n]', {
        name: 'ZodError',
      }),
      error('[\n  {\n    "code": "too_small",\n    "path": [\n      "name"\n    ]\n  }\n]', { name: 'ZodError' }),
    ],
  ],
  [
    'a customer that is gone',
    [
      error("No such customer: 'cus_9s6XKzkNRiz8i3'", { name: 'StripeInvalidRequestError' }),
      error("No such customer: 'cus_NffrFeUfNV2Hib'", { name: 'StripeInvalidRequestError' }),
    ],
  ],
  [
    'a file that is not there',
    [
      error("ENOENT: no such file or directory, open '/tmp/a1/in.csv'", { code: 'ENOENT' }),
      error("ENOENT: no such file or directory, open 'C:\\data\\b.csv'", { code: 'ENOENT' }),
    ],
  ],
  [
    'a timeout',
    [
      error('timed out after 250 ms, at 2026-11-26T03:52:16.123Z'),
      error('timed out after 30000 ms, at 2026-11-27 12:00:00'),
    ],
  ],
  [
    'a mail that came back',
    [error('550 mailbox of ann.b+x@example.org is full'), error('550 mailbox of bob@mail.example.com is full')],
  ],
  [
    'an order that is not found',
    [
      error('order 0192f3a4-5b6c-7d8e-9f01-23456789abcd not found'),
      error('order 7c9e6679-7425-40de-944b-e07fc1f90ae7 not found'),
    ],
  ],
  [
    'a property of undefined',
    [
      error("Cannot read properties of undefined (reading 'id')", { name: 'TypeError' }),
      error("Cannot read properties of undefined (reading 'name')", { name: 'TypeError' }),
    ],
  ],
  [
    'the same at another place',
    [
      error("Cannot read properties of undefined (reading 'id')", {
        name: 'TypeError',
        stack: stackOf('receive (/srv/app/src/mailer.ts:90:7)'),
      }),
    ],
  ],
  [
    'a hash that does not fit',
    [error('checksum 9f86d081884c7d65 of part 3 is wrong'), error('checksum 60303ae22b998861 of part 12 is wrong')],
  ],
]

describe('errorFingerprint', () => {
  it.each(FIELD)('knows %s again', (_what, errors) => {
    expect(new Set(errors.map(errorFingerprint)).size).toBe(1)
    expect(errorFingerprint(errors[0] ?? error(''))).toMatch(/^[\da-f]{16}$/)
  })

  it('tells all of them apart', () => {
    expect(new Set(FIELD.flatMap(([, [first]]) => (first === undefined ? [] : [errorFingerprint(first)]))).size).toBe(
      FIELD.length,
    )
  })

  it('is the same on another machine and after another release', () => {
    const here = error('boom', { stack: stackOf('send (/srv/app/src/mailer.ts:12:7)') })
    const there = error('boom', { stack: stackOf('async send (file:///home/ann/app/src/mailer.ts:40:1)') })
    expect(errorFingerprint(here)).toBe(errorFingerprint(there))
  })

  it('is not disturbed by what is in a message, whatever that is', () => {
    const values = fc.oneof(
      fc.nat(),
      fc.uuid(),
      fc.emailAddress({ size: 'small' }).filter((address) => !/['`]/u.test(address)),
      fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }).map((date) => date.toISOString()),
      fc.ipV4(),
      fc.nat().map((n) => `0x${n.toString(16)}`),
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', '1', '.', 'é') }).map((text) => JSON.stringify(text)),
    )
    const same = (value: unknown): string => normalisedMessage(`user ${String(value)} was refused`)
    fc.assert(
      fc.property(values, values, (one, other) => {
        expect(same(one)).toMatch(/^user <[a-z]+> was refused$/)
        if (typeof one === typeof other && typeof one === 'number') expect(same(one)).toBe(same(other))
      }),
    )
  })

  it('never throws, and answers the same for the same', () => {
    const records = fc.record({
      name: fc.string(),
      message: fc.string({ unit: 'binary', maxLength: 600 }),
      stack: fc.option(fc.string(), { nil: undefined }),
    })
    fc.assert(
      fc.property(records, (record) => {
        expect(errorFingerprint(record)).toBe(errorFingerprint({ ...record }))
      }),
      { numRuns: 50 },
    )
  })
})

describe('normalisedMessage', () => {
  it.each([
    ["Key 'a' is not 'b'", 'Key <text> is not <text>'],
    ["it's 5 o'clock, isn't it", "it's <n> o'clock, isn't it"],
    ['read /var/lib/x.db, then ./y/z', 'read <path>, then <path>'],
    ['and/or', 'and/or'],
    ['worker12 used 1.5e3 kB (-3 %)', 'worker<n> used <n> kB (<n> %)'],
    ['ids 1, 2, 3 and 4', 'ids <n> and <n>'],
    ['at Thu Nov 26 2026 03:52:16 GMT+0000 (Coordinated Universal Time)', 'at <date>'],
    ['“quoted” and `code`', '<text> and <text>'],
    ['a\n   b\tc', 'a b c'],
    ['', ''],
  ])('makes %j %j', (message, normalised) => {
    expect(normalisedMessage(message)).toBe(normalised)
  })

  it('leaves what it made as it is', () => {
    const words = fc.constantFrom(
      "'",
      '"',
      ' ',
      '7',
      'a',
      '/',
      '<n>',
      '@',
      '.',
      ':',
      '-',
      'f0',
      ',',
      'x',
      '`',
      '“',
      '”',
    )
    const messages = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(messages, fc.string({ maxLength: 200 })), (message) => {
        const once = normalisedMessage(message)
        expect(normalisedMessage(once)).toBe(once)
      }),
      { numRuns: 1_000 },
    )
  })

  it('takes its time even for the worst message', () => {
    const worst = [
      "'".repeat(8_000),
      '/a'.repeat(4_000),
      '1:'.repeat(4_000),
      'a@'.repeat(4_000),
      '<n>,'.repeat(2_000),
      'a1_'.repeat(3_000),
    ]
    const begun = performance.now()
    for (const message of worst) normalisedMessage(message)
    expect(performance.now() - begun).toBeLessThan(1_000)
  })
})

describe('userFrame', () => {
  it.each([
    [
      'behind those of Node.js and of packages',
      [
        'TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)',
        '/srv/app/node_modules/pg/lib/client.js:36:11',
        'process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
        'async Object.send [as run] (/srv/app/src/mailer.ts:12:7)',
      ],
      'send src/mailer.ts',
    ],
    ['without a function', ['file:///srv/app/src/mailer.ts:12:7'], '<anonymous> src/mailer.ts'],
    ['of Windows', ['new Mailer (C:\\app\\src\\mailer.ts:1:2)'], 'Mailer src/mailer.ts'],
    ['of a module that was loaded anew', ['send (file:///srv/app/jobs/mail.js?v=17:1:2)'], 'send jobs/mail.js'],
  ])('finds the frame %s', (_what, frames, frame) => {
    expect(userFrame(stackOf(...frames))).toBe(frame)
  })

  it('takes no frame of millrace itself', () => {
    const own = new URL('../queue/job-executor.ts', import.meta.url).pathname
    expect(userFrame(stackOf(`JobExecutor.run (${own}:1:2)`))).toBeUndefined()
    expect(userFrame(undefined)).toBeUndefined()
    expect(userFrame('no stack at all')).toBeUndefined()
  })
})
