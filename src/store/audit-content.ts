/** What every store writes down of what operators did. */

import { parseJson } from './stored-values.ts'
import type { AuditAction, AuditRecord, JobTarget, QueueChange } from './store.ts'

/** How many ids of named jobs are written down. */
const MOST_IDS = 100

/** What a bulk verb was about. */
export function auditedTarget(target: JobTarget): AuditRecord['target'] {
  return 'ids' in target ? { ids: target.ids.slice(0, MOST_IDS) } : { filter: target.filter }
}

/** The queue that a bulk verb was about, where it was about one. */
export function auditedQueue(target: JobTarget): string | null {
  return 'ids' in target ? null : (target.filter.queue ?? null)
}

/** What a change of a queue is called, and with which settings; null when it changes nothing. */
export function auditedChange({ isPaused }: QueueChange): Pick<AuditRecord, 'action' | 'target'> | null {
  if (isPaused === undefined) return null
  return { action: isPaused ? 'pause' : 'resume', target: {} }
}

/** A stored row. */
export function decodeAudit(
  row: Omit<AuditRecord, 'action' | 'target'> & { readonly action: string; readonly target: string },
): AuditRecord {
  const target = parseJson(row.target)
  return {
    ...row,
    // Written by this code; one of a newer version is shown by its own name.
    action: row.action as AuditAction,
    // Written by this code: an object.
    target: (target ?? {}) as AuditRecord['target'],
  }
}
