/** `runner.breakers`: circuit breakers as they are shown, and what an operator does to them. */

import { types } from 'node:util'

import type { Host } from '../host/host.ts'
import { dateOrNull, toDate } from '../host/time.ts'
import {
  BREAKER_STATES,
  type BreakerId,
  type BreakerMode,
  type BreakerSettings,
  type BreakerState,
} from '../job/breaker.ts'
import { jobError, listProblems } from '../job/errors.ts'
import { isJobName, JOB_NAME_RULE } from '../job/job-name.ts'
import { optionReader, type OptionReader } from '../job/option-reader.ts'
import { DEFAULT_QUEUE_NAME } from '../queue/queue-settings.ts'
import { BREAKER_CAP, type BreakerQuery, type BreakerRecord, type Store } from '../store/store.ts'
import { readOrder, type OperatorOptions } from './operators.ts'

/** Which breaker: that of a job name, by default in the queue that its code names, or that of a key in a queue. */
export type BreakerTarget =
  | string
  | { readonly name: string; readonly queue?: string | undefined }
  | { readonly key: string; readonly queue: string }

/** A circuit breaker. */
export interface BreakerInfo {
  readonly queue: string
  /** Whether it is that of a job name or of a key. */
  readonly by: 'name' | 'key'
  /** The job name or the key. */
  readonly subject: string
  readonly state: BreakerState
  /** `auto`, or how an operator holds it. */
  readonly mode: BreakerMode
  /** When probes are let through; null while it is not open, and while an operator holds it open. */
  readonly openUntil: Date | null
  readonly changedAt: Date | null
  /** Those of the worker that reported last; null when none has. */
  readonly settings: BreakerSettings | null
  /** The attempts in its window, and how many of them failed; half-open, the probes that passed. */
  readonly calls: number
  readonly failures: number
  /** How many probes are under way, over all processes. */
  readonly probes: number
  /** The last changes of its state, oldest first. */
  readonly changes: readonly BreakerChangeInfo[]
}

/** A change of a breaker's state. */
export interface BreakerChangeInfo {
  readonly at: Date
  readonly from: BreakerState
  readonly to: BreakerState
  readonly reason: string
  readonly calls: number
  readonly failures: number
}

/** Which breakers `breakers.list` answers; all conditions must hold. */
export interface BreakerListOptions {
  readonly queue?: string | undefined
  /** Those of this job name. */
  readonly name?: string | undefined
  /** Those of this key. */
  readonly key?: string | undefined
  readonly state?: BreakerState | undefined
  /** At most so many: 1 to 1,000, which is the default. As many as that means that there may be more. */
  readonly limit?: number | undefined
  /** Those that come after this one: the last of the page before. */
  readonly after?: Pick<BreakerInfo, 'queue' | 'by' | 'subject' | 'changedAt'> | undefined
}

/** Circuit breakers, which all processes share. */
export interface Breakers {
  /** Breakers that have opened in the last day or that an operator holds, those that changed last first: a page of them. */
  list(options?: BreakerListOptions): Promise<readonly BreakerInfo[]>
  /** Holds it open: its jobs wait until it is closed or let go. */
  open(target: BreakerTarget, options?: OperatorOptions): Promise<BreakerInfo>
  /** Holds it closed: its jobs run, whatever fails. */
  close(target: BreakerTarget, options?: OperatorOptions): Promise<BreakerInfo>
  /** Lets it go: it opens and closes by itself again. One that was held open lets probes through at first. */
  auto(target: BreakerTarget, options?: OperatorOptions): Promise<BreakerInfo>
}

/** What breaker access needs. */
export interface BreakerAccessOptions {
  readonly store: Store
  readonly assertOpen: () => void
  /** Jobs may be claimed now that were kept back. */
  readonly onChange: () => void
}

/** Makes `runner.breakers`. */
export function breakerAccess(host: Host, { store, assertOpen, onChange }: BreakerAccessOptions): Breakers {
  const set = async (verb: string, mode: BreakerMode, target: unknown, options: unknown): Promise<BreakerInfo> => {
    assertOpen()
    const order = readOrder(host, verb, options)
    const id = await findBreaker(store, verb, target)
    const record = await store.setBreaker(id, mode, order)
    onChange()
    return breakerInfo(record)
  }
  return {
    list: async (options) => {
      assertOpen()
      return (await store.readBreakers(readQuery(options))).map(breakerInfo)
    },
    open: (target, options) => set('breakers.open', 'open', target, options),
    close: (target, options) => set('breakers.close', 'closed', target, options),
    auto: (target, options) => set('breakers.auto', 'auto', target, options),
  }
}

async function findBreaker(store: Store, verb: string, target: unknown): Promise<BreakerId> {
  const problems: string[] = []
  const value = typeof target === 'string' ? { name: target } : target
  const reader = optionReader({ value, of: verb, names: ['name', 'key', 'queue'], problems })
  const [name, key, queue] = [reader.get('name'), reader.get('key'), reader.queue('queue')]
  if ((name === undefined) === (key === undefined))
    reader.problem(`${verb} takes the name of a job, or a queue and a key`)
  if (name !== undefined && !(typeof name === 'string' && isJobName(name))) {
    reader.problem(`the name that ${verb} takes is no name of a job: ${JOB_NAME_RULE}`)
  }
  if (key !== undefined && (typeof key !== 'string' || key === ''))
    reader.problem(`option "key" of ${verb} must be a text`)
  if (key !== undefined && queue === undefined) reader.problem(`${verb} needs the queue of the key: { queue, key }`)
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems(verb, problems))
  if (typeof key === 'string' && queue !== undefined) return { queue, by: 'key', subject: key }
  const subject = String(name)
  return { queue: queue ?? (await queueOf(store, subject)), by: 'name', subject }
}

const LIST_NAMES = ['queue', 'name', 'key', 'state', 'limit', 'after'] as const

function readQuery(value: unknown = {}): BreakerQuery {
  const problems: string[] = []
  const reader = optionReader({ value, of: 'breakers.list', names: LIST_NAMES, problems })
  const [name, key] = [readText(reader, 'name'), readText(reader, 'key')]
  if (name !== undefined && key !== undefined) {
    reader.problem('breakers.list takes a name or a key, not both: a breaker is that of one of them')
  }
  const given = reader.get('state')
  const state = BREAKER_STATES.find((one) => one === given)
  if (given !== undefined && state === undefined) {
    reader.problem(`option "state" of breakers.list must be one of ${BREAKER_STATES.join(', ')}`)
  }
  const by = name !== undefined ? 'name' : key !== undefined ? 'key' : undefined
  const after = readPlace(reader)
  const limit = reader.integer('limit', 1, BREAKER_CAP)
  const query = { queue: reader.queue('queue'), by, subject: name ?? key, state, limit, after } as const
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems('breakers.list', problems))
  return query
}

function readText(reader: OptionReader, name: string): string | undefined {
  const value = reader.get(name)
  if (value === undefined || (typeof value === 'string' && value !== '')) return value
  reader.problem(`option "${name}" of breakers.list must be a text`)
  return undefined
}

function readPlace(reader: OptionReader): BreakerQuery['after'] {
  const value = reader.get('after')
  if (value === undefined) return undefined
  // Looked at field by field.
  const { queue, by, subject, changedAt } = (value ?? {}) as Readonly<Record<string, unknown>>
  const isPlace = typeof queue === 'string' && typeof subject === 'string' && (by === 'name' || by === 'key')
  if (isPlace && types.isDate(changedAt)) return { queue, by, subject, changedAt: changedAt.getTime() }
  reader.problem('option "after" of breakers.list must be a breaker as it answers them: the last of the page before')
  return undefined
}

/** The queue in which a job of this name has a breaker, or runs. */
async function queueOf(store: Store, name: string): Promise<string> {
  const known = await store.readBreakers({ by: 'name', subject: name })
  const [only] = known
  if (only !== undefined && known.length === 1) return only.queue
  const [published] = await store.readPublishedJobs([name])
  if (published === undefined) {
    throw jobError('ERR_UNKNOWN_JOB', `no worker has ever run a job named "${name}"; name its queue, too, to mean it`)
  }
  return published.queue ?? DEFAULT_QUEUE_NAME
}

function breakerInfo(record: BreakerRecord): BreakerInfo {
  const { openUntil, changedAt, changes, ...rest } = record
  return {
    ...rest,
    openUntil: dateOrNull(openUntil),
    changedAt: dateOrNull(changedAt),
    changes: changes.map(({ at, from, to, reason, calls, failures }) => {
      return { at: toDate(at), from, to, reason, calls, failures }
    }),
  }
}
