/** Code of a job that would end its process: that job is charged, and no other. */

import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { aRunner } from '../support/runner.ts'
import { WORKER_PLACES } from '../support/worker-places.ts'
import { aWorkerProcess, readRecord, type WorkerProcessOptions } from '../support/worker-process.ts'

const names = {
  work: {
    run: (_ms: number, _value: string) => {},
    hold: () => {},
    exitLater: (_code: number) => {},
    throwLater: () => {},
    stray: () => {},
    never: () => {},
  },
}

describe.each(WORKER_PLACES)('a process on %s', (_store, aPlace) => {
  const aWorkerWithNeighbours = async (options: Partial<WorkerProcessOptions> = {}) => {
    const place = await aPlace()
    const { runner } = aRunner(names, { database: place.url })
    const queues = { default: { concurrency: 3, prefetch: 2 } }
    const worker = await aWorkerProcess({ ...place, queues, start: {}, isQuiet: true, ...options })
    const neighbours = await runner.enqueueAll(Array.from({ length: 2 }, () => ['work.hold', []] as const))
    // Marked as started: a crash would charge them.
    await eventually(async () => {
      const jobs = await Promise.all(neighbours.map(({ id }) => runner.job(id)))
      return jobs.every((one) => one?.state === 'running' && one.startedAt !== null)
    })
    return { place, runner, worker, neighbours }
  }

  it.each([
    ['exits by process.exit(0)', 'work.exitLater', [0], 0, 'process.exit(0)'],
    ['exits by process.exit(3)', 'work.exitLater', [3], 3, 'process.exit(3)'],
    ['throws where nobody catches', 'work.throwLater', [], 1, 'thrown in a timer'],
  ] as const)('of which a job %s ends; the job is charged, the others are free at once', async (...test) => {
    const [, name, args, exitCode, why] = test
    const { runner, worker, neighbours } = await aWorkerWithNeighbours()
    const guilty = await runner.enqueue(name, [...args] as never)
    const waiting = await runner.enqueue('work.run', [0, 'waits in a buffer'])
    expect(await worker.exited).toEqual({ code: exitCode, signal: null })
    // Nobody else is there who could have done it.
    expect(await runner.job(guilty.id)).toMatchObject({
      state: 'queued',
      attempt: 1,
      attempts: [{ attempt: 1, error: { code: 'ERR_PROCESS_ENDED', message: expect.stringContaining(why) } }],
    })
    for (const { id } of [...neighbours, waiting]) {
      expect(await runner.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
    }
  })

  it('that ends in good order without a stop charges nobody', async () => {
    const { runner, worker, neighbours } = await aWorkerWithNeighbours()
    void worker.ask('exit', 0)
    await worker.exited
    for (const { id } of neighbours) expect(await runner.job(id)).toMatchObject({ state: 'queued', attempt: 0 })
  })

  it('lives on when a job leaves a rejected promise behind: the attempt fails, the handler is told to stop', async () => {
    const { place, runner, worker, neighbours } = await aWorkerWithNeighbours()
    const stray = await runner.enqueue('work.stray', [], { maxAttempts: 1 })
    await expect(stray.result({ timeout: '10s' })).rejects.toThrow('nobody awaits this')
    expect(readRecord(place.record).find(({ id, kind }) => id === stray.id && kind === 'aborted')).toBeDefined()
    expect(await (await runner.enqueue('work.run', [0, 'goes on'])).result({ timeout: '5s' })).toBe('goes on')
    for (const { id } of neighbours) expect(await runner.job(id)).toMatchObject({ state: 'running', attempt: 1 })
    expect(worker.child.exitCode).toBeNull()
  })
})

describe('the process itself', () => {
  it.each([{ blame: true }, { blame: false }])('dies as ever by a rejection of its own code: %o', async (start) => {
    const place = await WORKER_PLACES[0]?.[1]()
    if (place === undefined) throw new Error('there is no place')
    const worker = await aWorkerProcess({ ...place, start, isQuiet: true })
    void worker.ask('reject')
    expect(await worker.exited).toEqual({ code: 1, signal: null })
  })

  it('is left alone with `blame: false`: a rejection of a job ends it', async () => {
    const place = await WORKER_PLACES[0]?.[1]()
    if (place === undefined) throw new Error('there is no place')
    const { runner } = aRunner(names, { database: place.url })
    const worker = await aWorkerProcess({ ...place, start: { blame: false }, isQuiet: true })
    const { id } = await runner.enqueue('work.stray', [])
    expect(await worker.exited).toEqual({ code: 1, signal: null })
    expect(await runner.job(id)).toMatchObject({ state: 'running' })
  })
})
