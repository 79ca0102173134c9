import { drain } from '../drain-run.ts'
import { numberIn, type Scenario } from '../scenario.ts'

/** How fast workers get through what is there, and what it costs. */
export const drainScenario: Scenario = {
  name: 'drain',
  title: 'Drain: no-op jobs, and their cost in CPU time',
  about:
    'Jobs are stored first, then the clock runs from telling the worker processes to start until the store holds no unfinished job. Each contender gets about as many jobs as it drains in five seconds. CPU is user and system time of the workers and of the server from /proc, per 1,000 jobs.',
  contenders: [
    'millrace',
    'millrace-keep-0s',
    'millrace-defaults',
    'graphile-worker',
    'graphile-worker-defaults',
    'pg-boss',
    'bullmq',
    'bare-loop',
  ],
  reference: 'graphile-worker',
  columns: [
    { key: 'perSecond', title: 'jobs/s', hasRatio: true },
    { key: 'cpuMs', title: 'CPU ms per 1,000', digits: 1 },
    { key: 'workerCpuMs', title: 'of it workers', digits: 1 },
    { key: 'serverCpuMs', title: 'of it server', digits: 1 },
  ],
  variants: () => ['1 worker', '2 workers'],
  measure: async (run) => ({
    ...(await drain(run, {
      jobs: run.isQuick ? Math.ceil(run.contender.drainJobs / 20) : run.contender.drainJobs,
      workers: numberIn(run.variant),
      limitSeconds: run.isQuick ? 6 : 60,
    })),
  }),
}
