/** plainjob on better-sqlite3, with its own pragmas: WAL and `synchronous=NORMAL`, so a power cut may lose the last commits. */

import Database from 'better-sqlite3'
import { better, defineQueue, defineWorker } from 'plainjob'

const logger = { error: console.error, warn: console.warn, info: () => {}, debug: () => {} }

/**
 * @param {string} url `sqlite:` and a path
 * @returns {import('../contender.ts').Session}
 */
function openSession(url) {
  const queue = defineQueue({ connection: better(new Database(url.slice('sqlite:'.length))), logger })
  let worker
  return {
    prepare: async () => {},
    enqueue: async (payload) => queue.add('default', payload),
    enqueueAll: async (payloads, { delaySeconds = 0 } = {}) =>
      queue.addMany('default', [...payloads], delaySeconds === 0 ? {} : { delay: delaySeconds * 1_000 }),
    start: async (handler) => {
      worker = defineWorker('default', ({ data }) => handler(JSON.parse(data)), { queue, logger })
      void worker.start()
    },
    close: async () => {
      await worker?.stop()
      queue.close()
    },
  }
}

/** @type {import('../contender.ts').Contender[]} */
export const contenders = [
  {
    name: 'plainjob',
    store: 'sqlite',
    packages: ['plainjob', 'better-sqlite3'],
    settings: 'its defaults: WAL, synchronous=NORMAL, poll interval 1 s',
    drainJobs: 40_000,
    unfinished: 'select count(*) from plainjob_jobs where status in (0, 1)',
    open: openSession,
  },
]
