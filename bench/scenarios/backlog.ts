import { drain } from '../drain-run.ts'
import { numberIn, type Scenario } from '../scenario.ts'

/** Whether a deep backlog slows a drain, and what it does to the worker's memory. */
export const backlogScenario: Scenario = {
  name: 'backlog',
  title: 'Backlog: drain out of few and out of many, and the memory of the worker',
  about:
    'As in the drain scenario, with one worker. A small backlog is dominated by the start of the process and by code that is not compiled yet. Memory is what is resident (VmRSS, and VmHWM for the most).',
  contenders: ['millrace', 'graphile-worker', 'pg-boss', 'bullmq', 'bare-loop'],
  reference: 'graphile-worker',
  columns: [
    { key: 'perSecond', title: 'jobs/s', hasRatio: true },
    { key: 'memoryAtStart', title: 'MiB at start' },
    { key: 'memoryMost', title: 'most MiB' },
    { key: 'memoryAtEnd', title: 'MiB at end' },
  ],
  variants: (isQuick) => (isQuick ? ['5,000 jobs', '20,000 jobs'] : ['10,000 jobs', '1,000,000 jobs']),
  measure: async (run) => ({
    ...(await drain(run, { jobs: numberIn(run.variant), workers: 1, limitSeconds: run.isQuick ? 6 : 300 })),
  }),
}
