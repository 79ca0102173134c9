import { setTimeout as sleep } from 'node:timers/promises'

import { QUEUE } from '../contender.ts'
import type { PacedTimes } from '../child/verbs.ts'
import { numberIn, type Figures, type Scenario } from '../scenario.ts'
import { quantile } from '../report/statistics.ts'

const WARM_UP_SECONDS = 1
const PATIENCE_SECONDS = 5
const MS = 1e6

/** How soon a job starts. */
export const latencyScenario: Scenario = {
  name: 'latency',
  title: 'Latency: from enqueue to the start of the handler',
  about:
    'One process enqueues single jobs at a steady rate, whether or not earlier calls have returned; another runs them. Milliseconds from the call, and from its return (negative when the handler started before the caller knew). The first second is left out. Achieved is how many calls per second had returned when the time was over; a rate is sustained when that is at least 97 % of it.',
  contenders: ['millrace', 'graphile-worker', 'pg-boss', 'bullmq'],
  reference: 'graphile-worker',
  columns: [
    { key: 'returnP50', title: 'from return p50', digits: 2, hasRatio: true },
    { key: 'returnP99', title: 'p99', digits: 2, hasRatio: true },
    { key: 'callP50', title: 'from call p50', digits: 2 },
    { key: 'callP99', title: 'p99', digits: 2 },
    { key: 'achieved', title: 'achieved/s' },
    { key: 'sustained', title: 'sustained', isYesNo: true },
  ],
  variants: () => ['100/s', '1,000/s'],
  measure: async ({ variant, isQuick, spawn }) => {
    const perSecond = numberIn(variant)
    const seconds = WARM_UP_SECONDS + (isQuick ? 1 : 10)
    const producer = await spawn()
    await producer.call('prepare')
    const worker = await spawn()
    await worker.call('start', { queues: [QUEUE], remembersStarts: true })
    const times = await producer.call('paced', { perSecond, seconds, patienceSeconds: PATIENCE_SECONDS })
    await sleep(isQuick ? 200 : 1_000)
    return latencies(times, await worker.call('starts'), { perSecond, seconds })
  },
}

function latencies(
  { called, returned }: PacedTimes,
  started: readonly number[],
  { perSecond, seconds }: { readonly perSecond: number; readonly seconds: number },
): Figures {
  const end = (called[0] ?? 0) + seconds * 1e9
  const achieved = returned.filter((at) => at > 0 && at <= end).length / seconds
  const ids = called.map((_, id) => id).slice(perSecond * WARM_UP_SECONDS)
  const ran = ids.filter((id) => (started[id] ?? 0) > 0 && (returned[id] ?? 0) > 0)
  const fromCall = ran.map((id) => ((started[id] ?? 0) - (called[id] ?? 0)) / MS)
  const fromReturn = ran.map((id) => ((started[id] ?? 0) - (returned[id] ?? 0)) / MS)
  return {
    returnP50: quantile(fromReturn, 0.5),
    returnP99: quantile(fromReturn, 0.99),
    callP50: quantile(fromCall, 0.5),
    callP99: quantile(fromCall, 0.99),
    achieved,
    sustained: achieved >= 0.97 * perSecond ? 1 : 0,
    measured: ran.length,
  }
}
