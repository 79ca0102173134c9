import { afterEach, describe, expect, it, vi } from 'vitest'

import { ConfigurationError } from '../job/errors.ts'
import { readClientConfig, readConfig } from './config.ts'
import { databaseRemark } from './database.ts'

const jobs = { work: { run: () => 1 } }

function problemsOf(options: unknown): readonly string[] {
  try {
    readConfig(options)
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems
    throw error
  }
  return []
}

afterEach(() => vi.unstubAllEnvs())

describe('readConfig', () => {
  it('fills in what is left out', () => {
    const { database, queues, settingsOf, keepPolicies } = readConfig({ jobs })
    expect(database).toEqual({ type: 'sqlite', url: 'sqlite:./millrace.db', durability: 'disk', mayMigrate: true })
    expect(queues).toEqual(['default'])
    const concurrency = { min: 10, max: 10 }
    expect(settingsOf('default')).toMatchObject({ concurrency, maxDemand: 1, prefetch: 'auto', timeoutMs: 900_000 })
    const day = 86_400_000
    expect(keepPolicies).toEqual([{ queue: null, completedMs: day, cancelledMs: day, failedMs: 30 * day }])
  })

  it('lists every problem at once', () => {
    const problems = problemsOf({
      database: 'mysql://root:secret@db/x',
      jobs: { work: 7 },
      queues: { 'no name': {}, mail: { concurrency: 0, maxDemnad: 1, timeout: '-1s', keep: { failed: '1s' } } },
      durability: 'never',
      migrate: 'yes',
      quues: {},
    })
    expect(problems.length).toBe(10)
    const text = problems.join('\n')
    for (const word of [
      'mysql',
      'jobs.work',
      'no name',
      'concurrency',
      'maxDemand',
      'timeout',
      'failed',
      'durability',
      'migrate',
      'queues',
    ])
      expect(text).toContain(word)
    expect(text).not.toContain('secret')
  })

  it.each([
    [{ cron: {} }],
    [{ queues: { ml: { isolate: 'thread' } } }],
    [{ queues: { ml: { memory: '512mb' } } }],
    [{ queues: { api: { globalConcurrency: 1 } } }],
    [{ queues: { api: { perKey: { concurrency: 1 } } } }],
    [{ queues: { api: { rateLimit: { limit: 1, per: '1s' } } } }],
    [{ queues: { api: { through: [] } } }],
  ])('refuses what is planned, instead of ignoring it: %j', (options) => {
    expect(() => readConfig({ jobs, ...options })).toThrow(
      expect.objectContaining({ code: 'ERR_NOT_AVAILABLE', message: expect.stringContaining('not available yet') }),
    )
  })

  it('reads a breaker with its defaults, and none where none is given', () => {
    const isFailure = () => false
    const { settingsOf } = readConfig({
      jobs,
      queues: { api: { breaker: {} }, own: { breaker: { by: 'key', errorRate: 0.2, window: '1m', isFailure } } },
    })
    const defaults = { errorRate: 0.5, windowMs: 30_000, minimumCalls: 10, openForMs: 30_000, probes: 1 }
    expect(settingsOf('default').breaker).toBeNull()
    expect(settingsOf('api').breaker).toEqual({ by: 'name', settings: defaults, isFailure: null })
    const settings = { ...defaults, errorRate: 0.2, windowMs: 60_000 }
    expect(settingsOf('own').breaker).toEqual({ by: 'key', settings, isFailure })
  })

  it.each([
    [{ errorrate: 1 }, 'did you mean "errorRate"'],
    [{ errorRate: 0 }, 'above 0 and at most 1'],
    [{ errorRate: 1.5 }, 'above 0 and at most 1'],
    [{ by: 'queue' }, '"name" or "key"'],
    [{ window: '10ms' }, 'from 1 s to 1 h'],
    [{ openFor: 1 }, 'at least 100 ms'],
    [{ probes: 0 }, 'from 1 to 1000'],
    [{ minimumCalls: 0.5 }, 'whole number'],
    [{ isFailure: true }, 'a function of an error'],
  ])('refuses the breaker %j', (breaker, problem) => {
    expect(problemsOf({ jobs, queues: { api: { breaker } } })).toEqual([expect.stringContaining(problem)])
  })

  it('refuses a database that is given but undefined in production, and only there', () => {
    expect(problemsOf({ jobs, database: undefined })).toEqual([])
    vi.stubEnv('NODE_ENV', 'production')
    expect(problemsOf({ jobs, database: undefined })[0]).toContain('NODE_ENV')
    expect(problemsOf({ jobs })).toEqual([])
  })

  it('takes one duration of keep for all that completed or were cancelled, never for dead letters', () => {
    const { settingsOf } = readConfig({ jobs, queues: { mail: { keep: '0s' } } })
    expect(settingsOf('mail').keep).toEqual({ completedMs: 0, cancelledMs: 0, failedMs: 30 * 86_400_000 })
  })

  it('takes a number or a range as concurrency', () => {
    const { settingsOf } = readConfig({
      jobs,
      queues: { a: { concurrency: 5 }, b: { concurrency: { min: 2, max: 50 } } },
    })
    expect(settingsOf('a').concurrency).toEqual({ min: 5, max: 5 })
    expect(settingsOf('b').concurrency).toEqual({ min: 2, max: 50 })
  })

  it.each([
    [{ min: 0, max: 5 }, 'from 1 to 10000'],
    [{ min: 3, max: 2 }, 'min must not be above max'],
    [{ min: 3 }, '"max" of concurrency of queue "mail" is missing'],
    [{ min: 1, max: 20_000 }, 'from 1 to 10000'],
    [{ min: 1, max: 2, mox: 3 }, 'unknown option "mox"'],
    [[1, 2], 'must be an object'],
    ['5', 'option "concurrency" of queue "mail" is string'],
  ])('refuses %j as concurrency', (concurrency, word) => {
    expect(problemsOf({ jobs, queues: { mail: { concurrency } } }).join('\n')).toContain(word)
  })

  it.each([[undefined], [null], [7], ['x'], [[]]])('refuses %s as options', (options) => {
    expect(problemsOf(options).length).toBeGreaterThan(0)
  })
})

describe('the database of the environment', () => {
  const read = [
    ['a runner', (options: object = {}) => readConfig({ jobs, ...options }).database],
    ['a client', (options: object = {}) => readClientConfig(options).database],
  ] as const

  it.each(read)('is that of %s that names none', (_, database) => {
    vi.stubEnv('DATABASE_URL', 'postgres://ann:secret@db/app')
    const server = { type: 'postgres', url: 'postgres://ann:***@db/app', database: 'postgres://ann:secret@db/app' }
    expect(database()).toMatchObject({ ...server, schema: 'millrace' })
    expect(database({ schema: 'jobs' })).toMatchObject({ ...server, schema: 'jobs' })
    expect(database({ database: undefined })).toMatchObject(server)
    expect(database({ database: 'sqlite:./own.db' })).toMatchObject({ type: 'sqlite', url: 'sqlite:./own.db' })
    vi.stubEnv('DATABASE_URL', 'postgresql://db/app')
    expect(database()).toMatchObject({ type: 'postgres' })
    vi.stubEnv('DATABASE_URL', 'sqlite:./shared.db')
    expect(database()).toMatchObject({ type: 'sqlite', url: 'sqlite:./shared.db' })
  })

  it.each(read)('is ignored by %s when it cannot hold jobs, and that is worth a warning', (_, database) => {
    vi.stubEnv('DATABASE_URL', 'mysql://root:secret@db/app')
    const settings = database()
    expect(settings).toMatchObject({ type: 'sqlite', url: 'sqlite:./millrace.db' })
    const remark = databaseRemark(settings)
    expect(remark).toMatchObject({ level: 'warn', code: 'database_url_ignored', args: ['mysql://root:***@db/app'] })
    expect(remark?.message).toMatch(/DATABASE_URL is "mysql:\/\/root:\*{3}@db\/app".*sqlite:\.\/millrace\.db/)
    expect(databaseRemark(database({ database: 'sqlite:./own.db' }))).toBeUndefined()
    vi.stubEnv('DATABASE_URL', '')
    expect(databaseRemark(database())).toBeUndefined()
  })

  it('does not stand in for one that is given but undefined in production', () => {
    vi.stubEnv('DATABASE_URL', 'postgres://db/app')
    vi.stubEnv('NODE_ENV', 'production')
    expect(problemsOf({ jobs, database: undefined })[0]).toContain('NODE_ENV')
    expect(readConfig({ jobs }).database).toMatchObject({ type: 'postgres' })
  })
})
