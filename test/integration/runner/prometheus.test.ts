/** The metrics of a runner for Prometheus agree with what happened, and with what the API says. */

import { currentJob, job, snooze } from 'millrace'
import { healthOf, probeHandler, prometheusText, PROMETHEUS_TYPE } from 'millrace/telemetry'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { readMetrics, type ReadMetrics } from '../../support/prometheus.ts'
import { aRunner, aWorker } from '../../support/runner.ts'

const DATABASES: readonly (readonly [string, () => Promise<{ database?: string }>])[] = [
  ['SQLite', async () => ({})],
  ['PostgreSQL', async () => ({ database: (await postgresDatabase()).url })],
]

const work = {
  good: () => 1,
  bad: job({ maxAttempts: 2, backoff: { base: 1, factor: 1, max: 1 } }, () => {
    throw new Error('bad')
  }),
  later: () => (currentJob().attempt === 1 ? snooze('1h') : 1),
}

const scrape = async (runner: Parameters<typeof prometheusText>[0]): Promise<ReadMetrics> =>
  readMetrics(await prometheusText(runner))

describe.each(DATABASES)('prometheusText on %s', (_name, database) => {
  it('tells attempts and times by queue and name, as the API does', async () => {
    const { runner } = await aWorker({ work }, await database())
    const jobs = await runner.enqueueAll([
      ['work.good', []],
      ['work.good', []],
      ['work.good', [], { queue: 'other' }],
      ['work.bad', []],
    ])
    await runner.enqueue('work.later', [])
    await Promise.all(jobs.map((handle) => handle.result().catch(() => {})))
    await eventually(async () => (await runner.metrics()).total.attempts === 6)
    const metrics = await scrape(runner)
    const attempts = (queue: string, name: string, outcome: string): number =>
      metrics.value('millrace_attempts_total', { queue, name, outcome })
    expect(attempts('default', 'work.good', 'completed')).toBe(2)
    expect(attempts('default', 'work.good', 'failed')).toBe(0)
    expect(attempts('other', 'work.good', 'completed')).toBe(1)
    expect(attempts('default', 'work.bad', 'retry')).toBe(1)
    expect(attempts('default', 'work.bad', 'failed')).toBe(1)
    expect(attempts('default', 'work.later', 'snoozed')).toBe(1)
    const { total } = await runner.metrics()
    const all = metrics.family('millrace_attempts_total').samples.reduce((sum, { value }) => sum + value, 0)
    expect(all).toBe(total.attempts)
    for (const name of ['millrace_attempt_run_seconds', 'millrace_attempt_wait_seconds']) {
      const { samples } = metrics.family(name)
      expect(samples.find(({ labels }) => labels['name'] === 'work.bad')).toMatchObject({
        labels: { queue: 'default', name: 'work.bad' },
        count: 2,
      })
      expect(samples.reduce((sum, { count }) => sum + count, 0)).toBe(total.attempts)
    }
    const enqueued = { queue: 'default', name: 'work.good', status: 'created' }
    expect(metrics.value('millrace_enqueued_total', enqueued)).toBe(2)
  })

  it('tells of the queues and nodes what is in the store', async () => {
    const held = gate()
    const begun = gate()
    const hold = (): Promise<void> => {
      begun.open()
      return held.passed
    }
    const options = { ...(await database()), queues: { default: { concurrency: 1, prefetch: 0 } } }
    const { runner } = await aWorker({ work: { hold } }, options)
    await runner.enqueue('work.hold', [])
    await begun.passed
    await runner.enqueueAll([
      ['work.hold', []],
      ['work.hold', [], { delay: '1h' }],
    ])
    await runner.pause('paused')
    const metrics = await eventually(async () => {
      const read = await scrape(runner)
      return read.value('millrace_queue_oldest_age_seconds', { queue: 'default' }) > 0 && read
    })
    const queue = { queue: 'default' }
    expect(metrics.value('millrace_queue_depth', queue)).toBe(1)
    expect(metrics.value('millrace_queue_scheduled', queue)).toBe(1)
    expect(metrics.value('millrace_queue_running', queue)).toBe(1)
    expect(metrics.value('millrace_queue_paused', queue)).toBe(0)
    expect(metrics.value('millrace_queue_paused', { queue: 'paused' })).toBe(1)
    expect(metrics.value('millrace_queue_wanted_replicas', queue)).toBe(2)
    expect(await runner.wantedReplicas()).toEqual(
      Object.fromEntries(
        metrics.family('millrace_queue_wanted_replicas').samples.map(({ labels, value }) => [labels['queue'], value]),
      ),
    )
    expect(metrics.value('millrace_nodes', { state: 'alive' })).toBe(1)
    expect(metrics.value('millrace_worker_handlers')).toBe(1)
    expect(metrics.value('millrace_worker_running')).toBe(1)
    expect(metrics.value('millrace_store_up')).toBe(1)
    held.open()
  })
})

describe('prometheusText', () => {
  it('is valid before anything happened, and has all counters of reliability at 0', async () => {
    const { runner } = aRunner({ work })
    const metrics = await scrape(runner)
    expect(metrics.value('millrace_worker_running')).toBe(0)
    const { counters } = runner.inspect()
    const families = metrics.families.filter(({ name, type }) => type === 'COUNTER' && !/attempts|enqueued/.test(name))
    const samples = families.flatMap((family) => family.samples)
    // Each counter is a sample, and nothing else is.
    expect(samples).toHaveLength(Object.keys(counters).length)
    expect(samples.every(({ value }) => value === 0)).toBe(true)
  })

  it('shows that handlers were interrupted and jobs handed back', async () => {
    const begun = gate()
    const wait = (): Promise<void> =>
      new Promise((_resolve, reject) => {
        const { signal } = currentJob()
        signal.addEventListener('abort', () => reject(signal.reason as Error))
        begun.open()
      })
    const { runner } = await aWorker({ work: { wait } })
    await runner.enqueue('work.wait', [])
    await begun.passed
    await runner.stop({ timeout: 0 })
    const metrics = await scrape(runner)
    expect(metrics.value('millrace_interrupted_jobs_total')).toBe(1)
    expect(metrics.value('millrace_given_back_jobs_total')).toBe(1)
    expect(runner.inspect().counters).toMatchObject({ interrupted: 1, givenBack: 1, surplusJobs: 0 })
  })

  it('has a bounded number of series, however many queues there are', { timeout: 60_000 }, async () => {
    const { runner } = aRunner({ work })
    for (let batch = 0; batch < 12; batch++) {
      const entries = Array.from({ length: 100 }, (_, index) => {
        const queue = `q${batch}-${index}`
        return ['work.good', [], { queue }] as const
      })
      await runner.enqueueAll(entries)
    }
    const metrics = await scrape(runner)
    const { samples } = metrics.family('millrace_queue_depth')
    expect(samples).toHaveLength(1_001)
    expect(samples.reduce((sum, { value }) => sum + value, 0)).toBe(1_200)
    expect(metrics.value('millrace_queue_depth', { queue: '(other)' })).toBe(200)
    const enqueued = metrics.family('millrace_enqueued_total').samples
    expect(enqueued.length).toBeLessThanOrEqual(1_001)
    expect(enqueued.reduce((sum, { value }) => sum + value, 0)).toBe(1_200)
  })

  it('answers one text to all who ask at a time', async () => {
    const { runner } = aRunner({ work })
    const [one, other] = [prometheusText(runner), prometheusText(runner)]
    expect(one).toBe(other)
    await one
    const third = prometheusText(runner)
    expect(third).not.toBe(one)
    await third
  })

  it('refuses what is no runner', () => {
    // A caller without types.
    const something = {} as Parameters<typeof prometheusText>[0]
    expect(() => prometheusText(something)).toThrow(expect.objectContaining({ code: 'ERR_NO_TELEMETRY' }) as Error)
  })
})

describe('probeHandler', () => {
  const ask = async (
    runner: Parameters<typeof probeHandler>[0],
    path: string,
    method = 'GET',
  ): Promise<{ status: number; type: string | null; body: string }> => {
    const answer = await probeHandler(runner)(new Request(`http://example.org${path}`, { method }))
    return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() }
  }

  it('answers below any path, and nothing but what it knows', async () => {
    const { runner } = await aWorker({ work })
    expect(await ask(runner, '/livez')).toMatchObject({ status: 200, body: '{"live":true}\n' })
    expect(await ask(runner, '/jobs/readyz?verbose')).toMatchObject({ status: 200, body: '{"ready":true}\n' })
    const metrics = await ask(runner, '/internal/metrics')
    expect(metrics).toMatchObject({ status: 200, type: PROMETHEUS_TYPE })
    expect(readMetrics(metrics.body).value('millrace_store_up')).toBe(1)
    expect(await ask(runner, '/livez', 'HEAD')).toMatchObject({ status: 200, body: '' })
    expect(await ask(runner, '/')).toMatchObject({ status: 404 })
    expect(await ask(runner, '/livez', 'POST')).toMatchObject({ status: 405 })
  })

  it('tells scalers how many processes the queues could use, and why, also of queues that were never used', async () => {
    const { runner } = aRunner({ work }, { queues: { mail: { concurrency: { min: 1, max: 2 } } } })
    await runner.enqueueAll(Array.from({ length: 5 }, () => ['work.good', [], { queue: 'mail' }] as const))
    const { status, type, body } = await ask(runner, '/scaling')
    expect({ status, type }).toEqual({ status: 200, type: 'application/json' })
    const reason =
      '5 jobs wait, 0 run, and none ended in the last minute: 5 at the same time would do, and a process runs 2'
    expect(JSON.parse(body)).toEqual({
      wantedReplicas: 3,
      queues: {
        mail: {
          ...{ wantedReplicas: 3, reason, depth: 5, running: 0 },
          ...{ oldestAgeMs: expect.any(Number) as number, rate: 0, paused: false },
        },
        default: expect.objectContaining({ wantedReplicas: 0, reason: 'nothing waits, and nothing runs' }) as object,
      },
    })
    expect(
      readMetrics((await ask(runner, '/metrics')).body).value('millrace_queue_wanted_replicas', { queue: 'mail' }),
    ).toBe(3)
  })

  it('is not ready before the start and after the stop, and lives all the time', async () => {
    const { runner } = aRunner({ work })
    expect(await healthOf(runner)).toEqual({ isLive: true, isReady: false, reasons: ['the runner is idle'] })
    await runner.start()
    expect(await healthOf(runner)).toEqual({ isLive: true, isReady: true, reasons: [] })
    await runner.stop()
    expect(await ask(runner, '/readyz')).toMatchObject({ status: 503, body: expect.stringContaining('idle') as string })
    expect(await ask(runner, '/livez')).toMatchObject({ status: 200 })
  })

  it('is neither ready nor live while too many handlers are stuck', async () => {
    const release = gate()
    const ignore = job({ timeout: 20, maxAttempts: 1 }, () => release.passed)
    const { runner } = await aWorker({ work: { ignore } }, { stuckLimit: 1 })
    await runner.enqueue('work.ignore', [])
    await eventually(async () => (await ask(runner, '/livez')).status === 503, { withinMs: 20_000 })
    const { status, body } = await ask(runner, '/readyz')
    expect({ status, body }).toMatchObject({ status: 503, body: expect.stringContaining('1 handlers') as string })
    release.open()
    await eventually(async () => (await healthOf(runner)).isLive)
  })
})
