import { drain } from '../drain-run.ts'
import type { Scenario } from '../scenario.ts'

/** The embedded store. */
export const sqliteScenario: Scenario = {
  name: 'sqlite',
  title: 'Embedded SQLite: drain with one process',
  about:
    'As in the drain scenario. millrace runs `synchronous=FULL`: what was confirmed survives a power cut. plainjob runs `synchronous=NORMAL`, which does not promise that.',
  contenders: ['millrace-sqlite', 'plainjob'],
  reference: 'plainjob',
  columns: [
    { key: 'perSecond', title: 'jobs/s', hasRatio: true },
    { key: 'cpuMs', title: 'CPU ms per 1,000', digits: 1 },
    { key: 'preloadedPerSecond', title: 'stored/s, 2,000 a call', hasRatio: true },
  ],
  variants: () => ['1 worker'],
  measure: async (run) => ({
    ...(await drain(run, {
      jobs: run.isQuick ? Math.ceil(run.contender.drainJobs / 20) : run.contender.drainJobs,
      workers: 1,
      limitSeconds: run.isQuick ? 6 : 60,
    })),
  }),
}
