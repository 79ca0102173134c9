import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

import {
  consoleNotifier,
  createClient,
  createRunner,
  discard,
  job,
  JobFailedError,
  webhookNotifier,
  type DeadLetter,
} from 'millrace'
import { describe, expect, it, onTestFinished, vi } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

const work = {
  run: (value: unknown) => value,
  fail: job({ maxAttempts: 1 }, (message: string) => {
    throw new TypeError(message)
  }),
  flaky: job({ maxAttempts: 2, backoff: () => 0 }, (message: string) => {
    throw new RangeError(message)
  }),
  give: () => discard('no use'),
}

const DATABASES = [
  ['SQLite', async () => tempDatabase().url],
  ['PostgreSQL', async () => (await postgresDatabase()).url],
] as const

/** Lets jobs fail, each with its own message, and waits until they have. */
async function fail(
  runner: Awaited<ReturnType<typeof aWorker<{ work: typeof work }>>>['runner'],
  ...messages: readonly string[]
): Promise<string[]> {
  const handles = await Promise.all(messages.map((message) => runner.enqueue(work.fail, [message])))
  for (const handle of handles) await expect(handle.result()).rejects.toThrow(JobFailedError)
  return handles.map(({ id }) => id)
}

describe.each(DATABASES)('dead letters on %s', (_name, database) => {
  it('keep what their node knew in the moment in which they failed', async () => {
    const { runner } = await aWorker({ work }, { database: await database() })
    const [, second = ''] = await fail(runner, 'one', 'two')
    const dead = await runner.job(second)
    const positive = expect.any(Number)
    expect(dead).toMatchObject({
      state: 'failed',
      error: { name: 'TypeError', message: 'two' },
      fingerprint: expect.stringMatching(/^[\da-f]{16}$/),
      attempts: [{ attempt: 1, error: { message: 'two', stack: expect.any(String) } }],
      forensics: {
        node: {
          id: dead?.attempts[0]?.node,
          pid: process.pid,
          nodeVersion: process.version,
          version: expect.any(String),
        },
        load: { averages: [positive, positive, positive], cpus: positive, loopLagMs: positive },
        memory: { residentBytes: positive, heapUsedBytes: positive, heapLimitBytes: positive, totalBytes: positive },
        held: { jobs: positive, handlers: positive, stuck: 0, outbox: positive },
        timing: { waitMs: positive, runMs: positive, ageMs: positive },
      },
    })
    expect(dead?.forensics?.queues[0]).toMatchObject({ queue: 'default', concurrency: 10 })
    const { jobs } = await runner.dead.list()
    expect(jobs.find(({ id }) => id === second)).toEqual(dead)
  })

  it('are grouped by job and by error, and retried group by group', async () => {
    const { runner } = await aWorker({ work }, { database: await database() })
    await fail(runner, 'order 17 is gone', 'order 4711 is gone', 'order 5 is gone')
    const other = await runner.enqueue('work.give', [])
    await expect(other.result()).rejects.toThrow('no use')
    const groups = await runner.dead.groups()
    expect(groups).toMatchObject([
      { name: 'work.give', errorName: 'JobDiscardedError', message: 'no use', count: 1, lastId: other.id },
      { name: 'work.fail', errorName: 'TypeError', count: 3, message: expect.stringMatching(/^order \d+ is gone$/) },
    ])
    const [, group] = groups
    if (group === undefined) throw new Error('there are two groups')
    expect(group.firstAt.getTime()).toBeLessThanOrEqual(group.lastAt.getTime())
    expect((await runner.dead.list({ fingerprint: group.fingerprint })).jobs).toHaveLength(3)
    await runner.pause('default')
    expect(await runner.dead.retry({ fingerprint: group.fingerprint })).toEqual({
      retried: 3,
      skipped: [],
      lastInMs: 0,
    })
    expect(await runner.dead.groups()).toMatchObject([{ name: 'work.give' }])
    expect(await runner.dead.groups({ name: 'work.fail' })).toEqual([])
    expect((await runner.list({ state: 'queued' })).jobs).toHaveLength(3)
  })

  it('counts every attempt that failed, also of jobs that wait for the next one', async () => {
    const { runner } = await aWorker({ work }, { database: await database() })
    const handle = await runner.enqueue(work.flaky, ['try 1'])
    await expect(handle.result()).rejects.toThrow('try 1')
    await fail(runner, 'x')
    expect(await runner.errors({ name: 'work.flaky' })).toMatchObject([
      { name: 'work.flaky', errorName: 'RangeError', count: 2, lastId: handle.id, firstAt: expect.any(Date) },
    ])
    expect(await runner.errors({ since: '1h' })).toHaveLength(2)
    expect((await runner.dead.groups()).map(({ count }) => count)).toEqual([1, 1])
    const [last] = (await runner.dead.list({ name: 'work.flaky' })).jobs
    expect(last?.forensics?.recentErrors).toMatchObject([{ id: handle.id, attempt: 1, message: 'try 1' }])
  })

  it('become due one after the other, with a rate', async () => {
    const { runner } = await aWorker({ work }, { database: await database() })
    await fail(runner, ...Array.from({ length: 30 }, (_, index) => `message ${index}`))
    await runner.pause('default')
    const begun = Date.now()
    const answer = await runner.dead.retry({}, { rate: { limit: 10, per: '1m' } })
    expect(answer).toMatchObject({ retried: 30, skipped: [] })
    expect(Math.abs(answer.lastInMs - 29 * 6_000)).toBeLessThan(3_000)
    const { jobs } = await runner.list({ name: 'work.fail' })
    const due = jobs.map(({ dueAt }) => Math.round((dueAt.getTime() - begun) / 6_000)).sort((a, b) => a - b)
    expect(due).toEqual(Array.from({ length: 30 }, (_, index) => index))
  })

  it('are dropped, and exported as lines of JSON', async () => {
    const { runner } = await aWorker({ work }, { database: await database() })
    // Without a throw: stacks are dear in tests.
    const handles = await runner.enqueueAll(Array.from({ length: 250 }, () => [work.give, []] as const))
    const ids = handles.map(({ id }) => id)
    await eventually(async () => (await runner.dead.list({ limit: 1000 })).jobs.length === 250)
    const lines: string[] = []
    for await (const line of runner.dead.export()) lines.push(line)
    expect(lines.every((line) => line.endsWith('}\n') && line.indexOf('\n') === line.length - 1)).toBe(true)
    const exported = lines.map((line) => JSON.parse(line) as DeadLetter)
    expect(exported.map(({ id }) => id)).toEqual(ids.sort().reverse())
    expect(exported[0]).toMatchObject({ name: 'work.give', args: [], forensics: { held: {} } })
    expect(await runner.dead.drop(ids[0] ?? '')).toEqual({ dropped: 1, skipped: [] })
    expect(await runner.dead.drop({ name: 'work.give' })).toEqual({ dropped: 249, skipped: [] })
    expect((await runner.dead.list()).jobs).toEqual([])
  })

  it('are in the audit with who ordered it and why, one entry for each call', async () => {
    const { runner } = await aWorker({ work }, { database: await database() })
    const [id = ''] = await fail(runner, 'a', 'b', 'c')
    await runner.pause('default')
    await runner.dead.drop(id, { by: 'ana', reason: 'paid by hand' })
    await runner.dead.retry({ name: 'work.fail' }, { rate: { limit: 1, per: '1h' }, by: 'ben' })
    await runner.dead.retry({})
    const entries = await runner.audit()
    expect(entries.map(({ action }) => action).sort()).toEqual(['delete', 'pause', 'retry'])
    expect(entries.find(({ action }) => action === 'delete')).toMatchObject({
      by: 'ana',
      reason: 'paid by hand',
      target: { ids: [id] },
      jobs: 1,
    })
    expect(entries.find(({ action }) => action === 'retry')).toMatchObject({
      by: 'ben',
      reason: null,
      target: { filter: { name: 'work.fail', states: ['failed'] } },
      jobs: 2,
    })
  })

  it('are told to onDeadLetter, once each', async () => {
    const told: DeadLetter[] = []
    const { runner } = await aWorker(
      { work },
      { database: await database(), onDeadLetter: (dead) => void told.push(dead) },
    )
    const events = eventsOf(runner, 'notice:stop')
    const ids = await fail(runner, 'a', 'b', 'c', 'd', 'e', 'f')
    await eventually(() => events.length === 6)
    expect(told.map(({ id }) => id).sort()).toEqual(ids.sort())
    expect(told[0]).toMatchObject({ name: 'work.fail', error: { name: 'TypeError' }, state: 'failed', forensics: {} })
    expect(events[0]?.payload).toMatchObject({ name: 'work.fail', queue: 'default', attempt: 1 })
  })

  it('are told by another process where the one that failed them has no onDeadLetter', async () => {
    const url = await database()
    const told = gate<DeadLetter>()
    await aWorker({}, { database: url, onDeadLetter: told.open })
    const { runner } = await aWorker({ work }, { database: url })
    const [id] = await fail(runner, 'a')
    expect(await told.passed).toMatchObject({ id })
  })

  it('can be looked after by a client', async () => {
    const url = await database()
    const { runner } = await aWorker({ work }, { database: url })
    await fail(runner, 'a')
    await runner.pause('default')
    const client = createClient<typeof runner>({ database: url })
    onTestFinished(() => client.close())
    expect(await client.dead.groups()).toMatchObject([{ name: 'work.fail', count: 1 }])
    expect(await client.errors()).toMatchObject([{ count: 1 }])
    expect(await client.dead.retry({})).toMatchObject({ retried: 1 })
  })
})

describe('dead.retry', () => {
  it('leaves jobs alone that are no dead letters', async () => {
    const { runner } = await aWorker({ work })
    const done = await runner.enqueue(work.run, [1])
    await done.result()
    const waiting = await runner.enqueue(work.run, [1], { delay: '1h' })
    await runner.cancel(waiting.id)
    expect(await runner.dead.retry(waiting.id)).toEqual({
      retried: 0,
      skipped: [{ id: waiting.id, reason: 'cancelled' }],
      lastInMs: 0,
    })
    expect(await runner.dead.drop(done.id)).toEqual({ dropped: 0, skipped: [{ id: done.id, reason: 'completed' }] })
    expect(await runner.dead.drop('00000000-0000-4000-8000-000000000000')).toMatchObject({
      skipped: [{ reason: 'unknown' }],
    })
    expect(await runner.dead.retry({})).toMatchObject({ retried: 0 })
    expect((await runner.job(waiting.id))?.state).toBe('cancelled')
  })

  it('ends between chunks when its signal fires', async () => {
    const { runner } = await aWorker({ work })
    await fail(runner, 'a')
    await expect(runner.dead.retry({}, { signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough')
    expect((await runner.dead.list()).jobs).toHaveLength(1)
  })

  it.each([
    ['an unknown option', () => [{}, { rates: 1 }], /rates.*did you mean "rate"/],
    ['a rate without a time', () => [{}, { rate: { limit: 5 } }], /needs a limit and a time/],
    ['a rate of nothing', () => [{}, { rate: { limit: 0, per: '1s' } }], /from 1 to/],
    ['nobody', () => [{}, { by: ' ' }], /option "by" of dead\.retry must be a text/],
    ['a state', () => [{ state: 'cancelled' }], /no option "state"/],
    ['no filter', () => [undefined], /takes an id or a filter/],
  ])('refuses %s', async (_what, args, message) => {
    const { runner } = aRunner({ work })
    const { retry } = runner.dead as unknown as { retry: (...args: readonly unknown[]) => Promise<unknown> }
    await expect(retry.apply(runner.dead, args())).rejects.toThrow(message)
  })
})

describe('onDeadLetter', () => {
  it('is called again when it fails, and neither fails nor delays the job', async () => {
    let calls = 0
    const { runner } = await aWorker(
      { work },
      {
        onDeadLetter: () => {
          calls += 1
          if (calls === 1) throw new Error('no pager')
        },
      },
    )
    const events = eventsOf(runner, 'notice:stop', 'notice:exception')
    const [id] = await fail(runner, 'a')
    await eventually(() => events.length === 2)
    expect(events).toMatchObject([
      { name: 'notice:exception', payload: { id, attempt: 1, outcome: 'retry', error: { message: 'no pager' } } },
      { name: 'notice:stop', payload: { id, attempt: 2 } },
    ])
  })

  it('gets a signal that fires when the worker stops, and is called again by the next one', async () => {
    const { url } = tempDatabase()
    const begun = gate<AbortSignal>()
    const first = await aWorker(
      { work },
      {
        database: url,
        onDeadLetter: (_dead, { signal }) => {
          begun.open(signal)
          return new Promise(() => {})
        },
      },
    )
    const [id] = await fail(first.runner, 'a')
    const signal = await begun.passed
    expect(signal.aborted).toBe(false)
    await first.runner.stop()
    expect(signal.aborted).toBe(true)
    const told = gate<DeadLetter>()
    await aWorker({ work }, { database: url, onDeadLetter: told.open })
    expect(await told.passed).toMatchObject({ id })
  })

  it('does not tell of what failed before anybody wanted to be told', async () => {
    const { url } = tempDatabase()
    const first = await aWorker({ work }, { database: url })
    await fail(first.runner, 'old')
    await first.runner.stop()
    const told: string[] = []
    const { runner } = await aWorker(
      { work },
      { database: url, onDeadLetter: ({ error }) => void told.push(error.message) },
    )
    await fail(runner, 'new')
    await eventually(() => told.length > 0)
    expect(told).toEqual(['new'])
  })

  it('must be a function', () => {
    // @ts-expect-error -- what a user without types may write
    expect(() => createRunner({ jobs: {}, onDeadLetter: 'pager' })).toThrow(/"onDeadLetter" of createRunner is string/)
  })
})

describe('webhookNotifier', () => {
  /** A server that answers what it is told, and notes what it got. */
  async function aReceiver(answers: readonly number[]) {
    const requests: { readonly headers: IncomingHttpHeaders; readonly body: string }[] = []
    const left = [...answers]
    const server = createServer((request, response) => {
      let body = ''
      request.on('data', (part: Buffer) => (body += part.toString()))
      request.on('end', () => {
        requests.push({ headers: request.headers, body })
        const status = left.shift() ?? 204
        response.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:1/' } : {}).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
    // Listening on TCP it has an address of this kind.
    const { port } = server.address() as AddressInfo
    return { requests, url: `http://127.0.0.1:${port}/hook?token=s3cret` }
  }

  it('sends each dead letter with a signature, again with the same key when it is refused', async () => {
    const { requests, url } = await aReceiver([500])
    const { runner } = await aWorker(
      { work },
      { onDeadLetter: webhookNotifier({ url, secret: 'shared', headers: { authorization: 'Bearer t' } }) },
    )
    const [id] = await fail(runner, 'bad\u001b[31m luck')
    await eventually(() => requests.length === 2)
    const [first, second] = requests
    const dead = await runner.job(id ?? '')
    expect(JSON.parse(first?.body ?? '')).toEqual({
      text: `work.fail failed for good (attempt 1 of 1, queue default, id ${id}): TypeError: bad [31m luck`,
      id,
      name: 'work.fail',
      queue: 'default',
      key: null,
      attempt: 1,
      maxAttempts: 1,
      error: { name: 'TypeError', message: 'bad\u001b[31m luck' },
      fingerprint: dead?.fingerprint,
      endedAt: dead?.endedAt?.toISOString(),
    })
    const signature = createHmac('sha256', 'shared')
      .update(first?.body ?? '')
      .digest('hex')
    expect(first?.headers).toMatchObject({
      'content-type': 'application/json',
      'millrace-signature': `sha256=${signature}`,
      'idempotency-key': `${id}/${dead?.endedAt?.getTime()}`,
      authorization: 'Bearer t',
    })
    expect(second?.body).toBe(first?.body)
    expect(second?.headers['idempotency-key']).toBe(first?.headers['idempotency-key'])
  })

  it('sends what its template makes, follows no redirect, and names neither path nor token in its errors', async () => {
    const { requests, url } = await aReceiver([302, 404])
    const notify = webhookNotifier({ url, template: ({ name }) => `${name} is dead` })
    const dead = { id: 'x', name: 'work.fail', endedAt: new Date(5) } as DeadLetter
    await expect(notify(dead)).rejects.toThrow('fetch failed')
    await expect(notify(dead)).rejects.toThrow(/^the webhook at http:\/\/127\.0\.0\.1:\d+ answered 404$/)
    await notify(dead)
    expect(requests.map(({ body }) => body)).toEqual(['work.fail is dead', 'work.fail is dead', 'work.fail is dead'])
    expect(requests[0]?.headers['content-type']).toMatch(/^text\/plain/)
  })

  it('gives up waiting for an answer', async () => {
    const server = createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const { port } = server.address() as AddressInfo
    const notify = webhookNotifier({ url: `http://127.0.0.1:${port}`, timeout: '50ms' })
    await expect(notify({ id: 'x', name: 'n', error: {}, endedAt: new Date(0) } as DeadLetter)).rejects.toThrow(
      'no answer within 50 ms',
    )
  })

  it('names every wrong option at once, and no address', () => {
    const wrong = { url: 'ftp://user:secret@example.org', secret: '', timeout: 'soon', templates: 1 }
    const make = (): unknown => webhookNotifier(wrong as unknown as Parameters<typeof webhookNotifier>[0])
    expect(make).toThrow(/has 4 problems/)
    expect(make).not.toThrow(/user:secret/)
  })
})

describe('consoleNotifier', () => {
  it('writes a line to standard error, with nothing that a terminal obeys', () => {
    const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
    onTestFinished(() => write.mockRestore())
    const dead = {
      ...{ id: 'x', name: 'mail.send', queue: 'mail', attempt: 3, maxAttempts: 3 },
      error: { name: 'Error', message: 'no\n\u001b[2Janswer' },
    } as DeadLetter
    consoleNotifier()(dead)
    consoleNotifier({ template: ({ name }) => `look after ${name}` })(dead)
    expect(write.mock.calls.map(([text]) => text)).toEqual([
      'millrace error: mail.send failed for good (attempt 3 of 3, queue mail, id x): no [2Janswer\n',
      'millrace error: look after mail.send\n',
    ])
  })
})
