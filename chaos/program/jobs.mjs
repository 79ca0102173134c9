/** The jobs of a run. Each says when it starts and when it ends; each result says which process it comes from. */

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * @param {object} parts
 * @param {typeof import('millrace')} parts.millrace the copy under test
 * @param {(kind: string, rest?: Record<string, unknown>) => void} parts.note
 * @param {import('./effects.mjs').Effects} parts.effects
 * @param {(point: string) => void} parts.passed ends the process where it was told to
 * @param {Set<string>} [parts.naps] the jobs that end when their timer fires: stopped now, they speak up as soon as they are woken
 */
export function makeJobs({ millrace, note, effects, passed, naps = new Set() }) {
  const { currentJob, snooze, discard } = millrace
  const result = { by: process.pid }

  /** @type {<Result>(body: () => Result | Promise<Result>) => Promise<Result>} */
  async function told(body) {
    const { id, name, attempt } = currentJob()
    note('start', { job: id, name, attempt })
    try {
      const answer = await body()
      note('end', { job: id, attempt })
      return answer
    } catch (error) {
      note('threw', { job: id, attempt, code: error?.code, message: String(error?.message).slice(0, 200) })
      throw error
    }
  }

  const work = {
    /** Its effect, its end and, for some, the next job are one transaction. */
    effect: (isParent, ms) =>
      told(async () => {
        const { id, enqueue, complete } = currentJob()
        await effects.transaction(async (tx) => {
          await tx.insert(id, process.pid)
          passed('mid-handler')
          if (effects.mayWait) await sleep(ms)
          if (isParent) await enqueue(work.spawned, [id], { tx: tx.handle })
          await complete(tx.handle, result)
          passed('before-user-commit')
        })
        passed('after-user-commit')
      }),
    spawned: (_parent) => told(() => result),
    noop: () => told(() => result),
    nap: (ms) =>
      told(async () => {
        const { id } = currentJob()
        await sleep(ms / 2)
        passed('mid-handler')
        naps.add(id)
        await sleep(ms / 2)
        naps.delete(id)
        return result
      }),
    flaky: (failures) =>
      told(() => {
        if (currentJob().attempt <= failures) throw new Error('not yet')
        return result
      }),
    snoozy: () => told(() => (Math.random() < 0.5 ? snooze(300) : result)),
    refuse: () => told(() => discard('refused')),
    /** Ends its process as a fault in native code does. */
    poison: () =>
      told(async () => {
        await sleep(20)
        note('abort', { job: currentJob().id })
        process.abort()
      }),
    /** Fills the memory of its process. */
    bomb: () =>
      told(async () => {
        note('abort', { job: currentJob().id })
        const kept = []
        for (;;) kept.push(Array.from({ length: 10_000 }, (_, index) => ({ index })))
      }),
    /** Keeps the event loop to itself. */
    block: (ms) =>
      told(() => {
        const end = performance.now() + ms
        while (performance.now() < end);
        return result
      }),
  }
  return { work }
}
