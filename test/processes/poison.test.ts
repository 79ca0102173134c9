/** Jobs that kill their process, among many that do not: the former are set aside, none of the latter is. */

import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { aRunner } from '../support/runner.ts'
import { WORKER_PLACES } from '../support/worker-places.ts'
import { readRecord, WorkerProcess } from '../support/worker-process.ts'

const names = { work: { run: (_ms: number, _value: number) => {}, die: () => {}, exit: () => {} } }

/** Keeps so many workers running until the test ends: whichever dies is replaced. */
function keepRunning(count: number, start: () => WorkerProcess): { readonly deaths: () => number } {
  let isOver = false
  let deaths = 0
  const workers = new Set<WorkerProcess>()
  const spawn = (): void => {
    const worker = start()
    workers.add(worker)
    void worker.exited.then(() => {
      workers.delete(worker)
      deaths += 1
      if (!isOver) spawn()
    })
  }
  for (let index = 0; index < count; index++) spawn()
  onTestFinished(async () => {
    isOver = true
    await Promise.all([...workers].map((worker) => worker.kill()))
  })
  return { deaths: () => deaths }
}

describe.each(WORKER_PLACES)('a job that kills its process, on %s', (_store, aPlace) => {
  it.each([
    ['work.die', 1],
    ['work.die', 3],
    ['work.exit', 2],
  ] as const)(
    'is set aside after three crashes, and none of its neighbours is: %s, %i such jobs',
    async (name, poisons) => {
      const place = await aPlace()
      const { runner } = aRunner(names, { database: place.url })
      const innocents = await runner.enqueueAll(
        Array.from({ length: 60 }, (_, index) => ['work.run', [(index * 53) % 400, index]] as const),
      )
      const guilty: string[] = []
      for (let index = 0; index < poisons; index++) {
        guilty.push((await runner.enqueue(name, [], { priority: -1, maxAttempts: 10 })).id)
      }
      const queues = { default: { concurrency: 8 } }
      const { deaths } = keepRunning(2, () => new WorkerProcess({ ...place, queues, start: {}, isQuiet: true }))
      const results = await Promise.all(innocents.map(({ id }) => runner.result(id, { timeout: '50s' })))
      expect(results).toHaveLength(60)
      await eventually(async () => (await runner.dead.list()).jobs.length === poisons, {
        withinMs: 40_000,
        everyMs: 50,
      })
      const dead = (await runner.dead.list()).jobs
      expect(dead.map(({ id }) => id).toSorted()).toEqual(guilty.toSorted())
      for (const { error, forensics } of dead) {
        expect(error).toMatchObject({ code: 'ERR_QUARANTINED' })
        expect(forensics).toMatchObject({ death: { crashes: 3 }, node: { pid: expect.any(Number) } })
      }
      for (const id of guilty) {
        const starts = readRecord(place.record).filter((line) => line.id === id && line.kind === 'start')
        expect(starts.length).toBeLessThanOrEqual(3)
      }
      expect(deaths()).toBeLessThanOrEqual(3 * poisons)
    },
    60_000,
  )
})
