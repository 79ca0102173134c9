import { setTimeout as sleep } from 'node:timers/promises'

import { now } from '../child/clock.ts'
import { QUEUE } from '../contender.ts'
import { preload } from '../drain-run.ts'
import { quantile } from '../report/statistics.ts'
import { numberIn, type Scenario } from '../scenario.ts'
import { PostgresPlace, PostgresServer } from '../servers/postgres.ts'

const DUE = 10
const DAY_SECONDS = 86_400
const LIMIT_MS = 10_000
const MS = 1e6

/** Whether jobs that are not due are in the way of those that are. */
export const futureScenario: Scenario = {
  name: 'future',
  title: 'Future jobs: ten due ones beside many that are not',
  about:
    'The store holds jobs for tomorrow; an idle worker runs. Ten due jobs are enqueued in one call, again and again. The claim is the time of statements with SKIP LOCKED in the server log (parse, bind and execute), those that found nothing included; the start is from the return of the call until the last of the ten has started.',
  contenders: ['millrace', 'graphile-worker', 'pg-boss'],
  reference: 'graphile-worker',
  columns: [
    { key: 'claimP50', title: 'claim p50 ms', digits: 2 },
    { key: 'claimMost', title: 'longest claim ms', digits: 2, hasRatio: true },
    { key: 'startP50', title: 'all ten started p50 ms', digits: 2, hasRatio: true },
    { key: 'startMost', title: 'longest', digits: 2 },
  ],
  variants: (isQuick) => (isQuick ? ['20,000 future jobs'] : ['1,000,000 future jobs']),
  measure: async (run) => {
    const { server, place } = run
    if (!(server instanceof PostgresServer) || !(place instanceof PostgresPlace)) throw new Error('only for PostgreSQL')
    await preload(run, numberIn(run.variant), DAY_SECONDS)
    await place.settle()
    const worker = await run.spawn()
    await worker.call('start', { queues: [QUEUE], remembersStarts: true })
    const producer = await run.spawn()
    // The first call connects, and both sides are warm after a few.
    const repeats = run.isQuick ? 5 : 30
    const warmUps = run.isQuick ? 1 : 5
    const started: number[] = []
    let logged = await server.logStatements()
    for (let repeat = 0; repeat < warmUps + repeats; repeat += 1) {
      if (repeat === warmUps) {
        await logged()
        logged = await server.logStatements()
      }
      const wanted = worker.handled + DUE
      const returnedAt = await producer.call('batch', { firstId: repeat * DUE, jobs: DUE })
      const deadline = now() + LIMIT_MS * MS
      while (worker.handled < wanted) {
        if (now() > deadline) throw new Error(`ten due jobs did not start within ${LIMIT_MS / 1_000} s`)
        await sleep(5)
      }
      if (repeat >= warmUps) started.push((worker.lastStart - returnedAt) / MS)
      await sleep(50)
    }
    const claims = (await logged())
      .filter(({ database, text }) => database === place.name && /skip locked/i.test(text))
      .map(({ ms }) => ms)
    return {
      claimP50: quantile(claims, 0.5),
      claimMost: quantile(claims, 1),
      startP50: quantile(started, 0.5),
      startMost: quantile(started, 1),
      claims: claims.length,
    }
  },
}
