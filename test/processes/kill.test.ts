import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { aRunner } from '../support/runner.ts'
import { tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess, readRecord, type RecordedLine } from '../support/worker-process.ts'

const names = { work: { run: (_ms: number, _value: number) => {}, hold: () => {} } }

function aPlace() {
  const folder = tempFolder()
  return { url: `sqlite:${join(folder, 'jobs.db')}`, record: join(folder, 'record') }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN
}

/** From the death of a process to the next start of each job that it was running. */
function recoveries(lines: readonly RecordedLine[], kills: readonly { pid: number; at: number }[]): number[] {
  return kills.flatMap(({ pid, at }) => {
    const ended = new Set(lines.filter((line) => line.pid === pid && line.kind === 'end').map(({ id }) => id))
    const begun = new Set(lines.filter((line) => line.pid === pid && line.kind === 'start').map(({ id }) => id))
    return [...begun].flatMap((id) => {
      if (ended.has(id)) return []
      const next = lines.find((line) => line.id === id && line.kind === 'start' && line.pid !== pid && line.at >= at)
      return next === undefined ? [] : [next.at - at]
    })
  })
}

describe('kill -9', () => {
  it('twenty times among three workers on one file: every job that was stored ends once', async () => {
    const place = aPlace()
    const { runner } = aRunner(names, { database: place.url })
    const queues = { default: { concurrency: 8 } }
    const spawn = () => aWorkerProcess({ ...place, queues, start: {} })
    const workers = [await spawn(), await spawn(), await spawn()]
    const stored: string[] = []
    let isEnqueuing = true
    onTestFinished(() => void (isEnqueuing = false))
    const enqueuing = (async () => {
      for (let index = 0; isEnqueuing; index++) {
        const { id } = await runner.enqueue('work.run', [(index * 37) % 120, index], { maxAttempts: 50 })
        stored.push(id)
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    })()
    const kills: { pid: number; at: number }[] = []
    for (let round = 0; round < 20; round++) {
      const started = readRecord(place.record).length
      await eventually(() => readRecord(place.record).length >= started + 15)
      const victim = round % workers.length
      const worker = workers[victim]
      kills.push({ pid: worker?.child.pid ?? 0, at: Date.now() })
      await worker?.kill()
      workers[victim] = await spawn()
    }
    isEnqueuing = false
    await enqueuing
    await eventually(
      async () => (await runner.list({ state: ['scheduled', 'queued', 'running'], limit: 1 })).jobs.length === 0,
      { withinMs: 20_000 },
    )

    const lines = readRecord(place.record)
    const finished = new Set(lines.filter(({ kind }) => kind === 'end').map(({ id }) => id))
    const ended = new Map<string, string>()
    for (const state of ['completed', 'failed', 'cancelled'] as const) {
      for (let after: string | undefined, isLast = false; !isLast;) {
        const page = await runner.list({ state, limit: 1_000, after })
        for (const one of page.jobs) {
          expect(ended.has(one.id)).toBe(false)
          ended.set(one.id, one.state === 'failed' ? `failed ${one.error?.code}` : one.state)
          expect(one.attempt).toBeLessThanOrEqual(one.maxAttempts)
        }
        after = page.next
        isLast = after === undefined
      }
    }
    expect(stored.filter((id) => !ended.has(id))).toEqual([])
    expect(ended.size).toBe(stored.length)
    // A job that was there in three crashes is set aside; nothing else fails.
    const quarantined = [...ended.values()].filter((state) => state !== 'completed')
    expect(new Set(quarantined)).toEqual(new Set(quarantined.length === 0 ? [] : ['failed ERR_QUARANTINED']))
    expect([...ended].filter(([id, state]) => state === 'completed' && !finished.has(id))).toEqual([])

    const recoveryMs = recoveries(lines, kills).toSorted((a, b) => a - b)
    const figures = { jobs: stored.length, starts: lines.filter(({ kind }) => kind === 'start').length }
    const p50 = quantile(recoveryMs, 0.5)
    const p99 = quantile(recoveryMs, 0.99)
    process.stdout.write(
      `kill -9 x20: ${JSON.stringify({ ...figures, quarantined: quarantined.length, interrupted: recoveryMs.length, p50, p99 })}\n`,
    )
    expect(recoveryMs.length).toBeGreaterThan(0)
    expect(p50).toBeLessThan(3_000)
    expect(p99).toBeLessThan(15_000)
  }, 90_000)

  it('of the only worker: the next process on this host picks up at once', async () => {
    const place = aPlace()
    const { runner } = aRunner(names, { database: place.url })
    const worker = await aWorkerProcess({ ...place, start: {} })
    const { id } = await runner.enqueue('work.hold', [])
    await eventually(async () => (await runner.job(id))?.startedAt)
    await worker.kill()
    const second = await aWorkerProcess({ ...place, start: {} })
    const readyAt = Date.now()
    const again = await eventually(() => readRecord(place.record).find(({ pid }) => pid === second.child.pid))
    process.stdout.write(`picked up ${again.at - readyAt} ms after the next process was ready\n`)
    expect(again.at - readyAt).toBeLessThan(1_000)
    expect(await runner.job(id)).toMatchObject({ attempts: [{ error: { code: 'ERR_NODE_DIED' } }, {}] })
    expect(second.events.map(({ event }) => event)).toContain('node:rescue')
  }, 30_000)

  it('during enqueueAll: all of it is stored, or nothing', async () => {
    const place = aPlace()
    const { runner } = aRunner(names, { database: place.url })
    await runner.migrate()
    const counts: number[] = []
    for (let round = 0; round < 6; round++) {
      const enqueuer = await aWorkerProcess(place)
      const tag = `round-${round}`
      const jobs = Array.from({ length: 500 }, (_, index) => ['work.run', [0, index], { tags: [tag] }])
      const call = enqueuer.ask('enqueueAll', jobs).catch(() => {})
      await Promise.race([call, new Promise((resolve) => setTimeout(resolve, 4 + round * 7))])
      await enqueuer.kill()
      counts.push((await runner.list({ tag, limit: 1_000 })).jobs.length)
    }
    expect(counts.filter((count) => count !== 0 && count !== 500)).toEqual([])
  }, 40_000)

  it('during a stop: what it still held runs elsewhere, what it had given back is uncharged', async () => {
    const place = aPlace()
    const { runner } = aRunner(names, { database: place.url })
    const worker = await aWorkerProcess({ ...place, queues: { default: { concurrency: 2, prefetch: 3 } }, start: {} })
    const handles = await runner.enqueueAll(Array.from({ length: 5 }, () => ['work.hold', []] as const))
    await eventually(async () => (await runner.queues())[0]?.running === 5)
    await eventually(() => readRecord(place.record).length === 2)
    void worker.ask('stop', { timeout: '20s' }).catch(() => {})
    await eventually(async () => (await runner.queues())[0]?.running === 2)
    const givenBack = (await runner.list({ state: 'queued' })).jobs
    expect(givenBack.map(({ attempt }) => attempt)).toEqual([0, 0, 0])
    await worker.kill()
    const second = await aWorkerProcess({ ...place, start: {} })
    await eventually(() => {
      const begun = readRecord(place.record).filter(({ pid, kind }) => pid === second.child.pid && kind === 'start')
      return new Set(begun.map(({ id }) => id)).size === handles.length
    })
  }, 30_000)
})
