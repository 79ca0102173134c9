/**
 * `readErrorGroups`: errors that are alike, counted from an index. It jumps from group to group, and counts no further than
 * the cap, so it costs what the groups cost, however many errors there are.
 */

import { COUNT_CAP, GROUPS_CAP, type ErrorGroupQuery, type ErrorGroupRecord } from '../../store.ts'
import { decodeError } from '../../stored-values.ts'
import type { Db } from '../connection.ts'

interface GroupStatements {
  readonly nextName: string
  readonly nextFingerprint: string
  readonly count: string
  readonly first: string
  readonly last: string
}

const statementsFor = (source: string, id: string, condition: string): GroupStatements => {
  const within = `from ${source} where name = ?1 and fingerprint = ?2 and ended_at >= ?3 ${condition}`
  return {
    nextName: `select min(name) as value from ${source} where name > ? ${condition}`,
    nextFingerprint: `select min(fingerprint) as value from ${source} where name = ? and fingerprint > ? ${condition}`,
    count: `select count(*) as value from (select 1 ${within} limit ${COUNT_CAP})`,
    first: `select min(ended_at) as value ${within}`,
    last: `select ${id} as id, ended_at, error ${within} order by ended_at desc limit 1`,
  }
}

// An empty fingerprint sorts before every other, and after what no text is smaller than.
const STATEMENTS: Readonly<Record<ErrorGroupQuery['of'], GroupStatements>> = {
  dead: statementsFor('millrace_dead indexed by millrace_dead_group', 'id', ''),
  attempts: statementsFor(
    'millrace_attempt_error indexed by millrace_attempt_error_group',
    'job_id',
    'and fingerprint is not null',
  ),
}

/** See {@link Store.readErrorGroups}. */
export function readErrorGroups(db: Db, { of, name, sinceMs }: ErrorGroupQuery): readonly ErrorGroupRecord[] {
  const statements = STATEMENTS[of]
  const since = sinceMs === undefined ? 0 : Math.max(0, Math.floor(db.now - sinceMs))
  const groups: ErrorGroupRecord[] = []
  let looked = 0
  // The one column of these statements.
  const valueOf = (sql: string, ...parameters: readonly (string | number)[]): string | number | null =>
    (db.prepare(sql).get(...parameters) as { readonly value: string | number | null } | undefined)?.value ?? null
  const nextName = (after: string): string | null => valueOf(statements.nextName, after) as string | null
  for (let of = name ?? nextName(''); of !== null; of = name === undefined ? nextName(of) : null) {
    // Below the empty text there is nothing: it is looked for by itself.
    let fingerprint: string | null = valueOf(statements.count, of, '', 0) === 0 ? null : ''
    fingerprint ??= valueOf(statements.nextFingerprint, of, '') as string | null
    while (fingerprint !== null && looked < GROUPS_CAP) {
      looked += 1
      const group = readGroup(db, statements, { name: of, fingerprint, since })
      if (group !== null) groups.push(group)
      fingerprint = valueOf(statements.nextFingerprint, of, fingerprint) as string | null
    }
  }
  return groups.sort((a, b) => b.lastAt - a.lastAt)
}

function readGroup(
  db: Db,
  statements: GroupStatements,
  { name, fingerprint, since }: { readonly name: string; readonly fingerprint: string; readonly since: number },
): ErrorGroupRecord | null {
  const key = [name, fingerprint, since] as const
  // The columns of the statements, in strict tables.
  const last = db.prepare(statements.last).get(...key) as
    | { readonly id: string; readonly ended_at: number; readonly error: string | null }
    | undefined
  if (last === undefined) return null
  const { value: count } = db.prepare(statements.count).get(...key) as { readonly value: number }
  const { value: firstAt } = db.prepare(statements.first).get(...key) as { readonly value: number }
  const { id: lastId, ended_at: lastAt } = last
  return { name, fingerprint, count, firstAt, lastAt, error: decodeError(last.error), lastId }
}
