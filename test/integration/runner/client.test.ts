/** `createClient`: a producer without code, beside a runner that has it. */

import {
  ConfigurationError,
  createClient,
  currentJob,
  job,
  JobFailedError,
  type Client,
  type ClientOptions,
  type JobModules,
  type Runner,
} from 'millrace'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { aRunner, aWorker } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

/** The databases on which all this must hold: a name, and a function that answers the URL of a new one. */
const DATABASES: readonly (readonly [name: string, database: () => Promise<string>])[] = [
  ['SQLite', async () => tempDatabase().url],
  ['PostgreSQL', async () => (await postgresDatabase()).url],
]

interface User {
  readonly id: number
  readonly tenant: string
}

const settings = {
  queue: 'email',
  maxAttempts: 8,
  priority: -3,
  timeout: '30s',
  backoff: { base: '1s', factor: 2, max: '1m' },
  key: 'args[0].tenant',
} as const
const mailer = {
  add: (a: number, b: number) => a + b,
  welcome: job({ ...settings, aliases: ['mailer.hello'] }, async (user: User) => ({ messageId: `m-${user.id}` })),
  coded: job({ key: (user: User) => user.tenant, backoff: () => 5 }, (user: User) => user.id),
  fail: job({ maxAttempts: 1 }, (): void => {
    throw new Error('no')
  }),
}
const user: User = { id: 7, tenant: 'acme' }

/** A client for the jobs of `runner`, closed when the test ends. */
function clientOf<Jobs extends JobModules>(_runner: Runner<Jobs>, options: ClientOptions): Client<Jobs> {
  const client = createClient<Runner<Jobs>>(options) as Client<Jobs> // the jobs of that runner are these
  onTestFinished(() => client.close())
  return client
}

describe.each(DATABASES)('a client on %s', (_name, newDatabase) => {
  it('enqueues by name what a worker runs, and waits for what it answers', async () => {
    const database = await newDatabase()
    const { runner } = await aWorker({ mailer }, { database })
    const client = clientOf(runner, { database })
    const handle = await client.enqueue('mailer.add', [1, 2])
    expect(handle.status).toBe('created')
    expect(await handle.result({ timeout: '10s' })).toBe(3)
    const all = await client.enqueueAll([
      ['mailer.add', [3, 4]],
      ['mailer.welcome', [user]],
    ])
    expect(await Promise.all(all.map((one) => one.result()))).toEqual([7, { messageId: 'm-7' }])
    await expect((await client.enqueue('mailer.fail', [])).result()).rejects.toBeInstanceOf(JobFailedError)
  })

  it('fills in what the workers published, and lets the caller have the last word', async () => {
    const database = await newDatabase()
    const { runner } = await aWorker({ mailer }, { database, queues: { email: {} } })
    await runner.pause('email')
    const client = clientOf(runner, { database })
    const { id } = await client.enqueue('mailer.welcome', [user])
    expect(await client.job(id)).toMatchObject({ queue: 'email', maxAttempts: 8, priority: -3, key: 'acme' })
    const own = { queue: 'other', maxAttempts: 2, priority: 9, key: 'mine', delay: '1h' }
    const chosen = await client.enqueue('mailer.welcome', [user], own)
    expect(await client.job(chosen.id)).toMatchObject({ queue: 'other', maxAttempts: 2, priority: 9, key: 'mine' })
    await expect(client.enqueue('mailer.welcome', [{ id: 1 } as User])).rejects.toMatchObject({ code: 'ERR_BAD_KEY' })
  })

  it('goes on knowing it when the workers are gone, under old names too', async () => {
    const database = await newDatabase()
    const { runner } = await aWorker({ mailer }, { database })
    await runner.stop()
    // Old names are not among the types.
    const client = createClient({ database })
    onTestFinished(() => client.close())
    for (const name of ['mailer.welcome', 'mailer.hello'] as const) {
      const { id } = await client.enqueue(name, [user])
      expect(await client.job(id)).toMatchObject({ name, queue: 'email', key: 'acme', state: 'queued' })
    }
  })

  it('stores a name that no worker has published with the defaults', async () => {
    const database = await newDatabase()
    const client = createClient({ database })
    onTestFinished(() => client.close())
    const { id } = await client.enqueue('mailer.welcome', [user], { maxAttempts: 2 })
    expect(await client.job(id)).toMatchObject({ queue: 'default', maxAttempts: 2, priority: 0, key: null })
    const { runner } = await aWorker({ mailer }, { database })
    expect(await runner.result(id, { timeout: '10s' })).toEqual({ messageId: 'm-7' })
  })

  it('refuses a job whose key or backoff is code, unless the value is passed', async () => {
    const database = await newDatabase()
    const { runner } = await aWorker({ mailer }, { database })
    const client = clientOf(runner, { database })
    const backoff = { base: '1s' }
    const refused = (option: string) => ({
      code: 'ERR_BAD_OPTIONS',
      message: expect.stringContaining(`pass the option "${option}"`),
    })
    await expect(client.enqueue('mailer.coded', [user])).rejects.toMatchObject(refused('key'))
    await expect(client.enqueue('mailer.coded', [user], { key: 'k' })).rejects.toMatchObject(refused('backoff'))
    const handle = await client.enqueue('mailer.coded', [user], { key: 'k', backoff })
    expect(await handle.result()).toBe(7)
    expect(await client.job(handle.id)).toMatchObject({ key: 'k' })
  })

  it('looks at jobs and operates on them, in whichever process they run', async () => {
    const database = await newDatabase()
    const started = gate()
    const stopped = gate()
    const work = {
      wait: async () => {
        const { signal } = currentJob()
        signal.addEventListener('abort', () => stopped.open())
        started.open()
        await stopped.passed
        signal.throwIfAborted()
      },
    }
    const { runner } = await aWorker({ mailer, work }, { database })
    const client = clientOf(runner, { database })
    // A worker that has been idle for a while looks for orders less often; a job must not wait for that.
    const since = performance.now()
    await eventually(() => performance.now() - since > 1_500)
    const { id } = await client.enqueue('work.wait', [])
    await started.passed
    expect(await client.cancel(id)).toEqual({ cancelled: 1, skipped: [] })
    const cancelledAt = performance.now()
    await stopped.passed
    expect(performance.now() - cancelledAt).toBeLessThan(2_000)
    await eventually(async () => (await client.job(id))?.state === 'cancelled')
    await client.pause('default')
    const waiting = await client.enqueue('mailer.add', [1, 1])
    expect(await client.explain(waiting.id)).toMatchObject({ state: 'queued', waiting: 'paused' })
    const queues = await client.queues()
    expect(queues.find(({ name }) => name === 'default')).toMatchObject({ paused: true, concurrency: 0, depth: 1 })
    expect((await client.list({ state: 'queued' })).jobs.map((one) => one.id)).toEqual([waiting.id])
    await client.resume('default')
    expect(await waiting.result()).toBe(2)
    expect(await client.retry({ state: 'cancelled' })).toMatchObject({ retried: 1 })
    expect(await client.delete(waiting.id)).toMatchObject({ deleted: 1 })
    await client.close()
    await expect(client.job(id)).rejects.toMatchObject({ code: 'ERR_RUNNER_CLOSED' })
  })
})

describe('createClient', () => {
  it('opens nothing before the first use', async () => {
    const client = createClient({ database: 'sqlite:/does/not/exist/jobs.db' })
    await client.close()
    await client.close()
  })

  it('lists every problem of its options at once', () => {
    const options = { database: 'mysql://x', durability: 'never', jobs: {} } as unknown as ClientOptions // wrong on purpose
    const make = (): unknown => createClient(options)
    expect(make).toThrow(ConfigurationError)
    expect(make).toThrow(/createClient[^]*"jobs"[^]*never[^]*mysql|createClient[^]*mysql[^]*never/)
    vi.stubEnv('NODE_ENV', 'production')
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(() => createClient({ database: undefined })).toThrow(/createClient is given but undefined/)
  })

  it('refuses functions and what is no name', async () => {
    const client = createClient({ database: tempDatabase().url })
    onTestFinished(() => client.close())
    const untyped = client as unknown as { enqueue(target: unknown, args: unknown): Promise<unknown> }
    await expect(untyped.enqueue(mailer.add, [1, 2])).rejects.toMatchObject({ code: 'ERR_UNREGISTERED_FUNCTION' })
    await expect(untyped.enqueue('no name', [])).rejects.toMatchObject({ code: 'ERR_UNKNOWN_JOB' })
    await expect(untyped.enqueue('mailer.add', 7)).rejects.toMatchObject({ code: 'ERR_ARGS_INVALID' })
  })
})

describe('wake', () => {
  it('lets workers of this and of other processes look at once', async () => {
    const database = tempDatabase().url
    const here = await aWorker({ mailer }, { database })
    const there = aRunner({ mailer }, { database })
    await here.runner.wake()
    await there.runner.wake()
    const client = clientOf(here.runner, { database })
    await eventually(() => here.runner.inspect().worker !== null)
    const claims = here.trace.of('claimer.claim').length
    await client.wake()
    await eventually(() => here.trace.of('claimer.claim').length > claims, { withinMs: 900 })
  })
})
