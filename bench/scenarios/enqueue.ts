import type { Scenario } from '../scenario.ts'

const ONE_BY_ONE = '10 callers, one job a call'
const BULK = '1 caller, 1,000 jobs a call'

/** How fast jobs are stored. */
export const enqueueScenario: Scenario = {
  name: 'enqueue',
  title: 'Enqueue: jobs stored per second by one process',
  about:
    'Each caller waits for its call to return, then makes the next; no worker runs. PostgreSQL commits durably; Redis here keeps nothing on disk.',
  contenders: ['millrace', 'graphile-worker', 'pg-boss', 'bullmq'],
  reference: 'graphile-worker',
  columns: [
    { key: 'perSecond', title: 'jobs/s', hasRatio: true },
    { key: 'serverCpuMs', title: 'server CPU ms per 1,000', digits: 1 },
  ],
  variants: () => [ONE_BY_ONE, BULK],
  measure: async ({ variant, isQuick, place, spawn }) => {
    const producer = await spawn()
    await producer.call('prepare')
    // The first call connects.
    await producer.call('batch', { firstId: 0, jobs: 1 })
    const cpuBefore = place.cpuMs()
    const seconds = isQuick ? 1 : 5
    const { jobs, seconds: took } =
      variant === ONE_BY_ONE
        ? await producer.call('callers', { callers: 10, seconds })
        : await producer.call('bulk', { size: 1_000, seconds })
    return { perSecond: jobs / took, serverCpuMs: ((place.cpuMs() - cpuBefore) / jobs) * 1_000 }
  },
}
