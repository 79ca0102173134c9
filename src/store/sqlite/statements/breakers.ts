/**
 * Circuit breakers: `countCalls`, `setBreaker`, `readBreakers`, and the ends of probes. What becomes of a breaker is decided by
 * the automaton of `job/breaker.ts`; each change is guarded by the version that was read.
 */

import { assert } from '../../../host/errors.ts'
import {
  NEW_BREAKER,
  stepBreaker,
  type Breaker,
  type BreakerEvent,
  type BreakerId,
  type BreakerMode,
  type BreakerState,
} from '../../../job/breaker.ts'
import { breakerRecord, decodeBreaker, encodeBreaker } from '../../breaker-content.ts'
import { plainText } from '../../stored-values.ts'
import {
  BREAKER_CAP,
  type Ack,
  type BreakerQuery,
  type BreakerRecord,
  type CallReport,
  type Order,
} from '../../store.ts'
import type { Db } from '../connection.ts'
import { writeAudit } from './audit.ts'

/** The columns of {@link BreakerRow}. */
export const BREAKER_COLUMNS = 'queue, kind, subject, state, open_until, version, changed_at, has_parked, content'

const READ = `select ${BREAKER_COLUMNS} from millrace_breaker where queue = ? and kind = ? and subject = ?`

const INSERT = `
  insert into millrace_breaker (queue, kind, subject, state, open_until, version, changed_at, touched_at, content)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?)`

const UPDATE = `
  update millrace_breaker set state = ?4, open_until = ?5, version = ?6, changed_at = ?7, touched_at = ?8, content = ?9
  where queue = ?1 and kind = ?2 and subject = ?3 and version = ?10`

type Condition = readonly [sql: string, ...values: readonly (string | number)[]]

function conditionsOf({ queue, by, subject, state, after }: BreakerQuery): readonly Condition[] {
  const conditions: Condition[] = [['changed_at is not null']]
  if (queue !== undefined) conditions.push(['queue = ?', plainText(queue)])
  if (by !== undefined) conditions.push(['kind = ?', by])
  if (subject !== undefined) conditions.push(['subject = ?', plainText(subject)])
  if (state !== undefined) conditions.push(['state = ?', state])
  if (after !== undefined) {
    const place = [plainText(after.queue), after.by, plainText(after.subject)] as const
    conditions.push(['changed_at <= ?', after.changedAt])
    conditions.push(['(changed_at < ? or (queue, kind, subject) > (?, ?, ?))', after.changedAt, ...place])
  }
  return conditions
}

/** A row of `millrace_breaker`. */
export interface BreakerRow {
  readonly queue: string
  readonly kind: BreakerId['by']
  readonly subject: string
  readonly state: BreakerState
  readonly open_until: number | null
  readonly version: number
  readonly changed_at: number | null
  readonly has_parked: number
  readonly content: string
}

/** See {@link Store.countCalls}. */
export function countCalls(db: Db, reports: readonly CallReport[]): readonly BreakerRecord[] {
  const opened: BreakerRecord[] = []
  for (const { id, settings, calls, failures } of reports) {
    const before = readBreaker(db, id)
    const after = changeBreaker(db, id, { type: 'counted', settings, calls, failures })
    if (after.state !== (before ?? NEW_BREAKER).state) opened.push(breakerRecord(id, after, db.now))
  }
  return opened
}

/** See {@link Store.setBreaker}. */
export function setBreaker(db: Db, id: BreakerId, mode: BreakerMode, order: Order): BreakerRecord {
  const kept = { ...id, queue: plainText(id.queue), subject: plainText(id.subject) }
  const after = changeBreaker(db, kept, { type: 'set', mode, who: order.by, why: order.reason })
  const action = mode === 'auto' ? 'breaker-auto' : mode === 'open' ? 'breaker-open' : 'breaker-close'
  writeAudit(db, order, { action, queue: kept.queue, target: { by: kept.by, subject: kept.subject } })
  return breakerRecord(kept, after, db.now)
}

/** See {@link Store.readBreakers}. */
export function readBreakers(db: Db, query: BreakerQuery = {}): readonly BreakerRecord[] {
  const conditions = conditionsOf(query)
  // A queue and a subject are found by the key of the table, everything else in the order of the answer.
  const isFoundByKey = query.queue !== undefined && query.subject !== undefined
  const index = isFoundByKey ? '' : 'indexed by millrace_breaker_changed'
  const sql = `select ${BREAKER_COLUMNS} from millrace_breaker ${index}
    where ${conditions.map(([condition]) => condition).join(' and ')}
    order by changed_at desc, queue, kind, subject limit ?`
  const values = conditions.flatMap(([, ...given]) => given)
  // The columns of the statement, in a strict table.
  const rows = db.prepare(sql).all(...values, query.limit ?? BREAKER_CAP) as BreakerRow[]
  return rows.map((row) => breakerRecord(idOf(row), breakerOf(row), db.now))
}

/** Tells breakers how their probes ended. */
export function endProbes(db: Db, acks: readonly Ack[]): void {
  for (const { id, lease, probe } of acks) {
    if (probe === undefined) continue
    changeBreaker(db, probe.of, { type: 'probed', probe: { id, lease }, outcome: probe.outcome })
  }
}

/** Changes a breaker as the automaton says; answers what it is now. */
export function changeBreaker(db: Db, id: BreakerId, event: BreakerEvent): Breaker {
  const before = readBreaker(db, id)
  const after = stepBreaker(before ?? NEW_BREAKER, event, db.now)
  if (after === (before ?? NEW_BREAKER)) return after
  const { state, openUntil, version, changedAt, content } = encodeBreaker(after)
  const place = [plainText(id.queue), id.by, plainText(id.subject)] as const
  if (before === null) {
    db.prepare(INSERT).run(...place, state, openUntil, version, changedAt, db.now, content)
    return after
  }
  const { changes } = db
    .prepare(UPDATE)
    .run(...place, state, openUntil, version, changedAt, db.now, content, before.version)
  assert(Number(changes) === 1, 'a breaker was changed by somebody else in the same transaction')
  return after
}

/** The breaker, or null. */
export function readBreaker(db: Db, { queue, by, subject }: BreakerId): Breaker | null {
  // The columns of the statement, in a strict table.
  const row = db.prepare(READ).get(plainText(queue), by, plainText(subject)) as BreakerRow | undefined
  return row === undefined ? null : breakerOf(row)
}

/** The breaker of a row. */
export function breakerOf(row: BreakerRow): Breaker {
  const { state, open_until: openUntil, version, changed_at: changedAt, content } = row
  return decodeBreaker({ state, openUntil, version, changedAt, content })
}

/** Which breaker a row is about. */
export function idOf({ queue, kind, subject }: BreakerRow): BreakerId {
  return { queue, by: kind, subject }
}
