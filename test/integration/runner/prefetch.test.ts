/** `prefetch: 'auto'`, through the public API: how much is claimed follows the pace of the consumers. */

import type { JobModules, Runner } from 'millrace'
import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { aRunner, aWorker, type TestRunner } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

/** The databases on which all this must hold: a name, and a function that answers the URL of a new one. */
const DATABASES: readonly (readonly [name: string, database: () => Promise<string>])[] = [
  ['SQLite', async () => tempDatabase().url],
  ['PostgreSQL', async () => (await postgresDatabase()).url],
]

/** How many jobs the default queue was asked for, claim by claim. */
function claimsOf({ trace }: Pick<TestRunner<JobModules>, 'trace'>): number[] {
  const wants = trace.of('claimer.claim') as readonly { readonly count: number }[][]
  return wants.map((queues) => queues.reduce((sum, { count }) => sum + count, 0))
}

function isEmpty(runner: Pick<Runner, 'inspect'>): boolean {
  return runner.inspect().worker?.held === 0
}

describe.each(DATABASES)("prefetch: 'auto' on %s", (_name, database) => {
  it('claims jobs that take no time by the hundred', async () => {
    const count = 20_000
    let done = 0
    const work = { nothing: () => void (done += 1) }
    const made = aRunner({ work }, { database: await database() })
    const { runner } = made
    for (let from = 0; from < count; from += 1_000) {
      await runner.enqueueAll(Array.from({ length: 1_000 }, () => [work.nothing, []] as const))
    }
    const startedAt = performance.now()
    await runner.start()
    await eventually(() => done === count && isEmpty(runner), { withinMs: 25_000 })
    const neededIn20Ms = (20 * count) / (performance.now() - startedAt)
    const claims = claimsOf(made)
    // A machine that is busy with other things has no pace for claims of a hundred.
    expect(count / claims.length).toBeGreaterThanOrEqual(Math.min(100, neededIn20Ms / 2))
    // A burst on a fresh queue is met with big claims before a twentieth of it is done.
    const big = claims.findIndex((wanted) => wanted >= Math.min(50, neededIn20Ms / 4))
    expect(claims.slice(0, big).reduce((sum, wanted) => sum + wanted, 0)).toBeLessThan(count / 20)
  }, 30_000)

  it('claims nothing ahead of jobs that take a second, so that other workers find them', async () => {
    const url = await database()
    const work = { second: () => new Promise((resolve) => setTimeout(resolve, 1_000)) }
    const options = { database: url, queues: { default: { concurrency: 3 } } }
    const { runner } = aRunner({ work }, options)
    await runner.enqueueAll(Array.from({ length: 12 }, () => [work.second, []] as const))
    await runner.start()
    let most = 0
    await eventually(async () => {
      const { worker } = runner.inspect()
      most = Math.max(most, (worker?.held ?? 0) - (worker?.outbox ?? 0))
      const [queue] = await runner.queues()
      return queue !== undefined && queue.depth <= 6
    })
    // Never more than run; the others are there for whoever comes.
    expect(most).toBe(3)
    const other = await aWorker({ work }, options)
    await eventually(() => other.runner.inspect().worker?.handlers === 3)
  })

  it('hands back what it claimed ahead when the jobs become slow', async () => {
    const release = gate()
    let quick = 0
    const work = { quick: () => void (quick += 1), slow: () => release.passed }
    const { runner, trace } = aRunner({ work }, { database: await database() })
    for (let from = 0; from < 3; from++) {
      await runner.enqueueAll(Array.from({ length: 1_000 }, () => [work.quick, []] as const))
    }
    await runner.enqueueAll(Array.from({ length: 1_000 }, () => [work.slow, []] as const))
    await runner.start()
    await eventually(() => quick === 3_000 && runner.inspect().worker?.handlers === 10)
    // What runs is held, and nothing else.
    await eventually(() => runner.inspect().worker?.held === 10)
    await eventually(async () => (await runner.queues())[0]?.depth === 990)
    const handed = trace.of('job-producer.give-back') as readonly number[]
    expect(handed.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0)
    const { jobs } = await runner.list({ state: 'queued', limit: 1_000 })
    expect(jobs.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 990 }, () => 0))
    release.open()
  })

  it('follows the pace up again when the slow jobs are done', async () => {
    const release = gate()
    let quick = 0
    const work = { quick: () => void (quick += 1), slow: () => release.passed }
    const made = aRunner({ work }, { database: await database() })
    const { runner } = made
    await runner.enqueueAll(Array.from({ length: 10 }, () => [work.slow, []] as const))
    for (let from = 0; from < 10; from++) {
      await runner.enqueueAll(Array.from({ length: 1_000 }, () => [work.quick, []] as const))
    }
    await runner.start()
    await eventually(() => runner.inspect().worker?.handlers === 10)
    release.open()
    await eventually(() => quick === 10_000 && isEmpty(runner), { withinMs: 25_000 })
    expect(Math.max(...claimsOf(made))).toBeGreaterThanOrEqual(50)
  }, 30_000)
})
