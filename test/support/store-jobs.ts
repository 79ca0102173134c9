/** Factories for what stores are given. */

import { randomUUID } from 'node:crypto'
import type { ErrorRecord, NewJob } from '../../src/job/job.ts'
import type { Ack, AttemptEnding, HeldJob, NodeRegistration, Order, PublishedJob } from '../../src/store/store.ts'

let made = 0

/** A random UUID whose text grows with each call, as the ids of clients do. */
export function anId(): string {
  made += 1
  return `01${made.toString(16).padStart(6, '0')}-${randomUUID().slice(9)}`
}

/** A new job for the queue `q` with the name `mail.ping`. */
export function aJob(parts: Partial<NewJob> = {}): NewJob {
  return {
    id: anId(),
    isIdChosen: false,
    name: 'mail.ping',
    queue: 'q',
    args: { codec: 'json', text: '["example.org"]' },
    priority: 0,
    maxAttempts: 3,
    backoff: null,
    timeoutMs: null,
    key: null,
    tags: [],
    trace: null,
    due: null,
    ...parts,
  }
}

/** Several such jobs. */
export function jobs(count: number, parts: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: count }, () => aJob(parts))
}

/** A node that serves the queue `q` and runs `mail.ping`. */
export function aNode(parts: Partial<NodeRegistration> = {}): NodeRegistration {
  return {
    id: randomUUID(),
    host: 'test-host',
    pid: 4242,
    pidScope: 'boot/1',
    pidStart: '17',
    version: '1.0.0',
    beatMs: 60_000,
    queues: ['q'],
    jobs: [published('mail.ping')],
    isNotifying: false,
    ...parts,
  }
}

/** What a node publishes of a job. */
export function published(name: string): PublishedJob {
  return { name, queue: null, priority: null, maxAttempts: null, backoff: null, timeoutMs: null, key: null }
}

/** An order of an operator. */
export function anOrder(parts: Partial<Order> = {}): Order {
  return { id: randomUUID(), by: 'ana@desk', reason: null, ...parts }
}

/** The ack of a held job: completed, without a result. */
export function ackOf(
  held: HeldJob & { readonly attempt: number },
  ending?: AttemptEnding,
  parts: Partial<Ack> = {},
): Ack {
  return {
    id: held.id,
    lease: held.lease,
    attempt: held.attempt,
    ending: ending ?? { type: 'completed', result: null, error: null },
    runMs: 5,
    endedAgoMs: 0,
    progress: null,
    logs: [],
    isKept: true,
    ...parts,
  }
}

/** An error in its stored form. */
export const aProblem: ErrorRecord = {
  name: 'Error',
  message: 'no answer',
  stack: 'Error: no answer\n  at x',
  code: 'ECONN',
}
