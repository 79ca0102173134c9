/** BullMQ on a Redis that keeps nothing on disk, which is its fastest. */

import { Queue, Worker } from 'bullmq'

const UNFINISHED = `
  local jobs = 0
  for _, list in ipairs({ 'wait', 'active' }) do jobs = jobs + redis.call('llen', 'bull:default:' .. list) end
  for _, set in ipairs({ 'prioritized', 'delayed' }) do jobs = jobs + redis.call('zcard', 'bull:default:' .. set) end
  return jobs`

/**
 * @param {string} path of the Redis socket
 * @returns {import('../contender.ts').Session}
 */
function openSession(path) {
  const connection = { path, maxRetriesPerRequest: null }
  let opened
  const queue = () => (opened ??= new Queue('default', { connection, defaultJobOptions: { removeOnComplete: true } }))
  let workers = []
  return {
    prepare: async () => {
      await queue().waitUntilReady()
    },
    enqueue: (payload) => queue().add('job', payload),
    enqueueAll: (payloads, { delaySeconds = 0 } = {}) =>
      queue().addBulk(payloads.map((data) => ({ name: 'job', data, opts: { delay: delaySeconds * 1_000 } }))),
    start: (handler, queues) => {
      const options = { connection, concurrency: 100, removeOnComplete: { count: 0 } }
      workers = queues.map((name) => new Worker(name, async ({ data }) => handler(data), options))
      return Promise.all(workers.map((worker) => worker.waitUntilReady()))
    },
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close(true)))
      await opened?.close()
    },
  }
}

/** @type {import('../contender.ts').Contender[]} */
export const contenders = [
  {
    name: 'bullmq',
    store: 'redis',
    packages: ['bullmq', 'ioredis'],
    settings: 'concurrency 100, removeOnComplete; Redis without persistence',
    drainJobs: 60_000,
    unfinished: UNFINISHED,
    open: openSession,
  },
]
