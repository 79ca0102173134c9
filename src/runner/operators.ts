/** Who orders something, and what was ordered: what is kept of it, and how it is shown. */

import { userName } from '../host/environment.ts'
import type { Host } from '../host/host.ts'
import { toDate } from '../host/time.ts'
import { uuidV4 } from '../host/uuid.ts'
import { jobError, listProblems } from '../job/errors.ts'
import { optionReader, type OptionReader } from '../job/option-reader.ts'
import { AUDIT_ACTIONS, type AuditAction, type AuditQuery, type AuditRecord, type Order } from '../store/store.ts'

/** Who wants something done, and why: kept for 90 days with what was done. */
export interface OperatorOptions {
  /** A name of your choice, such as that of the user who is signed in. Default: the account and the host of this process. */
  readonly by?: string | undefined
  readonly reason?: string | undefined
}

/** Which orders are meant. */
export interface AuditOptions {
  readonly queue?: string | undefined
  readonly action?: AuditAction | undefined
  /** 1 to 1,000. Default: 50. */
  readonly limit?: number | undefined
}

/** Something that an operator did. */
export interface AuditEntry {
  readonly id: string
  readonly at: Date
  readonly by: string
  readonly action: AuditAction
  readonly queue: string | null
  /** What it was about: `{ ids }`, `{ filter }`, a breaker, settings, or `{ node, host, pid }`. */
  readonly target: Readonly<Record<string, unknown>>
  /** How many jobs it changed; null where it is not about jobs. */
  readonly jobs: number | null
  readonly reason: string | null
}

/** The names of {@link OperatorOptions}. */
export const OPERATOR_OPTIONS = ['by', 'reason'] as const

const LONGEST_TEXT = 1_000

/** Makes an order of what a caller says. Throws `ERR_BAD_OPTIONS` with every problem. */
export function readOrder(host: Host, verb: string, options: unknown): Order {
  const problems: string[] = []
  const reader = optionReader({ value: options ?? {}, of: verb, names: OPERATOR_OPTIONS, problems })
  const order = orderFrom(host, verb, reader)
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems(verb, problems))
  return order
}

/** Makes an order of {@link OPERATOR_OPTIONS} among other options of `verb`; what is wrong is a problem of the reader. */
export function orderFrom(host: Host, verb: string, reader: OptionReader): Order {
  const text = (name: (typeof OPERATOR_OPTIONS)[number]): string | undefined => {
    const value = reader.get(name)
    if (value === undefined) return undefined
    if (typeof value === 'string' && value.trim() !== '' && value.length <= LONGEST_TEXT) return value
    reader.problem(`option "${name}" of ${verb} must be a text of 1 to ${LONGEST_TEXT} characters`)
    return undefined
  }
  return { id: uuidV4(host), by: text('by') ?? thisUser(host), reason: text('reason') ?? null }
}

/** Reads the options of `audit`. Throws `ERR_BAD_OPTIONS` with every problem. */
export function readAuditOptions(value: unknown): AuditQuery {
  const problems: string[] = []
  const of = 'audit'
  const reader = optionReader({ value: value ?? {}, of, names: ['queue', 'action', 'limit'], problems })
  const given = reader.get('action')
  const action = AUDIT_ACTIONS.find((one) => one === given)
  if (given !== undefined && action === undefined) {
    reader.problem(`option "action" of ${of} must be one of ${AUDIT_ACTIONS.join(', ')}`)
  }
  const query = { queue: reader.queue('queue'), action, limit: reader.integer('limit', 1, 1_000) ?? 50 }
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems(of, problems))
  return query
}

/** An entry as it is shown. */
export function auditEntry({ at, ...record }: AuditRecord): AuditEntry {
  return { ...record, at: toDate(at) }
}

function thisUser({ processes }: Host): string {
  return `${userName()}@${processes.own().host}`
}
