import { setTimeout as sleep } from 'node:timers/promises'

import { QUEUE } from '../contender.ts'
import { numberIn, type Scenario } from '../scenario.ts'
import { PostgresPlace, PostgresServer } from '../servers/postgres.ts'
import { cpuMs } from '../servers/process-usage.ts'

/** What it costs to wait. */
export const idleScenario: Scenario = {
  name: 'idle',
  title: 'Idle: one worker process, many queues, no jobs',
  about:
    'Statements are counted in the server log (log_min_duration_statement = 0). Claims are those with SKIP LOCKED: how often the fetch loops ask. Statements of a kind are alike but for their parameters. graphile-worker has tasks where others have queues.',
  contenders: ['millrace', 'graphile-worker', 'graphile-worker-defaults', 'pg-boss'],
  reference: 'graphile-worker',
  columns: [
    { key: 'statements', title: 'statements/s', digits: 2, hasRatio: true },
    { key: 'claims', title: 'claims/s', digits: 2 },
    { key: 'kinds', title: 'kinds of statements' },
    { key: 'connections', title: 'connections used' },
    { key: 'workerCpu', title: 'worker CPU ms/s', digits: 1 },
    { key: 'serverCpu', title: 'server CPU ms/s', digits: 1 },
  ],
  variants: () => ['35 queues'],
  measure: async ({ variant, isQuick, server, place, spawn }) => {
    if (!(server instanceof PostgresServer) || !(place instanceof PostgresPlace)) throw new Error('only for PostgreSQL')
    const names = Array.from({ length: numberIn(variant) }, (_, index) => (index === 0 ? QUEUE : `queue-${index}`))
    const worker = await spawn()
    await worker.call('prepare')
    await worker.call('start', { queues: names })
    await sleep(isQuick ? 1_000 : 5_000)
    const logged = await server.logStatements()
    const before = { at: performance.now(), worker: cpuMs(worker.pid), server: place.cpuMs() }
    await sleep(isQuick ? 2_000 : 30_000)
    const seconds = (performance.now() - before.at) / 1_000
    const used = { worker: cpuMs(worker.pid) - before.worker, server: place.cpuMs() - before.server }
    const statements = (await logged()).filter(({ database }) => database === place.name)
    return {
      statements: statements.length / seconds,
      claims: statements.filter(({ text }) => /skip locked/i.test(text)).length / seconds,
      kinds: new Set(statements.map(({ text }) => text)).size,
      connections: new Set(statements.map(({ pid }) => pid)).size,
      workerCpu: used.worker / seconds,
      serverCpu: used.server / seconds,
    }
  },
}
