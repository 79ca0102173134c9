/** graphile-worker: a job is deleted when it is done. */

import { Logger, makeWorkerUtils, run } from 'graphile-worker'

const logger = new Logger(() => () => {})

/** With the local queue and batched completion; sizes of 500-5,000 and 10-200 concurrent jobs are within 15 % of this. */
const BATCHED = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
}

/**
 * @param {string} name
 * @param {object} settings of the preset
 * @param {number} drainJobs
 * @returns {import('../contender.ts').Contender}
 */
function graphileWorker(name, settings, drainJobs) {
  return {
    name,
    store: 'postgres',
    packages: ['graphile-worker'],
    settings: JSON.stringify(settings),
    drainJobs,
    unfinished: 'select count(*) from (select from graphile_worker._private_jobs limit 1) as unfinished',
    open: (url) => openSession(url, settings),
  }
}

/**
 * @param {string} connectionString
 * @param {object} settings
 * @returns {import('../contender.ts').Session}
 */
function openSession(connectionString, settings) {
  let opening
  const producer = () => (opening ??= makeWorkerUtils({ connectionString, logger }))
  let runner
  return {
    prepare: async () => (await producer()).migrate(),
    enqueue: async (payload) => (await producer()).addJob('default', payload),
    enqueueAll: async (payloads, { delaySeconds = 0 } = {}) => {
      const when = delaySeconds === 0 ? {} : { runAt: new Date(Date.now() + delaySeconds * 1_000) }
      return (await producer()).addJobs(payloads.map((payload) => ({ identifier: 'default', payload, ...when })))
    },
    start: async (handler, queues) => {
      const task = async (/** @type {any} */ payload) => handler(payload)
      runner = await run({
        preset: { worker: { ...settings, connectionString, logger } },
        taskList: Object.fromEntries(queues.map((queue) => [queue, task])),
        noHandleSignals: true,
        crontab: '',
      })
    },
    close: async () => {
      await runner?.stop()
      await (await opening)?.release()
    },
  }
}

export const contenders = [
  graphileWorker('graphile-worker', BATCHED, 160_000),
  graphileWorker('graphile-worker-defaults', { concurrentJobs: 10, maxPoolSize: 11 }, 8_000),
]
