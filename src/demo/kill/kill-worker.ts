/**
 * A worker of `millrace demo --kill`: a process with a runner, which tells its parent when a job starts and when the end of one
 * was taken. It stops when it is told to, and ends when its parent is gone.
 *
 * argv[2]: what `createRunner` takes to find the jobs.
 */

import { createRunner } from '../../index.ts'
import { KILL_JOBS, KILL_QUEUES } from './kill-jobs.ts'

/** What a worker tells its parent. */
export type WorkerNews =
  | { readonly type: 'ready' }
  | { readonly type: 'start'; readonly id: string }
  | { readonly type: 'completed'; readonly id: string }

// Given by kill-demo.ts, the only one that starts this file.
const place = JSON.parse(process.argv[2] ?? '{}') as { readonly database: string; readonly schema?: string }
const runner = createRunner({ jobs: KILL_JOBS, queues: KILL_QUEUES, ...place })

/** To a parent that is gone nothing is told. */
function tell(news: WorkerNews): void {
  process.send?.(news, () => {})
}

runner.on('job:start', ({ id }) => tell({ type: 'start', id }))
runner.on('job:stop', ({ id, outcome }) => {
  if (outcome === 'completed') tell({ type: 'completed', id })
})

const stop = (): void => {
  void runner.stop({ timeout: '3s' }).finally(() => process.exit())
}
process.once('message', stop)
process.once('disconnect', () => process.exit())

// A terminal interrupts all processes; the parent tells this one when to stop.
process.on('SIGINT', () => {})
void runner.start().then(() => tell({ type: 'ready' }))
