import { describe, expect, it } from 'vitest'

import { aClaimedJob } from '../../test/support/factories.ts'
import { testHost } from '../../test/support/test-host.ts'
import type { HeldJob, ProgressNote } from '../store/store.ts'
import { currentJob, type CurrentJob } from '../job/current-job.ts'
import { RunningJobs, type StopReason } from './running-jobs.ts'

function someRunningJobs() {
  const host = testHost()
  const marks: HeldJob[][] = []
  const notes: ProgressNote[][] = []
  const stuck: number[] = []
  const running = new RunningJobs(host, {
    markStarted: (held) => marks.push([...held]),
    recordProgress: (news) => notes.push([...news]),
    onStuck: (_run, count) => stuck.push(count),
    graceMs: 5_000,
  })
  return { clock: host.clock, running, marks, notes, stuck }
}

const NEVER: (reason: StopReason) => void = () => {}
const STOP = new DOMException('stop', 'AbortError')

describe('RunningJobs', () => {
  it('writes down in one batch which jobs still run after 250 ms, and no quick one', async () => {
    const { running, clock, marks } = someRunningJobs()
    const [quick, slow, other] = [aClaimedJob(), aClaimedJob(), aClaimedJob()]
    const quickRun = running.begin(quick, { timeoutMs: 60_000, isMarked: false }, NEVER)
    running.begin(slow, { timeoutMs: 60_000, isMarked: false }, NEVER)
    running.begin(other, { timeoutMs: 60_000, isMarked: false }, NEVER)
    await clock.advance(100)
    running.end(quickRun)
    await clock.advance(149)
    expect(marks).toEqual([])
    await clock.advance(1)
    expect(marks.length).toBe(1)
    expect(new Set(marks[0])).toEqual(new Set([slow, other].map(({ id, lease }) => ({ id, lease }))))
    await clock.advance(10_000)
    expect(marks.length).toBe(1)
  })

  it('does not write down again what was marked before its start', async () => {
    const { running, clock, marks } = someRunningJobs()
    running.begin(aClaimedJob(), { timeoutMs: 60_000, isMarked: true }, NEVER)
    await clock.advance(10_000)
    expect(marks).toEqual([])
  })

  it('counts handlers that go on although they were given up, until they end after all', async () => {
    const { running, clock, stuck } = someRunningJobs()
    const start = { timeoutMs: 1_000, isMarked: true }
    const runs = [0, 1].map(() => running.begin(aClaimedJob(), start, NEVER))
    const heeding = running.begin(aClaimedJob(), start, NEVER)
    await clock.advance(1_000)
    running.end(heeding)
    await clock.advance(5_000)
    expect([stuck, running.stuck, running.size]).toEqual([[1, 2], 2, 0])
    for (const run of [...runs, ...runs, heeding]) running.endedLate(run)
    expect(running.stuck).toBe(0)
    running.begin(aClaimedJob(), start, NEVER)
    await clock.advance(6_000)
    expect(stuck).toEqual([1, 2, 1])
  })

  it('says how long handlers may go on at most', async () => {
    const { running, clock } = someRunningJobs()
    expect(running.longestLeftMs()).toBe(0)
    running.begin(aClaimedJob(), { timeoutMs: 1_000, isMarked: true }, NEVER)
    running.begin(aClaimedJob(), { timeoutMs: 60_000, isMarked: true }, NEVER)
    await clock.advance(500)
    expect(running.longestLeftMs()).toBe(64_500)
  })

  it('waits without end for handlers that were told to stop without a limit', async () => {
    const { running, clock } = someRunningJobs()
    const given: StopReason[] = []
    const run = running.begin(aClaimedJob(), { timeoutMs: 1_000, isMarked: true }, (reason) => given.push(reason))
    running.stopAll({ type: 'lease-lost' }, STOP, Infinity)
    await clock.advance(60_000)
    expect([run.signal.aborted, given]).toEqual([true, []])
    running.giveUpAll()
    expect(given).toEqual([{ type: 'lease-lost' }])
  })

  it('fires the signal at the deadline, and gives the attempt up when the grace is over', async () => {
    const { running, clock } = someRunningJobs()
    const given: StopReason[] = []
    const run = running.begin(aClaimedJob(), { timeoutMs: 1_000, isMarked: true }, (reason) => given.push(reason))
    await clock.advance(999)
    expect(run.signal.aborted).toBe(false)
    await clock.advance(1)
    expect(run.signal.reason).toMatchObject({ name: 'TimeoutError', message: 'the job ran longer than 1000 ms' })
    await clock.advance(4_999)
    expect(given).toEqual([])
    await clock.advance(1)
    expect(given).toEqual([{ type: 'timeout', timeoutMs: 1_000 }])
    expect(running.size).toBe(0)
  })

  it('keeps a short deadline that comes after a long one', async () => {
    const { running, clock } = someRunningJobs()
    const long = running.begin(aClaimedJob(), { timeoutMs: 90_000, isMarked: true }, NEVER)
    const short = running.begin(aClaimedJob(), { timeoutMs: 10, isMarked: true }, NEVER)
    await clock.advance(10)
    expect([long.signal.aborted, short.signal.aborted]).toEqual([false, true])
  })

  it('keeps the first reason for which a job was told to stop', async () => {
    const { running, clock } = someRunningJobs()
    const job = aClaimedJob()
    const run = running.begin(job, { timeoutMs: 1_000, isMarked: true }, NEVER)
    running.stop(job, { type: 'cancelled' }, STOP)
    await clock.advance(2_000)
    running.stopAll({ type: 'interrupted' }, STOP)
    expect(run.stopReason).toEqual({ type: 'cancelled' })
  })

  it('stops an attempt only under its own lease', () => {
    const { running } = someRunningJobs()
    const job = aClaimedJob()
    const run = running.begin(job, { timeoutMs: 1_000, isMarked: true }, NEVER)
    running.stop({ id: job.id, lease: 'another' }, { type: 'cancelled' }, STOP)
    expect(run.signal.aborted).toBe(false)
    running.stopById(job.id, { type: 'cancelled' }, STOP)
    expect(run.signal.aborted).toBe(true)
  })

  it('keeps an eye on an attempt that lost its lease while the next one of the same job runs here too', async () => {
    const { running, clock } = someRunningJobs()
    const given: string[] = []
    const job = aClaimedJob({ lease: 'lease-1' })
    running.begin(job, { timeoutMs: 60_000, isMarked: true }, () => given.push('first'))
    running.leaseLost(job)
    running.begin({ ...job, lease: 'lease-2' }, { timeoutMs: 60_000, isMarked: true }, () => given.push('second'))
    await clock.advance(5_000)
    expect(given).toEqual(['first'])
    expect(running.size).toBe(1)
  })

  it('does not stop a handler for a lease that it ended itself, in its own transaction', () => {
    const { running } = someRunningJobs()
    const job = aClaimedJob()
    const run = running.begin(job, { timeoutMs: 60_000, isMarked: true }, NEVER)
    run.isEndedInTransaction = true
    expect(running.leaseLost(job)).toBe(false)
    expect(run.signal.aborted).toBe(false)
  })

  it('writes progress and lines about once a second, the newest progress only', async () => {
    const { running, clock, notes } = someRunningJobs()
    const job = aClaimedJob()
    const run = running.begin(job, { timeoutMs: 60_000, isMarked: true }, NEVER)
    for (const fraction of [0.1, 0.2, 0.3]) {
      run.setProgress(fraction)
      running.noted()
    }
    run.addLog('a')
    running.noted()
    await clock.advance(1_000)
    run.addLog('b')
    running.noted()
    await clock.advance(1_000)
    const held = { id: job.id, lease: job.lease, attempt: 1 }
    expect(notes).toEqual([[{ ...held, progress: 0.3, logs: ['a'] }], [{ ...held, progress: null, logs: ['b'] }]])
  })

  it('drops lines beyond a bound, and says so', () => {
    const { running } = someRunningJobs()
    const run = running.begin(aClaimedJob(), { timeoutMs: 60_000, isMarked: true }, NEVER)
    for (let line = 0; line < 250; line++) run.addLog(String(line))
    expect(run.peekNotes().logs.length).toBe(201)
    const { logs } = run.takeNotes()
    expect(logs.at(-1)).toBe('(50 more lines were dropped)')
    expect(run.takeNotes().logs).toEqual([])
  })

  it('says when nothing runs any more, or that the time is up', async () => {
    const { running, clock } = someRunningJobs()
    const run = running.begin(aClaimedJob(), { timeoutMs: 60_000, isMarked: true }, NEVER)
    const short = running.whenEmpty(10)
    await clock.advance(10)
    expect(await short).toBe(false)
    const long = running.whenEmpty(10_000)
    running.end(run)
    expect(await long).toBe(true)
    expect(await running.whenEmpty(10)).toBe(true)
  })

  it('gives up on everything at once when it must, with a reason for each', () => {
    const { running } = someRunningJobs()
    const given: StopReason[] = []
    const run = running.begin(aClaimedJob(), { timeoutMs: 60_000, isMarked: true }, (reason) => given.push(reason))
    running.giveUpAll()
    expect(given).toEqual([{ type: 'interrupted' }])
    expect(run.stopReason).toEqual({ type: 'interrupted' })
  })

  it('fires the signal of an attempt that is told to stop, for its listeners as code of the job', () => {
    const { running } = someRunningJobs()
    const job = aClaimedJob()
    const run = running.begin(job, { timeoutMs: 60_000, isMarked: true }, NEVER)
    // The part of it that the listener looks at.
    run.current = { id: 'the job', progress() {}, log() {}, enqueue() {}, complete() {} } as unknown as CurrentJob
    const heard: unknown[] = []
    run.signal.addEventListener('abort', () => heard.push(currentJob().id, run.signal.reason))
    running.stop(job, { type: 'cancelled' }, STOP)
    expect(heard).toEqual(['the job', STOP])
    expect(() => currentJob()).toThrow('outside of a job')
  })

  it('has a signal that has fired already, with its reason, for those who look at it later', () => {
    const { running } = someRunningJobs()
    const job = aClaimedJob()
    const run = running.begin(job, { timeoutMs: 60_000, isMarked: true }, NEVER)
    running.stop(job, { type: 'cancelled' }, STOP)
    const { signal } = run
    expect([signal.aborted, signal.reason, run.signal === signal]).toEqual([true, STOP, true])
  })

  it('keeps each attempt apart, whichever ends first', () => {
    const { running } = someRunningJobs()
    const jobs = Array.from({ length: 6 }, () => aClaimedJob())
    const runs = jobs.map((job) => running.begin(job, { timeoutMs: 60_000, isMarked: true }, NEVER))
    for (const index of [1, 5, 0, 0]) {
      const run = runs[index]
      if (run !== undefined) running.end(run)
    }
    expect(running.size).toBe(3)
    running.stopAll({ type: 'interrupted' }, STOP)
    expect(runs.map(({ signal }) => signal.aborted)).toEqual([false, false, true, true, true, false])
  })
})
