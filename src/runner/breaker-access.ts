/** `runner.breakers`: circuit breakers as they are shown, and what an operator does to them. */

import type { Host } from '../host/host.ts'
import { dateOrNull, toDate } from '../host/time.ts'
import type { BreakerId, BreakerMode, BreakerSettings, BreakerState } from '../job/breaker.ts'
import { jobError, listProblems } from '../job/errors.ts'
import { isJobName, JOB_NAME_RULE } from '../job/job-name.ts'
import { optionReader } from '../job/option-reader.ts'
import { DEFAULT_QUEUE_NAME } from '../queue/queue-settings.ts'
import type { BreakerRecord, Store } from '../store/store.ts'
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

/** Circuit breakers, which all processes share. */
export interface Breakers {
  /** Every breaker that has opened in the last day or that an operator holds, at most 1,000; those that changed last first. */
  list(): Promise<readonly BreakerInfo[]>
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
    list: async () => {
      assertOpen()
      return (await store.readBreakers()).map(breakerInfo)
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

/** The queue in which a job of this name has a breaker, or runs. */
async function queueOf(store: Store, name: string): Promise<string> {
  const known = (await store.readBreakers()).filter(({ by, subject }) => by === 'name' && subject === name)
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
