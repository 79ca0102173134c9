import { setTimeout as sleep } from 'node:timers/promises'

import type { Child } from '../child/child.ts'
import { QUEUE } from '../contender.ts'
import type { Scenario } from '../scenario.ts'
import { PostgresPlace } from '../servers/postgres.ts'

const HELD = 'snapshot held'
const BATCH = 1_000
const AHEAD = 20_000
const TELL_EVERY_MS = 10

/** What a long transaction elsewhere does to a queue at full speed. */
export const snapshotScenario: Scenario = {
  name: 'snapshot',
  title: 'Held snapshot: producing and draining at full speed beside an old transaction',
  about:
    'One process enqueues 1,000 jobs a call, at most 20,000 ahead of the one worker process. After a warm-up another session holds a REPEATABLE READ snapshot for 60 s (quick: 2.4 s). Rates of the first and of the last sixth of that time; the same run without the snapshot beside it.',
  contenders: ['millrace', 'graphile-worker', 'pg-boss', 'bare-loop'],
  reference: 'graphile-worker',
  columns: [
    { key: 'first', title: 'jobs/s, first 10 s' },
    { key: 'last', title: 'jobs/s, last 10 s', hasRatio: true },
    { key: 'kept', title: 'last / first', digits: 2 },
    { key: 'mean', title: 'jobs/s, all the time' },
  ],
  variants: () => [HELD, 'no snapshot'],
  measure: async ({ variant, isQuick, place, spawn }) => {
    if (!(place instanceof PostgresPlace)) throw new Error('only PostgreSQL has snapshots to hold')
    const seconds = isQuick ? 2.4 : 60
    const producer = await spawn()
    await producer.call('prepare')
    const worker = await spawn()
    const telling = setInterval(() => producer.tellHandled(worker.handled), TELL_EVERY_MS)
    const fed = producer.call('feed', { size: BATCH, ahead: AHEAD, limitSeconds: seconds + 30 })
    // Its failure is told when it is awaited below.
    fed.catch(() => {})
    try {
      await worker.call('start', { queues: [QUEUE] })
      await sleep(isQuick ? 500 : 3_000)
      const release = variant === HELD ? await place.holdSnapshot() : () => Promise.resolve()
      const rates = await ratesBySixth(worker, seconds)
      await release()
      await producer.call('endFeed')
      await fed
      const [first = 0] = rates
      const last = rates.at(-1) ?? 0
      return { first, last, kept: last / first, mean: rates.reduce((sum, rate) => sum + rate, 0) / rates.length }
    } finally {
      clearInterval(telling)
    }
  },
}

async function ratesBySixth(worker: Child, seconds: number): Promise<number[]> {
  const rates: number[] = []
  let before = { at: performance.now(), handled: worker.handled }
  const startedAt = before.at
  for (let sixth = 1; sixth <= 6; sixth += 1) {
    await sleep(startedAt + ((seconds * 1_000) / 6) * sixth - performance.now())
    const now = { at: performance.now(), handled: worker.handled }
    rates.push(((now.handled - before.handled) / (now.at - before.at)) * 1_000)
    before = now
  }
  return rates
}
