/** What operators did: `readAudit`, and the row that their verbs write in the same transaction. */

import { plainText, plainTextOrNull } from '../../stored-values.ts'
import { decodeAudit } from '../../audit-content.ts'
import { AUDIT_KEPT_MS, type AuditQuery, type AuditRecord, type Order } from '../../store.ts'
import type { Db } from '../connection.ts'

// A command that changes many jobs does so in several calls, which are one row.
const WRITE = `
  insert into millrace_audit (id, at, author, action, queue, target, jobs, reason) values (?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (id) do update set jobs = jobs + excluded.jobs`

const READ = `
  select id, at, author, action, queue, target, jobs, reason from millrace_audit
  where (?1 is null or queue = ?1) and (?2 is null or action = ?2) order by at desc, rowid desc limit ?3`

const PRUNE =
  'delete from millrace_audit where rowid in (select rowid from millrace_audit where at <= ? order by at limit 1000)'

interface AuditRow {
  readonly id: string
  readonly at: number
  readonly author: string
  readonly action: string
  readonly queue: string | null
  readonly target: string
  readonly jobs: number | null
  readonly reason: string | null
}

/** Writes down what was done; without an order there is nobody to name. */
export function writeAudit(
  db: Db,
  order: Order | undefined,
  done: Pick<AuditRecord, 'action' | 'queue' | 'target'> & { readonly jobs?: number },
): void {
  if (order === undefined) return
  const { action, queue, target, jobs } = done
  const parts = [order.id, db.now, plainText(order.by), action, plainTextOrNull(queue), JSON.stringify(target)]
  db.prepare(WRITE).run(...parts, jobs ?? null, plainTextOrNull(order.reason))
}

/** See {@link Store.readAudit}. */
export function readAudit(db: Db, { queue, action, limit }: AuditQuery): readonly AuditRecord[] {
  // The columns of the statement, in a strict table.
  const rows = db.prepare(READ).all(queue ?? null, action ?? null, limit) as AuditRow[]
  return rows.map(({ author, ...row }) => decodeAudit({ by: author, ...row }))
}

/** Forgets what was done long ago. */
export function pruneAudit(db: Db): void {
  db.prepare(PRUNE).run(db.now - AUDIT_KEPT_MS)
}
