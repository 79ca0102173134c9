/** What operators did: `readAudit`, and the row that their verbs write in the same transaction. */

import { decodeAudit } from '../../audit-content.ts'
import { plainText, plainTextOrNull } from '../../stored-values.ts'
import { AUDIT_KEPT_MS, type AuditQuery, type AuditRecord, type Order } from '../../store.ts'
import type { Db } from '../database.ts'

// A command that changes many jobs does so in several calls, which are one row.
const WRITE = `
  insert into /* schema */.audit (id, at, author, action, queue, target, jobs, reason)
  values ($1::uuid, (select /* schema */.now_ms()), $2, $3, $4, $5, $6::bigint, $7)
  on conflict (id) do update set jobs = audit.jobs + excluded.jobs`

const READ = `
  select id, at, author, action, queue, target, jobs, reason from /* schema */.audit
  where ($1::text is null or queue = $1) and ($2::text is null or action = $2) order by at desc, id desc limit $3::integer`

const PRUNE = `
  delete from /* schema */.audit where id = any(array(
    select id from /* schema */.audit where at <= (select /* schema */.now_ms()) - $1::bigint order by at limit 1000))`

type AuditRow = readonly [
  id: string,
  at: number,
  author: string,
  action: string,
  queue: string | null,
  target: string,
  jobs: number | null,
  reason: string | null,
]

/** Writes down what was done; without an order there is nobody to name. */
export async function writeAudit(
  db: Db,
  order: Order | undefined,
  done: Pick<AuditRecord, 'action' | 'queue' | 'target'> & { readonly jobs?: number },
): Promise<void> {
  if (order === undefined) return
  const { action, queue, target, jobs } = done
  const parts = [plainText(order.by), action, plainTextOrNull(queue), plainText(JSON.stringify(target))]
  await db.query(WRITE, [order.id, ...parts, jobs ?? null, plainTextOrNull(order.reason)])
}

/** See {@link Store.readAudit}. */
export async function readAudit(db: Db, { queue, action, limit }: AuditQuery): Promise<readonly AuditRecord[]> {
  // The columns of the statement.
  const rows = (await db.query(READ, [queue ?? null, action ?? null, limit])) as unknown as readonly AuditRow[]
  return rows.map(([id, at, by, done, about, target, jobs, reason]) =>
    decodeAudit({ id, at, by, action: done, queue: about, target, jobs, reason }),
  )
}

/** Forgets what was done long ago. */
export async function pruneAudit(db: Db): Promise<void> {
  await db.query(PRUNE, [AUDIT_KEPT_MS])
}
