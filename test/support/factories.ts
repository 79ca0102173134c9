/** Things that tests need, complete but for what matters. */

import type { ClaimedJob, JobRecord } from '../../src/job/job.ts'
import type { JobConsumerRef } from '../../src/queue/consumer-statistics.ts'
import type { FinishedJob } from '../../src/queue/finished-job.ts'
import type { NodeRecord, Store } from '../../src/store/store.ts'

let lastId = 0

/** A UUID that no other call answers. */
export function anId(): string {
  lastId += 1
  return `00000000-0000-7000-8000-${String(lastId).padStart(12, '0')}`
}

/** A job under a lease. */
export function aClaimedJob(rest: Partial<ClaimedJob> = {}): ClaimedJob {
  return {
    id: anId(),
    lease: 'lease-1',
    name: 'work.run',
    queue: 'default',
    args: { codec: 'json', text: '[]' },
    priority: 0,
    attempt: 1,
    maxAttempts: 3,
    backoff: null,
    timeoutMs: null,
    key: null,
    tags: [],
    trace: null,
    crashes: 0,
    createdAt: 0,
    dueAt: 0,
    claimedAt: 0,
    ...rest,
  }
}

/** An attempt that completed. */
export function aFinishedJob(rest: Partial<FinishedJob> = {}): FinishedJob {
  return {
    job: aClaimedJob(),
    ending: { type: 'completed', result: { codec: 'json', text: '1' }, error: null },
    isDiscarded: false,
    isEndedInTransaction: false,
    waitMs: 0,
    runMs: 1,
    endedAt: 0,
    progress: null,
    logs: [],
    isKept: true,
    ...rest,
  }
}

/** A job as the store knows it. */
export function aJobRecord(rest: Partial<JobRecord> = {}): JobRecord {
  return {
    id: anId(),
    name: 'work.run',
    queue: 'default',
    state: 'queued',
    args: { codec: 'json', text: '[]' },
    key: null,
    tags: [],
    trace: null,
    priority: 0,
    attempt: 0,
    maxAttempts: 3,
    crashes: 0,
    result: null,
    error: null,
    progress: null,
    createdAt: 0,
    dueAt: 0,
    startedAt: null,
    endedAt: null,
    node: null,
    parked: null,
    isCancelRequested: false,
    ...rest,
  }
}

/** A consumer of which only the identity matters. */
export function aConsumerRef(): JobConsumerRef {
  // Nothing of it is called.
  return { isAlive: true } as JobConsumerRef
}

/** A living node that serves `default` and knows `work.run`. */
export function aNode(rest: Partial<NodeRecord> = {}): NodeRecord {
  const job = { queue: null, priority: null, maxAttempts: null, backoff: null, timeoutMs: null, key: null }
  return {
    id: 'node-1',
    host: 'here',
    pid: 1,
    pidScope: null,
    pidStart: null,
    version: '0',
    startedAt: 0,
    beatAt: 0,
    beatAgeMs: 0,
    beatSeq: 1,
    isDead: false,
    rescue: null,
    wanted: null,
    queues: ['default'],
    jobs: [{ name: 'work.run', ...job }],
    snapshot: null,
    ...rest,
  }
}

/** A store of which a test needs only some verbs; the others throw. */
export function aStore(verbs: Partial<Store>): Store {
  const missing = (name: PropertyKey) => () => {
    throw new Error(`the test's store has no ${String(name)}`)
  }
  // The proxy answers a function for every verb.
  return new Proxy(verbs, { get: (own, name) => Reflect.get(own, name) ?? missing(name) }) as Store
}
