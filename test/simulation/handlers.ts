/** What the jobs of a simulation do, on one machine. Each run is told to the history when it begins and when it ends. */

import { currentJob, snooze, type CurrentJob } from '../../src/index.ts'
import type { JobModules } from '../../src/job/typed-jobs.ts'
import type { History } from './history.ts'
import type { Machine } from './machine.ts'
import type { World } from './world.ts'

/** The names of the jobs, and how often each is enqueued in proportion. */
export const KINDS = {
  quick: 8,
  slow: 8,
  flaky: 4,
  hopeless: 1,
  sleepy: 2,
  endless: 1,
  stubborn: 1,
  talkative: 2,
  spawning: 2,
} as const satisfies Readonly<Record<string, number>>

/** The name of a kind of job. */
export type Kind = keyof typeof KINDS

/** The handlers of a machine. */
export function handlersOf(world: World, machine: Machine, history: History): JobModules {
  const handler = (body: (job: CurrentJob) => unknown): (() => Promise<unknown>) => {
    return async () => {
      // It was killed in this very turn, and only its shadow goes on.
      if (machine.isGone) return never()
      const job = currentJob()
      const execution = history.begun(machine, job)
      try {
        const answer = await body(job)
        history.ended(execution, 'returned')
        return answer
      } catch (error) {
        history.ended(execution, `threw ${error instanceof Error ? error.message : String(error)}`)
        throw error
      }
    }
  }
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => machine.host.clock.after(ms, resolve))
  const unlessAborted = (signal: AbortSignal, work: Promise<void>): Promise<void> =>
    new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')))
      if (signal.aborted) reject(new Error('aborted'))
      void work.then(resolve)
    })
  const quick = handler(({ id }) => `done ${id}`)
  return {
    work: {
      quick,
      slow: handler(async ({ id, signal }) => {
        await unlessAborted(signal, sleep(world.pick([world.between(20, 2_000), world.between(2_000, 30_000)])))
        return `done ${id}`
      }),
      flaky: handler(async ({ id }) => {
        await sleep(world.between(0, 300))
        if (world.chance(0.5)) throw new Error('bad luck')
        return `done ${id}`
      }),
      hopeless: handler(() => {
        throw new Error('as always')
      }),
      sleepy: handler(async ({ id }) => {
        await sleep(world.between(0, 50))
        return world.chance(0.6) ? snooze(world.whole(50, 1_500)) : `done ${id}`
      }),
      endless: handler(({ signal }) => unlessAborted(signal, new Promise(() => {}))),
      stubborn: handler(async ({ id }) => {
        await sleep(world.between(1_000, 30_000))
        return `done ${id}`
      }),
      talkative: handler(async ({ id, progress, log }) => {
        for (let step = 1; step <= 4; step++) {
          await sleep(world.between(50, 900))
          progress(step / 4)
          log(`step ${step}`)
        }
        return `done ${id}`
      }),
      spawning: handler(async ({ id, enqueue }) => {
        await sleep(world.between(0, 100))
        const handle = await enqueue(quick, [])
        history.confirmed(handle.id)
        return `done ${id}`
      }),
    },
  }
}

function never(): Promise<never> {
  return new Promise(() => {})
}
