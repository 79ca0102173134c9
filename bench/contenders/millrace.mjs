/** millrace through its public API, from dist/, with everything on. */

import { createRunner } from '../../dist/index.js'

const UNFINISHED_POSTGRES = 'select count(*) from (select from millrace.job limit 1) as unfinished'
const UNFINISHED_SQLITE = 'select count(*) from (select 1 from millrace_job limit 1) as unfinished'

/** A queue for jobs that do next to nothing: more of them at a time, several held by each consumer. */
const SHORT_JOBS = { concurrency: 100, maxDemand: 10 }

/**
 * @param {string} name
 * @param {import('../contender.ts').StoreKind} store
 * @param {object | undefined} queue settings of the queue; undefined gives none at all
 * @param {number} drainJobs
 * @returns {import('../contender.ts').Contender}
 */
function millrace(name, store, queue, drainJobs) {
  return {
    name,
    store,
    packages: ['millrace'],
    settings: queue === undefined ? 'no settings at all' : `queue ${JSON.stringify(queue)}`,
    drainJobs,
    unfinished: store === 'sqlite' ? UNFINISHED_SQLITE : UNFINISHED_POSTGRES,
    open: (url) => openSession(url, queue),
  }
}

/**
 * @param {string} url
 * @param {object | undefined} queue
 * @returns {import('../contender.ts').Session}
 */
function openSession(url, queue) {
  /** @type {import('../contender.ts').Handler} */
  let handler = () => {}
  const bench = { noop: (/** @type {import('../contender.ts').Payload} */ payload) => handler(payload) }
  const runnerWith = (/** @type {readonly string[]} */ queues) =>
    createRunner({
      database: url,
      jobs: { bench },
      ...(queue === undefined && queues.length === 1
        ? {}
        : { queues: Object.fromEntries(queues.map((name) => [name, queue ?? {}])) }),
    })
  let runner = runnerWith(['default'])
  return {
    prepare: () => runner.migrate(),
    enqueue: (payload) => runner.enqueue(bench.noop, [payload]),
    enqueueAll: (payloads, { delaySeconds = 0 } = {}) => {
      const options = delaySeconds === 0 ? undefined : { delay: delaySeconds * 1_000 }
      return runner.enqueueAll(payloads.map((payload) => [bench.noop, [payload], options]))
    },
    start: (handle, queues) => {
      handler = handle
      if (queues.length > 1) runner = runnerWith(queues)
      return runner.start()
    },
    close: () => runner.close(),
  }
}

export const contenders = [
  millrace('millrace', 'postgres', SHORT_JOBS, 300_000),
  millrace('millrace-keep-0s', 'postgres', { ...SHORT_JOBS, keep: '0s' }, 300_000),
  millrace('millrace-defaults', 'postgres', undefined, 150_000),
  millrace('millrace-sqlite', 'sqlite', SHORT_JOBS, 200_000),
]
