/**
 * The table of events: when each is sent, and what its payload holds. `docs/telemetry.md` is written from it.
 *
 * Its type is made of {@link RunnerEvents}: an event or a field that is missing here, or is here and nowhere else, does not
 * compile. A test sends each event and compares what came with its row.
 */

import type { RunnerEvents } from './events.ts'

/** A number of a payload that is worth adding up, averaging or drawing. */
export interface Measurement {
  readonly unit: 'ms' | 'jobs' | 'handlers' | 'calls' | 'consumers'
  readonly means: string
}

/** One event. A field that is not in every payload ends its meaning with why. */
export interface EventRow {
  /** When it is sent, as a sentence without a subject. */
  readonly when: string
  readonly measurements: Readonly<Record<string, Measurement>>
  /** What the event is about, by field. */
  readonly metadata: Readonly<Record<string, string>>
}

/** A row whose fields are fields of the payload. */
interface RowOf<Payload> {
  readonly when: string
  readonly measurements: { readonly [Field in keyof Payload]?: Measurement }
  readonly metadata: { readonly [Field in keyof Payload]?: string }
}

type Table = { readonly [Name in keyof RunnerEvents]: RowOf<RunnerEvents[Name]> }

const jobs = (means: string): Measurement => ({ unit: 'jobs', means })
const ms = (means: string): Measurement => ({ unit: 'ms', means })

const calls = (means: string): Measurement => ({ unit: 'calls', means })

const BREAKER = {
  measurements: {
    calls: calls('in its window; of one that was half-open, the probes that ended'),
    failures: calls('how many of them failed'),
  },
  metadata: {
    queue: 'its queue',
    by: 'whether it is that of a job `name` or of a `key`',
    subject: 'the job name or the key',
    from: 'its state before',
    reason: 'why, as a sentence',
    at: 'when it changed, by the clock of the store',
  },
} as const

const NOTICE = {
  id: 'the id of the job',
  name: 'its name',
  queue: 'its queue',
  attempt: '1 in the first attempt to tell of it',
} as const

const JOB = {
  id: 'the id of the job',
  name: 'its name, such as `mailer.sendWelcome`',
  queue: 'its queue',
} as const
const ATTEMPT = { ...JOB, attempt: 'the number of the attempt; 1 is the first' } as const
const WAIT = { waitMs: ms('from due to start') } as const
const RUN = { runMs: ms('how long the handler ran; null when it never began') } as const
const NODE = { node: 'the id of the node' } as const

const TABLE = {
  'job:enqueue': {
    when: 'This process stored a job; with the option `tx`, before your transaction is committed.',
    measurements: {},
    metadata: { ...JOB, status: '`created`, `duplicate` or `replaced`' },
  },
  'job:unknown': {
    when: 'An enqueue got no answer, so nobody knows whether its jobs are stored (`ERR_OUTCOME_UNKNOWN`).',
    measurements: { jobs: jobs('how many') },
    metadata: { ids: 'their ids' },
  },
  'job:start': {
    when: 'A handler begins.',
    measurements: WAIT,
    metadata: ATTEMPT,
  },
  'job:stop': {
    when: 'An attempt ended without an error, and the store has taken it.',
    measurements: { ...WAIT, ...RUN },
    metadata: {
      ...ATTEMPT,
      outcome: '`completed`, `snoozed`, `cancelled` or `discarded`',
      error: 'why it was cancelled or discarded, or why its result could not be kept; absent otherwise',
    },
  },
  'job:exception': {
    when: 'An attempt ended with an error, and the store has taken it.',
    measurements: { ...WAIT, ...RUN },
    metadata: {
      ...ATTEMPT,
      outcome: '`retry`: it will be tried again; `failed`: it is among the dead letters',
      error: 'the error, as it is stored',
    },
  },
  'job:stale': {
    when: 'The end of an attempt came too late: the job had been handed to another by then. It changed nothing.',
    measurements: WAIT,
    metadata: ATTEMPT,
  },
  'job:interrupt': {
    when: 'A handler that was told to stop has ended, or was given up: its job goes back and runs again, no attempt is charged.',
    measurements: { runMs: ms('how long the handler ran') },
    metadata: {
      ...ATTEMPT,
      reason: '`interrupted`: its node stops, or its stage is gone; `lease-lost`: others may have the job by now',
    },
  },
  'job:stuck': {
    when: 'A handler goes on although its signal fired and its grace is over. Its slot is free.',
    measurements: {
      runMs: ms('since its start'),
      stuck: { unit: 'handlers', means: 'how many such handlers go on now' },
    },
    metadata: ATTEMPT,
  },
  'queue:depth': {
    when: 'Every five seconds, for each queue that this process works on.',
    measurements: {
      depth: jobs('due and waiting; counts stop at 100,000'),
      scheduled: jobs('not due yet'),
      running: jobs('claimed by all processes'),
      oldestAgeMs: ms('how long the oldest due job has waited; null when none waits'),
    },
    metadata: { queue: 'its name' },
  },
  'queue:scale': {
    when: 'The autoscaler of this process gave a queue another number of consumers, or wanted to and could not: the two are the same then.',
    measurements: {
      from: { unit: 'consumers', means: 'how many there were' },
      to: { unit: 'consumers', means: 'how many there are to be' },
    },
    metadata: {
      queue: 'its name',
      at: 'when, in milliseconds since 1970 by the clock of this machine',
      reason: '`bounds`, `waiting`, `at-max`, `idle`, `loop-late`, `no-figures` or `steady`',
      detail: 'the reason as a sentence, with its figures',
    },
  },
  'queue:crash': {
    when: 'The stages of a queue crashed too often, and start anew after a while.',
    measurements: { againInMs: ms('until they start') },
    metadata: { queue: 'its name', reason: 'what the last one crashed with' },
  },
  'node:start': {
    when: 'This process begins to run jobs.',
    measurements: {},
    metadata: { ...NODE, queues: 'the queues it serves' },
  },
  'node:stop': {
    when: 'This process has ended to run jobs, in good order.',
    measurements: {},
    metadata: NODE,
  },
  'node:fenced': {
    when: 'The leases of this node are gone or may be gone. Its handlers were told to stop; it goes on as a new node.',
    measurements: {},
    metadata: {
      ...NODE,
      reason: '`declared-dead`: others took it for dead; `unconfirmed`: it could not say for too long that it lives',
    },
  },
  'node:stuck': {
    when: 'As many handlers are stuck as `stuckLimit` says: it is time for a new process. Sent once.',
    measurements: { stuck: { unit: 'handlers', means: 'how many' } },
    metadata: NODE,
  },
  'node:order': {
    when: 'An operator wants this node to begin no more jobs, to end, or to go on; it does so from now on.',
    measurements: {},
    metadata: { ...NODE, wanted: '`quiet`, `stop`, or null to go on' },
  },
  'node:rescue': {
    when: 'This node found a dead one and freed its jobs.',
    measurements: {},
    metadata: {
      node: 'the id of the dead node',
      requeued: 'the ids of the jobs that run again',
      failed: 'of those that ended as failed, by their last attempt or because they were in too many crashes',
      cancelled: 'of those that ended as cancelled, because their stop had been asked for',
      quarantined: 'those of `failed` that were in too many crashes',
    },
  },
  'node:give-back': {
    when: 'This node handed jobs back unended: they run again, and no attempt is charged.',
    measurements: { jobs: jobs('how many') },
    metadata: NODE,
  },
  'node:surplus': {
    when: 'The store handed out more jobs than were asked for: a bug in millrace; please report it.',
    measurements: { jobs: jobs('how many too many; they went back') },
    metadata: { ...NODE, queue: 'their queue' },
  },
  'node:clock': {
    when: 'The clock of this machine was set, or the process did not run for a while and its clock caught up.',
    measurements: { jumpMs: ms('by how much; below 0 when it was set back') },
    metadata: NODE,
  },
  'breaker:open': {
    when: 'Jobs of a name or key are kept back from now on, on every node. Each process that works tells it, within moments.',
    ...BREAKER,
  },
  'breaker:half-open': {
    when: 'A breaker lets probes through, to see whether its jobs can be done again.',
    ...BREAKER,
  },
  'breaker:close': {
    when: 'The jobs of a breaker run again.',
    ...BREAKER,
  },
  'notice:stop': {
    when: '`onDeadLetter` was called for a dead letter, here, and has done its work.',
    measurements: { runMs: ms('how long it ran') },
    metadata: NOTICE,
  },
  'notice:exception': {
    when: '`onDeadLetter` failed.',
    measurements: { runMs: ms('how long it ran') },
    metadata: {
      ...NOTICE,
      outcome: '`retry`: it is called again; `given-up`: it was called eight times',
      error: 'what it failed with',
    },
  },
  'store:error': {
    when: 'The store failed; what was asked of it is asked again.',
    measurements: {},
    metadata: { error: 'what it failed with' },
  },
} as const satisfies Table

/** Fields of payloads that have no row in the table, such as `job:start.waitMs`. */
type MissingFields = {
  [Name in keyof RunnerEvents]: `${Name}.${Exclude<
    keyof RunnerEvents[Name] & string,
    keyof (typeof TABLE)[Name]['measurements'] | keyof (typeof TABLE)[Name]['metadata']
  >}`
}[keyof RunnerEvents]

/** Does not compile while the table has no row for a field; the message names it. */
function complete(
  table: typeof TABLE,
  _missing: Readonly<Record<MissingFields, string>>,
): Readonly<Record<keyof RunnerEvents, EventRow>> {
  return table
}

/** Every event by its name. */
export const EVENT_TABLE: Readonly<Record<keyof RunnerEvents, EventRow>> = complete(TABLE, {})

/** The names of all events. */
// The table has exactly these keys, or it would not compile.
export const EVENT_NAMES: readonly (keyof RunnerEvents)[] = Object.keys(EVENT_TABLE) as (keyof RunnerEvents)[]
