/** pg-boss in batches: a job stays in its table as completed. */

import { PgBoss } from 'pg-boss'

const WORK = { batchSize: 1_000, localConcurrency: 4, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }

/**
 * @param {string} connectionString
 * @returns {import('../contender.ts').Session}
 */
function openSession(connectionString) {
  const boss = new PgBoss({ connectionString, useListenNotify: true })
  boss.on('error', (error) => console.error('pg-boss:', error.message))
  /** @type {Promise<unknown> | undefined} */
  let starting
  const started = () => (starting ??= boss.start())
  return {
    prepare: async () => {
      await started()
      await boss.createQueue('default', { notify: true })
    },
    enqueue: async (payload) => {
      await started()
      return boss.send('default', payload)
    },
    enqueueAll: async (payloads, { delaySeconds = 0 } = {}) => {
      await started()
      const when = delaySeconds === 0 ? {} : { startAfter: delaySeconds }
      return boss.insert(
        'default',
        payloads.map((data) => ({ data, ...when })),
      )
    },
    start: async (handler, queues) => {
      await started()
      for (const queue of queues) {
        if (queue !== 'default') await boss.createQueue(queue, { notify: true })
        await boss.work(queue, WORK, async (jobs) => {
          for (const { data } of jobs) handler(data)
        })
      }
    },
    close: async () => {
      if (starting !== undefined) await boss.stop({ graceful: false })
    },
  }
}

/** @type {import('../contender.ts').Contender[]} */
export const contenders = [
  {
    name: 'pg-boss',
    store: 'postgres',
    packages: ['pg-boss'],
    settings: JSON.stringify({ ...WORK, notify: true }),
    drainJobs: 100_000,
    unfinished: "select count(*) from (select from pgboss.job where state < 'completed' limit 1) as unfinished",
    open: openSession,
  },
]
